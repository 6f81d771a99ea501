// Who else sells what a company sells.
// A picture for Neo4j Browser (docs/explore.md).
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   mine, theirs (the largest shares of the others' revenue first)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH mine = (c:Company {company_id: $company})-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
MATCH theirs = (p)<-[s:SELLS]-(other:Company)
WHERE other <> c
  AND s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
RETURN mine, theirs
ORDER BY s.weight DESC
LIMIT 60;
