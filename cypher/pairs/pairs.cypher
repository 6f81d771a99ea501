// Pairs of a universe's members by what they sell, along the taxonomy: two products are as near as the share of the
// longer path that they have in common, where the step to level l has the weight l. Each product's revenue is laid out
// over its path by these weights (mass); overlap and cosine are those of the masses. `samgraph pairs` gives the same
// numbers, also for the whole graph, where this would meet every pair twice.
//
// Parameters
//   $universe  STRING    the universe
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $top       INTEGER   at most so many
//
// Columns
//   company_id, other_id, overlap (sum of the smaller of the two masses), cosine, shared (number of common products, with
//   those above what was reported), level and meets (the common product with most in common)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  MATCH (m:Company)-[b:MEMBER_OF]->(:Universe {universe: $universe})
  WHERE b.valid_from <= $as_of AND b.valid_to > $as_of
    AND b.recorded_from <= known AND b.recorded_to > known
  RETURN collect(DISTINCT m) AS members
}
UNWIND members AS c
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
  RETURN masses, sqrt(reduce(sum = 0.0, m IN masses | sum + m.mass * m.mass)) AS norm
}
UNWIND masses AS m
WITH m.node AS node, m.level AS level, collect({company: c, norm: norm, mass: m.mass}) AS sellers
UNWIND sellers AS one
UNWIND sellers AS two
WITH node, level, one, two
WHERE one.company.company_id < two.company.company_id
WITH node, level, one, two, CASE WHEN one.mass < two.mass THEN one.mass ELSE two.mass END AS common
ORDER BY round(common, 9) DESC, level DESC, node.product_id
WITH one.company.company_id AS company_id, two.company.company_id AS other_id, one.norm * two.norm AS norms,
     sum(common) AS overlap, sum(one.mass * two.mass) AS product, count(*) AS shared,
     collect({id: node.product_id, level: level})[0] AS most
RETURN company_id, other_id, overlap, CASE WHEN norms > 0 THEN product / norms ELSE 0.0 END AS cosine, shared,
       CASE WHEN overlap > 0 THEN most.level END AS level, CASE WHEN overlap > 0 THEN most.id END AS meets
ORDER BY round(overlap, 9) DESC, company_id, other_id
LIMIT $top;
