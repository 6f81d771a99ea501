// The products that most companies sell on a day: names to show where a text found none.
//
// Parameters
//   $limit  INTEGER       at most so many
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, companies (number of them)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (:Company)-[r:SELLS]->(p:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
WITH known, p, count(r) AS companies
ORDER BY companies DESC, p.product_id
LIMIT $limit
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name, companies
ORDER BY companies DESC, product_id;
