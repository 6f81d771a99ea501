// Pairs of a universe's members by what they sell: overlap and cosine of revenue shares by reported product, best
// first. For the whole graph rather than a universe use `samgraph pairs`, which does not meet every pair twice.
//
// Parameters
//   $universe  STRING    the universe
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $top       INTEGER   at most so many
//
// Columns
//   company_id, other_id, overlap (sum of the smaller of the two shares), cosine, shared (number of products)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  MATCH (m:Company)-[b:MEMBER_OF]->(:Universe {universe: $universe})
  WHERE b.valid_from <= $as_of AND b.valid_to > $as_of
    AND b.recorded_from <= known AND b.recorded_to > known
  RETURN collect(DISTINCT m) AS members
}
UNWIND members AS c
MATCH (c)-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
WITH known, p, collect({company: c, weight: r.weight}) AS sellers
UNWIND sellers AS one
UNWIND sellers AS two
WITH known, p, one, two
WHERE one.company.company_id < two.company.company_id
WITH known, one.company AS c, two.company AS other, count(p) AS shared, sum(one.weight * two.weight) AS product,
     sum(CASE WHEN one.weight < two.weight THEN one.weight ELSE two.weight END) AS overlap
ORDER BY round(overlap, 9) DESC, c.company_id, other.company_id
LIMIT $top
CALL (known, c) {
  MATCH (c)-[x:SELLS]->(:Product)
  WHERE x.valid_from <= $as_of AND x.valid_to > $as_of
    AND x.recorded_from <= known AND x.recorded_to > known
  RETURN sqrt(sum(x.weight * x.weight)) AS mine
}
CALL (known, other) {
  MATCH (other)-[y:SELLS]->(:Product)
  WHERE y.valid_from <= $as_of AND y.valid_to > $as_of
    AND y.recorded_from <= known AND y.recorded_to > known
  RETURN sqrt(sum(y.weight * y.weight)) AS theirs
}
RETURN c.company_id AS company_id, other.company_id AS other_id, overlap,
       CASE WHEN mine * theirs > 0 THEN product / (mine * theirs) ELSE 0.0 END AS cosine, shared
ORDER BY round(overlap, 9) DESC, company_id, other_id;
