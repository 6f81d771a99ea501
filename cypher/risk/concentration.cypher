// Hidden concentration of holdings: how many products at each level, and how many industries, they really are.
// `samgraph risk` gives the same numbers.
//
// Parameters
//   $holdings  LIST<MAP>  of company_id and weight, each company once
//   $as_of     DATE       the day asked about
//   $known     DATETIME   what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   family    product or industry
//   level     1 for roots; one whose branch ends above a level stays as it is; null for industries as labelled
//   effective (effective number of groups, 1 / sum of squared shares), largest (its id), name, share (of the largest,
//   in what is covered), covered (share of the holdings behind any group), groups (number of them)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
WITH known, reduce(sum = 0.0, h IN $holdings | sum + abs(h.weight)) AS invested
CALL (known) {
  UNWIND $holdings AS h
  MATCH (:Company {company_id: h.company_id})-[r:SELLS]->(p:Product)
  WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
    AND r.recorded_from <= known AND r.recorded_to > known
  WITH known, p, sum(h.weight * r.weight) AS weight
  MATCH way = (p) (()-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]->(:Product)){0,} (root:Product)
  WHERE NOT EXISTS {
    MATCH (root)-[b:CHILD_OF]->(:Product)
    WHERE b.valid_from <= $as_of AND b.valid_to > $as_of
      AND b.recorded_from <= known AND b.recorded_to > known
  }
  WITH reverse(nodes(way)) AS path, weight
  WITH collect({path: path, weight: weight}) AS behind, max(size(path)) AS deepest
  UNWIND range(1, deepest) AS level
  UNWIND behind AS one
  WITH level, one.weight AS weight,
       one.path[CASE WHEN level < size(one.path) THEN level ELSE size(one.path) END - 1] AS node
  WITH level, node, abs(sum(weight)) AS size
  WHERE size > 0
  RETURN 'product' AS family, level, node.product_id AS id, node, size
  UNION ALL
  UNWIND $holdings AS h
  MATCH (:Company {company_id: h.company_id})-[r:CLASSIFIED_AS]->(i:Industry)
  WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
    AND r.recorded_from <= known AND r.recorded_to > known
  WITH known, i, sum(h.weight) AS weight
  MATCH (i) (()-[t:CHILD_OF WHERE
    t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known]->(:Industry)){0,} (root:Industry)
  WHERE NOT EXISTS {
    MATCH (root)-[b:CHILD_OF]->(:Industry)
    WHERE b.valid_from <= $as_of AND b.valid_to > $as_of
      AND b.recorded_from <= known AND b.recorded_to > known
  }
  UNWIND [[1, root], [null, i]] AS one
  WITH one[0] AS level, one[1] AS node, abs(sum(weight)) AS size
  WHERE size > 0
  RETURN 'industry' AS family, level, node.industry_id AS id, node, size
}
WITH known, invested, family, level, id, node, size
ORDER BY size DESC, id DESC
WITH known, invested, family, level, sum(size) AS total, sum(size * size) AS squares,
     collect({id: id, node: node, size: size})[0] AS first, count(*) AS groups
WITH *, first.node AS node
OPTIONAL MATCH (node)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN family, level, total * total / squares AS effective, first.id AS largest, coalesce(f, node).name AS name,
       first.size / total AS share, CASE WHEN invested > 0 THEN total / invested END AS covered, groups
ORDER BY family DESC, level;
