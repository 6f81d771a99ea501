// The universes that the graph knows, each with its first and last day. For messages and for a look around.
//
// Parameters
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   universe, first (its first day with a member), last (the last one; 9999-12-30 while a membership is open)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (:Company)-[m:MEMBER_OF]->(u:Universe)
WHERE m.recorded_from <= known AND m.recorded_to > known
RETURN u.universe AS universe, min(m.valid_from) AS first, max(m.valid_to) - duration({days: 1}) AS last
ORDER BY universe;
