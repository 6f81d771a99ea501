// The competitors of every member of one universe on one day: one row, folded into lists on the server.
//
// Parameters
//   $as_of     DATE      the day asked about
//   $known     DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $universe  STRING    the universe
//
// Columns
//   known      the moment that was answered for
//   members    company ids of that day's members, with or without a competitor
//   reports    [company_id, null, null, valid_from, [company_id], [score]] a link and end of it;
//              valid_from as a number of days since 1970-01-01
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
  MATCH (c)-[r:COMPETES_WITH]-(p:Company)
  WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
      AND r.recorded_from <= known AND r.recorded_to > known
  RETURN collect([c.company_id, null, null, duration.inDays(date('1970-01-01'), r.valid_from).days,
                  [p.company_id], [r.score]]) AS reports
}
RETURN known, [c IN companies | c.company_id] AS members, reports;
