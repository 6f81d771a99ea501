// What a company sells, with shares of revenue, and all that is above it in the taxonomy.
// A picture for Neo4j Browser (docs/explore.md).
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   sale, way (from the product up; the longest ends at a root)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH sale = (:Company {company_id: $company})-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
MATCH way = (p) (()-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]->(:Product)){0,} (root:Product)
RETURN sale, way
LIMIT 300;
