// Who else sells what one company sells, product by product, with both shares of revenue.
// `samgraph pairs --company ID --by-product` gives the same numbers.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, share (of the company's revenue), other_id, other_name, other_share (of the other's revenue)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})-[r:SELLS]->(p:Product)<-[s:SELLS]-(other:Company)
WHERE other <> c
  AND r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
  AND s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
OPTIONAL MATCH (other)-[v:WAS]->(g:Former)
WHERE v.recorded_from <= known AND v.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name, r.weight AS share,
       other.company_id AS other_id, coalesce(g, other).name AS other_name, s.weight AS other_share
ORDER BY round(share, 9) DESC, product_id, round(other_share, 9) DESC, other_id;
