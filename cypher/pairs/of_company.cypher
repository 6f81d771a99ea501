// Who else sells what one company sells: overlap and cosine of revenue shares by reported product, best first.
// To see the products themselves in Neo4j Browser, end with: RETURN c, r, p, s, other LIMIT 100.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $top      INTEGER   at most so many
//
// Columns
//   company_id, other_id, overlap (sum of the smaller of the two shares), cosine, shared (number of products)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})-[r:SELLS]->(p:Product)<-[s:SELLS]-(other:Company)
WHERE other <> c
  AND r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
  AND s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
WITH known, c, other, count(p) AS shared, sum(r.weight * s.weight) AS product,
     sum(CASE WHEN r.weight < s.weight THEN r.weight ELSE s.weight END) AS overlap
ORDER BY round(overlap, 9) DESC, other.company_id
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
ORDER BY round(overlap, 9) DESC, other_id;
