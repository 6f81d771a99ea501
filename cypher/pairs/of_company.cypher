// Who else sells what one company sells or what is near it, along the taxonomy, best first: two products are as near as
// the share of the longer path that they have in common, where the step to level l has the weight l. Each product's
// revenue is laid out over its path by these weights (mass); overlap and cosine are those of the masses.
// `samgraph pairs --company ID` gives the same numbers.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $top      INTEGER   at most so many
//
// Columns
//   company_id, other_id, overlap (sum of the smaller of the two masses), cosine, shared (number of common products, with
//   those above what was reported), level and meets (the common product with most in common)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})
CALL (known, c) {
  MATCH (c)-[r:SELLS]->(p:Product)
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
  WITH r.weight AS weight, reverse(nodes(way)) AS path
  UNWIND range(1, size(path)) AS level
  WITH path[level - 1] AS node, level, sum(weight * level * 2.0 / (size(path) * (size(path) + 1))) AS mass
  WITH collect({node: node, level: level, mass: mass}) AS masses
  RETURN masses, sqrt(reduce(sum = 0.0, m IN masses | sum + m.mass * m.mass)) AS mine
}
UNWIND masses AS m
WITH known, c, mine, m.node AS node, m.level AS level, m.mass AS mass
// Others' products at or below the node: k of them lie deeper by so many steps.
MATCH below = (node) (()<-[d:CHILD_OF WHERE
  d.valid_from <= $as_of AND d.valid_to > $as_of
  AND d.recorded_from <= known AND d.recorded_to > known]-(:Product)){0,} (q:Product)
MATCH (other:Company)-[s:SELLS]->(q)
WHERE other <> c
  AND s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
WITH known, c, mine, node, level, mass, other, s.weight AS weight, level + length(below) AS depth
WITH known, c, mine, node, level, mass, other, sum(weight * level * 2.0 / (depth * (depth + 1))) AS theirs
WITH known, c, mine, other, node, level, mass * theirs AS product, CASE WHEN mass < theirs THEN mass ELSE theirs END AS common
ORDER BY round(common, 9) DESC, level DESC, node.product_id
WITH known, c, mine, other, sum(common) AS overlap, sum(product) AS product, count(*) AS shared,
     collect({id: node.product_id, level: level})[0] AS most
ORDER BY round(overlap, 9) DESC, other.company_id
LIMIT $top
CALL (known, other) {
  MATCH (other)-[r:SELLS]->(p:Product)
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
  WITH r.weight AS weight, reverse(nodes(way)) AS path
  UNWIND range(1, size(path)) AS level
  WITH path[level - 1] AS node, sum(weight * level * 2.0 / (size(path) * (size(path) + 1))) AS mass
  RETURN sqrt(sum(mass * mass)) AS theirs
}
RETURN c.company_id AS company_id, other.company_id AS other_id, overlap,
       CASE WHEN mine * theirs > 0 THEN product / (mine * theirs) ELSE 0.0 END AS cosine, shared,
       CASE WHEN overlap > 0 THEN most.level END AS level, CASE WHEN overlap > 0 THEN most.id END AS meets
ORDER BY round(overlap, 9) DESC, other_id;
