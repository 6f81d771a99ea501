// Products by their id or their very name.
//
// Parameters
//   $text   STRING        a product_id, or a name in either language
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (p:Product)
WHERE (p.product_id = $text OR p.name = $text OR p.name_en = $text)
  AND p.recorded_from <= known
  AND coalesce(p.valid_from <= $as_of, true) AND coalesce(p.valid_to > $as_of, true)
RETURN p.product_id AS product_id, p.name AS name
ORDER BY product_id;
