// What a run's models said of one company on one day. Not a fact: no as-of question follows SCORED, and a load
// leaves it alone. Merged, so that writing it again changes nothing.
//
// Parameters
//   $company_id  STRING  the company
//   $universe    STRING  the universe that it was ranked in
//   $run         STRING  what identifies the run
//   $variant     STRING  whose concepts: product, industry or gru
//   $seeds       STRING  the models averaged, such as "0,1"
//   $date        DATE    the day
//   $figures     MAP     score, concept, hidden, individual, rank (1 is best), stocks (ranked that day), run_name
//
// Columns
//   written  1, or 0 where company or universe are unknown to the graph
OPTIONAL MATCH (c:Company {company_id: $company_id})
OPTIONAL MATCH (u:Universe {universe: $universe})
CALL (c, u) {
  WITH c, u WHERE c IS NOT NULL AND u IS NOT NULL
  MERGE (c)-[s:SCORED {run: $run, variant: $variant, seeds: $seeds, date: $date}]->(u)
  SET s += $figures
  RETURN count(s) AS written
}
RETURN written;
