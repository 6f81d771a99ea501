// What the members of one universe sell on one day: one row, folded into lists on the server.
//
// Parameters
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $universe  STRING    the universe
//
// Columns
//   known      the moment that was answered for
//   members    company ids of that day's members, with or without a report
//   reports    [company_id, period_end, announced_on, valid_from, [product_id, ...], [weight, ...]] a report;
//              days as numbers since 1970-01-01, null where a row came with explicit intervals
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  MATCH (c:Company)-[m:MEMBER_OF]->(:Universe {universe: $universe})
  WHERE m.valid_from <= $as_of AND m.valid_to > $as_of
      AND m.recorded_from <= known AND m.recorded_to > known
  RETURN collect(DISTINCT c) AS companies
}
CALL (known, companies) {
  UNWIND companies AS c
  MATCH (c)-[r:SELLS]->(p:Product)
  WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  WITH c, r.period_end AS period_end, r.announced_on AS announced_on, r.valid_from AS valid_from,
       collect(p.product_id) AS products, collect(r.weight) AS weights
  WITH c, products, weights, date('1970-01-01') AS origin, period_end, announced_on, valid_from
  RETURN collect([c.company_id, duration.inDays(origin, period_end).days,
                  duration.inDays(origin, announced_on).days, duration.inDays(origin, valid_from).days,
                  products, weights]) AS reports
}
RETURN known, [c IN companies | c.company_id] AS members, reports;
