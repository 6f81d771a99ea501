// What every company sells on one day: a row for each period, announcement and beginning, folded on the server.
//
// Parameters
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   period_end, announced_on, valid_from   of the reports, in days since 1970-01-01; the first two are null where rows
//                                          came with explicit intervals
//   sources, targets                       companies and products by the server's numbers (node_numbers), one an edge
//   weights                                shares of revenue, one an edge
//
// Two seeks that share no relationship: one for what began since `earliest` (no shorter interval that began before
// can still hold), one for the long and open-ended intervals of before, which alone carry long_from.
CYPHER 5
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known,
     $as_of - duration({days: coalesce(ledger.longest_sells_days, 3700000)}) AS earliest
CALL (known, earliest) {
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(valid_from, valid_to)
  WHERE r.valid_from >= earliest
      AND r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  WITH r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       collect(id(c)) AS sources, collect(id(p)) AS targets, collect(r.weight) AS weights
  RETURN period_end, announced_on, valid_from, sources, targets, weights
  UNION ALL
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(long_from)
  WHERE r.long_from < earliest
      AND r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  WITH r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       collect(id(c)) AS sources, collect(id(p)) AS targets, collect(r.weight) AS weights
  RETURN period_end, announced_on, valid_from, sources, targets, weights
}
WITH date('1970-01-01') AS origin, period_end, announced_on, valid_from, sources, targets, weights
RETURN duration.inDays(origin, period_end).days AS period_end, duration.inDays(origin, announced_on).days AS announced_on,
       duration.inDays(origin, valid_from).days AS valid_from, sources, targets, weights;
