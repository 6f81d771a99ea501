// The companies that a company's model found most like it on one day (its hidden concepts). Not a fact: no as-of
// question follows RESEMBLES, and a load leaves it alone. Merged, so that writing it again changes nothing.
//
// Parameters
//   $company_id  STRING     the company
//   $run         STRING     what identifies the run
//   $variant     STRING     whose concepts: product or industry
//   $seeds       STRING     the models averaged, such as "0,1"
//   $date        DATE       the day
//   $neighbours  LIST<MAP>  company_id, similarity (cosine of the states), attention
//
// Columns
//   written  how many
MATCH (c:Company {company_id: $company_id})
UNWIND $neighbours AS neighbour
MATCH (other:Company {company_id: neighbour.company_id})
MERGE (c)-[r:RESEMBLES {run: $run, variant: $variant, seeds: $seeds, date: $date}]->(other)
SET r.similarity = neighbour.similarity, r.attention = neighbour.attention
RETURN count(r) AS written;
