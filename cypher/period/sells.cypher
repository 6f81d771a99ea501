// What every company sells on any day of a period: one row for each day on which intervals begin, in that order.
//
// Parameters
//   $first  DATE      first day of the period
//   $last   DATE      last day of the period
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   first_day              the day on which the intervals begin, in days since 1970-01-01
//   end_days               the days on which they end (exclusive), in the same count, one a relationship
//   sources, targets       companies and products by the server's numbers (node_numbers), one a relationship
//   weights                shares of revenue, one a relationship
//
// Two seeks that share no relationship: one for what began since `earliest` (no shorter interval that began before
// can still hold), one for the long and open-ended intervals of before, which alone carry long_from.
// Numbers instead of texts: a million of them are read from no property, and sent in a tenth of the time. They are
// Cypher 5's; nothing stores them.
CYPHER 5
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known,
     $first - duration({days: coalesce(ledger.longest_sells_days, 3700000)}) AS earliest
CALL (known, earliest) {
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(long_from)
  WHERE r.long_from < earliest
    AND r.valid_from <= $last AND r.valid_to > $first
    AND r.recorded_from <= known AND r.recorded_to > known
  WITH r.long_from AS valid_from,
       collect(duration.inDays(date('1970-01-01'), r.valid_to).days) AS end_days,
       collect(id(c)) AS sources, collect(id(p)) AS targets, collect(r.weight) AS weights
  RETURN valid_from, end_days, sources, targets, weights
  ORDER BY valid_from
  UNION ALL
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(valid_from, valid_to)
  WHERE r.valid_from >= earliest
    AND r.valid_from <= $last AND r.valid_to > $first
    AND r.recorded_from <= known AND r.recorded_to > known
  WITH r.valid_from AS valid_from,
       collect(duration.inDays(date('1970-01-01'), r.valid_to).days) AS end_days,
       collect(id(c)) AS sources, collect(id(p)) AS targets, collect(r.weight) AS weights
  RETURN valid_from, end_days, sources, targets, weights
  ORDER BY valid_from
}
RETURN duration.inDays(date('1970-01-01'), valid_from).days AS first_day, end_days, sources, targets, weights;
