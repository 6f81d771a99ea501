// The names of some companies and products, those that the database knew then.
//
// Parameters
//   $companies  LIST<STRING>  company_ids
//   $products   LIST<STRING>  product_ids
//   $known      DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   kind (company or product), id, name
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  UNWIND $companies AS id
  MATCH (c:Company {company_id: id})
  RETURN 'company' AS kind, id, c AS node
  UNION ALL
  UNWIND $products AS id
  MATCH (p:Product {product_id: id})
  RETURN 'product' AS kind, id, p AS node
}
OPTIONAL MATCH (node)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN kind, id, coalesce(f, node).name AS name
ORDER BY kind, id;
