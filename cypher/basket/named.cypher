// Products by their id or their very name, the one that the database knew then.
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
WHERE p.recorded_from <= known
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH p, coalesce(f, p) AS then
WHERE (p.product_id = $text OR then.name = $text OR $text IN split(then.name_en, '; '))
  AND coalesce(then.valid_from <= $as_of, true) AND coalesce(then.valid_to > $as_of, true)
RETURN p.product_id AS product_id, then.name AS name
ORDER BY product_id;
