// Of some products those that have another of the products that a text names below them.
//
// Parameters
//   $lists  LIST<STRING>  product_ids of those asked about
//   $ids    LIST<STRING>  product_ids of all that the text names
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $lists AS id
MATCH (root:Product {product_id: id})
MATCH (root) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){1,} (p:Product)
WHERE p.product_id IN $ids
RETURN DISTINCT root.product_id AS product_id
ORDER BY product_id;
