// The companies of an id or of a very name, with what each of them sells on a day.
//
// Parameters
//   $text   STRING    company_id, or a company's name
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, products (ids, empty for one without a valid report)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company)
WHERE c.recorded_from <= known
OPTIONAL MATCH (c)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH known, c, coalesce(f, c).name AS name
WHERE c.company_id = $text OR name = $text
OPTIONAL MATCH (c)-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
RETURN c.company_id AS company_id, name, collect(p.product_id) AS products
ORDER BY company_id;
