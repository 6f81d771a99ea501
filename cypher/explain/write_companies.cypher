// What a company's model attended to on one day, of companies (the concepts of the variant competitor). Not a fact:
// no as-of question follows ATTENDS, and a load leaves it alone. Merged, so that writing it again changes nothing.
//
// Parameters
//   $company_id  STRING     the company
//   $run         STRING     what identifies the run
//   $variant     STRING     competitor
//   $seeds       STRING     the models averaged, such as "0,1"
//   $date        DATE       the day
//   $concepts    LIST<MAP>  concept_id, attention (share of what the company attended to), revenue (its edge's weight)
//
// Columns
//   written  how many
MATCH (c:Company {company_id: $company_id})
UNWIND $concepts AS concept
MATCH (p:Company {company_id: concept.concept_id})
MERGE (c)-[a:ATTENDS {run: $run, variant: $variant, seeds: $seeds, date: $date}]->(p)
SET a.weight = concept.attention, a.revenue = concept.revenue
RETURN count(a) AS written;
