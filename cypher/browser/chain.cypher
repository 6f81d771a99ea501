// The value chain around a product: two links up, two links down.
// A picture for Neo4j Browser (docs/explore.md).
//
// Parameters
//   $product  STRING    product_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   p, ups (paths to inputs), downs (paths to what it goes into)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (p:Product {product_id: $product})
OPTIONAL MATCH up = (p) (()<-[s:SUPPLIES WHERE
  s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known]-(:Product)){1,2} (input:Product)
WITH known, p, collect(up) AS ups
OPTIONAL MATCH down = (p) (()-[d:SUPPLIES WHERE
  d.valid_from <= $as_of AND d.valid_to > $as_of
  AND d.recorded_from <= known AND d.recorded_to > known]->(:Product)){1,2} (use:Product)
WITH p, ups, collect(down) AS downs
RETURN p, ups, downs;
