// Delete what explanations of a run wrote. Facts are other relationships and stay.
//
// Parameters
//   $run         STRING  what identifies the run
//   $company_id  STRING  only of this company; null: of all
//   $date        DATE    only of this day; null: of all
//
// Columns
//   removed  how many relationships
MATCH (c:Company)-[r:SCORED|ATTENDS|RESEMBLES {run: $run}]->()
WHERE ($company_id IS NULL OR c.company_id = $company_id) AND ($date IS NULL OR r.date = $date)
DELETE r
RETURN count(r) AS removed;
