// What a company reported that it sells, every report that had begun to be valid by a day, over since or not.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   period_end, announced_on (null both where rows came with explicit intervals), valid_from, valid_to (exclusive; null
//   while it is open, or ends after the day: the end is not known then), products (ids), names, weights (shares of
//   revenue)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH r, p, coalesce(f, p).name AS name
ORDER BY r.weight DESC, p.product_id
RETURN r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       CASE WHEN r.valid_to <= $as_of THEN r.valid_to END AS valid_to,
       collect(p.product_id) AS products, collect(name) AS names, collect(r.weight) AS weights
ORDER BY valid_from DESC, period_end DESC;
