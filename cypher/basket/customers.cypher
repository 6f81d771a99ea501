// Products that some products are inputs of: one link down the value chain.
//
// Parameters
//   $ids    LIST<STRING>  product_ids
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $ids AS id
MATCH (:Product {product_id: id})-[s:SUPPLIES]->(p:Product)
WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
RETURN DISTINCT p.product_id AS product_id
ORDER BY product_id;
