// Up the value chain: who supplies a company, or the makers of a product, and earns how much with it.
// At most three links; `samgraph chain --upstream N` gives the same numbers, for any N. A link of a product holds
// for all that is below it, and brings all that is below the linked one; what is reached twice counts once, by fewest
// links.
//
// Parameters
//   $start  STRING    company_id or product_id
//   $links  INTEGER   links to follow, 1 to 3
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   links, product_id, name, strength (weights of the links multiplied, along the strongest way; null where no way has
//   all its weights), company_id, company, share (of the company's revenue, with this product), purity (with all
//   products of the walk)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  MATCH (:Company {company_id: $start})-[r:SELLS]->(p:Product)
  WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
    AND r.recorded_from <= known AND r.recorded_to > known
  RETURN p AS q
  UNION
  MATCH (root:Product {product_id: $start})
  MATCH (root) (()<-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
  RETURN p AS q
}
WITH known, collect({product: q, strength: 1.0}) AS core
CALL (known, core) {
  WITH known, core AS front, [f IN core | f.product] AS seen WHERE $links >= 1
  UNWIND front AS f
  WITH known, seen, f.product AS q, f.strength AS so_far
  MATCH (q) (()-[u:CHILD_OF WHERE
    u.valid_from <= $as_of AND u.valid_to > $as_of
    AND u.recorded_from <= known AND u.recorded_to > known]->(:Product)){0,} (held:Product)
  MATCH (held)<-[s:SUPPLIES]-(linked:Product)
  WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
    AND s.recorded_from <= known AND s.recorded_to > known
  WITH known, seen, linked, max(so_far * s.weight) AS strength
  MATCH (linked) (()<-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
  WHERE NOT p IN seen
  WITH p, max(strength) AS strength
  RETURN collect({product: p, strength: strength, links: 1}) AS one
}
CALL (known, core, one) {
  WITH known, one AS front, [f IN core + one | f.product] AS seen WHERE $links >= 2
  UNWIND front AS f
  WITH known, seen, f.product AS q, f.strength AS so_far
  MATCH (q) (()-[u:CHILD_OF WHERE
    u.valid_from <= $as_of AND u.valid_to > $as_of
    AND u.recorded_from <= known AND u.recorded_to > known]->(:Product)){0,} (held:Product)
  MATCH (held)<-[s:SUPPLIES]-(linked:Product)
  WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
    AND s.recorded_from <= known AND s.recorded_to > known
  WITH known, seen, linked, max(so_far * s.weight) AS strength
  MATCH (linked) (()<-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
  WHERE NOT p IN seen
  WITH p, max(strength) AS strength
  RETURN collect({product: p, strength: strength, links: 2}) AS two
}
CALL (known, core, one, two) {
  WITH known, two AS front, [f IN core + one + two | f.product] AS seen WHERE $links >= 3
  UNWIND front AS f
  WITH known, seen, f.product AS q, f.strength AS so_far
  MATCH (q) (()-[u:CHILD_OF WHERE
    u.valid_from <= $as_of AND u.valid_to > $as_of
    AND u.recorded_from <= known AND u.recorded_to > known]->(:Product)){0,} (held:Product)
  MATCH (held)<-[s:SUPPLIES]-(linked:Product)
  WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
    AND s.recorded_from <= known AND s.recorded_to > known
  WITH known, seen, linked, max(so_far * s.weight) AS strength
  MATCH (linked) (()<-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
  WHERE NOT p IN seen
  WITH p, max(strength) AS strength
  RETURN collect({product: p, strength: strength, links: 3}) AS three
}
UNWIND one + two + three AS f
WITH known, f.product AS p, f
MATCH (c:Company)-[e:SELLS]->(p)
WHERE e.valid_from <= $as_of AND e.valid_to > $as_of
  AND e.recorded_from <= known AND e.recorded_to > known
WITH known, c, collect({product: p, strength: f.strength, links: f.links, share: e.weight}) AS sold, sum(e.weight) AS purity
UNWIND sold AS row
WITH known, c, purity, row, row.product AS p
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
OPTIONAL MATCH (c)-[v:WAS]->(g:Former)
WHERE v.recorded_from <= known AND v.recorded_to > known
RETURN row.links AS links, p.product_id AS product_id, coalesce(f, p).name AS name, row.strength AS strength,
       c.company_id AS company_id, coalesce(g, c).name AS company, row.share AS share, purity
ORDER BY links, product_id, share DESC, company_id;
