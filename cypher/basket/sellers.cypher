// Who sells some products on a day, and for which share of revenue.
//
// Parameters
//   $ids    LIST<STRING>  product_ids
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, products (ids), weights (shares of revenue, one a product)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $ids AS id
MATCH (c:Company)-[r:SELLS]->(p:Product {product_id: id})
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
WITH known, c, collect(id) AS products, collect(r.weight) AS weights
OPTIONAL MATCH (c)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN c.company_id AS company_id, coalesce(f, c).name AS name, products, weights
ORDER BY company_id;
