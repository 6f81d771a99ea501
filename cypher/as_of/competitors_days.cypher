// The first and the last day on which the graph has a COMPETES_WITH relationship. For messages.
//
// Parameters
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   known (the moment that was answered for), first, last (null both where there is none; last is 9999-12-30 while
//   an interval is open)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
OPTIONAL MATCH ()-[r:COMPETES_WITH]->()
WHERE r.recorded_from <= known AND r.recorded_to > known
RETURN known, min(r.valid_from) AS first, max(r.valid_to) - duration({days: 1}) AS last;
