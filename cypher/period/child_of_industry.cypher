// The taxonomy of industries on any day of a period: one row for each pair of ends, in the order of their beginning.
//
// Parameters
//   $first  DATE      first day of the period
//   $last   DATE      last day of the period
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   first_day, end_day     the interval, half-open, in days since 1970-01-01
//   sources, targets       children and parents: ids of industries, one a relationship
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (child:Industry)-[t:CHILD_OF]->(parent:Industry)
WHERE t.valid_from <= $last AND t.valid_to > $first
  AND t.recorded_from <= known AND t.recorded_to > known
WITH t.valid_from AS valid_from, t.valid_to AS valid_to,
     collect(child.industry_id) AS children, collect(parent.industry_id) AS parents
RETURN duration.inDays(date('1970-01-01'), valid_from).days AS first_day,
       duration.inDays(date('1970-01-01'), valid_to).days AS end_day,
       children AS sources, parents AS targets
ORDER BY valid_from, valid_to;
