// A basket in one query: who earns with a product or anything below it, by share of revenue.
// `samgraph basket` gives the same numbers, and links up and down the value chain too.
//
// Parameters
//   $product  STRING       product_id
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, purity (share of the company's revenue inside the basket), products (names)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (root:Product {product_id: $product})
MATCH (root) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
WITH DISTINCT known, p
MATCH (c:Company)-[r:SELLS]->(p)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
RETURN c.company_id AS company_id, c.name AS name, sum(r.weight) AS purity, collect(p.name) AS products
ORDER BY round(purity, 9) DESC, company_id;
