// The value chain on any day of a period: one row for each pair of ends, in the order of their beginning.
//
// Parameters
//   $first  DATE      first day of the period
//   $last   DATE      last day of the period
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   first_day, end_day        the interval, half-open, in days since 1970-01-01
//   sources, targets          suppliers and customers: ids of products, one a relationship
//   weights                   of the link; 1 where none was given
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (supplier:Product)-[s:SUPPLIES]->(customer:Product)
WHERE s.valid_from <= $last AND s.valid_to > $first
  AND s.recorded_from <= known AND s.recorded_to > known
WITH s.valid_from AS valid_from, s.valid_to AS valid_to, collect(supplier.product_id) AS suppliers,
     collect(customer.product_id) AS customers, collect(coalesce(s.weight, 1.0)) AS weights
RETURN duration.inDays(date('1970-01-01'), valid_from).days AS first_day,
       duration.inDays(date('1970-01-01'), valid_to).days AS end_day,
       suppliers AS sources, customers AS targets, weights
ORDER BY valid_from, valid_to;
