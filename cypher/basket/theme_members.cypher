// Who belongs to any of some themes on a day.
//
// Parameters
//   $ids    LIST<STRING>  product_ids of the themes
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, products (id of the first theme that it belongs to), weights ([1.0]: it belongs, be it to several)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $ids AS id
MATCH (c:Company)-[r:IN_THEME]->(p:Product {product_id: id})
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
WITH known, c, min(id) AS first
OPTIONAL MATCH (c)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN c.company_id AS company_id, coalesce(f, c).name AS name, [first] AS products, [1.0] AS weights
ORDER BY company_id;
