// The members of a universe on a day.
//
// Parameters
//   $universe  STRING     the universe
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company)-[m:MEMBER_OF]->(:Universe {universe: $universe})
WHERE m.valid_from <= $as_of AND m.valid_to > $as_of
  AND m.recorded_from <= known AND m.recorded_to > known
RETURN DISTINCT c.company_id AS company_id
ORDER BY company_id;
