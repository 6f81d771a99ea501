// Who else sells what one company sells, product by product, with both shares of revenue; where nobody does, who sells
// what is nearest: the product's branch is climbed until somebody else sells anything of it.
// `samgraph pairs --company ID --by-product` gives the same numbers.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, share (of the company's revenue), level, meets, meets_name (where both meet: the product itself,
//   or the nearest above it), other_id, other_name, other_share (of the other's revenue, with all at or below that)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
MATCH way = (p) (()-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]->(:Product)){0,} (root:Product)
WHERE NOT EXISTS {
  MATCH (root)-[u:CHILD_OF]->(:Product)
  WHERE u.valid_from <= $as_of AND u.valid_to > $as_of
    AND u.recorded_from <= known AND u.recorded_to > known
}
WITH known, c, p, r.weight AS share, nodes(way) AS path
CALL (known, c, path) {
  UNWIND range(0, size(path) - 1) AS up
  WITH known, c, up, path[up] AS node
  MATCH (node) (()<-[d:CHILD_OF WHERE
    d.valid_from <= $as_of AND d.valid_to > $as_of
    AND d.recorded_from <= known AND d.recorded_to > known]-(:Product)){0,} (q:Product)
  MATCH (other:Company)-[s:SELLS]->(q)
  WHERE other <> c
    AND s.valid_from <= $as_of AND s.valid_to > $as_of
    AND s.recorded_from <= known AND s.recorded_to > known
  WITH up, node, other, sum(s.weight) AS other_share
  WITH up, node, collect({company: other, share: other_share}) AS others
  ORDER BY up
  LIMIT 1
  RETURN up, node, others
}
UNWIND others AS one
WITH known, p, share, size(path) - up AS level, node, one.company AS other, one.share AS other_share
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
OPTIONAL MATCH (node)-[x:WAS]->(h:Former)
WHERE x.recorded_from <= known AND x.recorded_to > known
OPTIONAL MATCH (other)-[v:WAS]->(g:Former)
WHERE v.recorded_from <= known AND v.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name, share, level, node.product_id AS meets,
       coalesce(h, node).name AS meets_name, other.company_id AS other_id, coalesce(g, other).name AS other_name,
       other_share
ORDER BY round(share, 9) DESC, product_id, round(other_share, 9) DESC, other_id;
