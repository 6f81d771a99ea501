// Which of some companies had a competitor by a day at all, be it over since or not: why a company has nothing on that day.
//
// Parameters
//   $companies  LIST<STRING>  company_ids
//   $as_of      DATE          the day asked about
//   $known      DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   companies   those with a COMPETES_WITH relationship that began on the day or before
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
UNWIND $companies AS id
MATCH (c:Company {company_id: id})
WHERE EXISTS {
  MATCH (c)-[r:COMPETES_WITH]-(:Company)
  WHERE r.valid_from <= $as_of
    AND r.recorded_from <= known AND r.recorded_to > known
}
RETURN collect(id) AS companies;
