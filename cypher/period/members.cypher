// Who belongs to a universe on any day of a period, in the order of entry.
//
// Parameters
//   $first  DATE      first day of the period
//   $last   DATE      last day of the period
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//   $universe  STRING
//
// Columns
//   company_id, weight (official, as stated from the first day on; null where none is), first_day, end_day (half-open,
//   in days since 1970-01-01)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company)-[m:MEMBER_OF]->(:Universe {universe: $universe})
WHERE m.valid_from <= $last AND m.valid_to > $first
  AND m.recorded_from <= known AND m.recorded_to > known
RETURN c.company_id AS company_id,
       m.weight AS weight,
       duration.inDays(date('1970-01-01'), m.valid_from).days AS first_day,
       duration.inDays(date('1970-01-01'), m.valid_to).days AS end_day
ORDER BY first_day, company_id;
