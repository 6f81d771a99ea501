// A product, all below it, and who earns with it.
// A picture for Neo4j Browser (docs/explore.md).
//
// Parameters
//   $product  STRING    product_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   below, sale (null where nobody sells the product)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH below = (:Product {product_id: $product}) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
OPTIONAL MATCH sale = (:Company)-[r:SELLS]->(p)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
RETURN below, sale
LIMIT 200;
