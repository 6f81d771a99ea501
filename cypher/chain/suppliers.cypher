// One link up the value chain from some products: their inputs, with everything below them in the taxonomy of a day.
// A link of a product holds for all that is below it, too.
//
// Parameters
//   $ids        LIST<STRING>  product_ids
//   $strengths  LIST<FLOAT>   the strength with which each was reached; 1 for the first ones, null if unknown
//   $as_of      DATE          the day asked about
//   $known      DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, strength (of the strongest way: strengths multiplied with the weights of links; null where no
//   way has all its weights)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND range(0, size($ids) - 1) AS place
MATCH (q:Product {product_id: $ids[place]})
MATCH (q) (()-[u:CHILD_OF WHERE
  u.valid_from <= $as_of AND u.valid_to > $as_of
  AND u.recorded_from <= known AND u.recorded_to > known]->(:Product)){0,} (held:Product)
MATCH (held)<-[s:SUPPLIES]-(linked:Product)
WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
WITH known, linked, max($strengths[place] * s.weight) AS strength
MATCH (linked) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
WITH known, p, max(strength) AS strength
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name, strength
ORDER BY product_id;
