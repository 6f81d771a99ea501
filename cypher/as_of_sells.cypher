// What every company sells on one day: one row, folded into lists on the server.
//
// Parameters
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $taxonomy  BOOLEAN   whether to bring the parents that were valid on that day, too
//
// Columns
//   known      the moment that was answered for
//   reports    [company_id, period_end, announced_on, valid_from, [product_id, ...], [weight, ...]] a report;
//              days as numbers since 1970-01-01, null where a row came with explicit intervals
//   taxonomy   [product_id of a parent, [product_id of its children, ...]]; empty without $taxonomy
//
// Two seeks that share no relationship: one for what began since `earliest` (no shorter interval that began before
// can still hold), one for the long and open-ended intervals of before, which alone carry long_from.
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known,
     $as_of - duration({days: coalesce(ledger.longest_sells_days, 3700000)}) AS earliest
CALL (known, earliest) {
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(valid_from)
  WHERE r.valid_from >= earliest
      AND r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  WITH c, r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       collect(p.product_id) AS products, collect(r.weight) AS weights
  WITH c, products, weights, date('1970-01-01') AS origin, period_end, announced_on, valid_from
  RETURN collect([c.company_id, duration.inDays(origin, period_end).days,
                  duration.inDays(origin, announced_on).days, duration.inDays(origin, valid_from).days,
                  products, weights]) AS recent
}
CALL (known, earliest) {
  MATCH (c:Company)-[r:SELLS]->(p:Product)
  USING INDEX r:SELLS(long_from)
  WHERE r.long_from < earliest
      AND r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  WITH c, r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       collect(p.product_id) AS products, collect(r.weight) AS weights
  WITH c, products, weights, date('1970-01-01') AS origin, period_end, announced_on, valid_from
  RETURN collect([c.company_id, duration.inDays(origin, period_end).days,
                  duration.inDays(origin, announced_on).days, duration.inDays(origin, valid_from).days,
                  products, weights]) AS long
}
CALL (known) {
  WITH known WHERE $taxonomy
  MATCH (child:Product)-[t:CHILD_OF]->(parent:Product)
  USING INDEX t:CHILD_OF(valid_from)
  WHERE t.valid_from <= $as_of AND t.valid_to > $as_of
      AND t.recorded_from <= known AND t.recorded_to > known
  WITH parent.product_id AS parent, collect(child.product_id) AS children
  RETURN collect([parent, children]) AS taxonomy
}
RETURN known, recent + long AS reports, taxonomy;
