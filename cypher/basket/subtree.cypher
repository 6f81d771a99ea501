// Products with everything below them in the taxonomy of a day.
//
// Parameters
//   $ids    LIST<STRING>  product_ids
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $ids AS id
MATCH (root:Product {product_id: id})
MATCH (root) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
WITH DISTINCT known, p
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name
ORDER BY product_id;
