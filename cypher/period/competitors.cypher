// The competitors of every company on any day of a period: one row for each pair of ends, in the order of their
// beginning.
//
// Parameters
//   $first  DATE      first day of the period
//   $last   DATE      last day of the period
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   first_day, end_day     the interval, half-open, in days since 1970-01-01
//   sources, targets       ids of companies and their competitors: each relationship twice, once from either end
//   weights                scores
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company)-[r:COMPETES_WITH]-(o:Company)
WHERE r.valid_from <= $last AND r.valid_to > $first
  AND r.recorded_from <= known AND r.recorded_to > known
WITH r.valid_from AS valid_from, r.valid_to AS valid_to,
     collect(c.company_id) AS companies, collect(o.company_id) AS targets, collect(r.score) AS weights
RETURN duration.inDays(date('1970-01-01'), valid_from).days AS first_day,
       duration.inDays(date('1970-01-01'), valid_to).days AS end_day,
       companies AS sources, targets, weights
ORDER BY valid_from, valid_to;
