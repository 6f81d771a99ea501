// The names of some companies, those that the database knew then.
//
// Parameters
//   $ids    LIST<STRING>  company_ids
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   id, name
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $ids AS id
MATCH (n:Company {company_id: id})
OPTIONAL MATCH (n)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN id, coalesce(f, n).name AS name;
