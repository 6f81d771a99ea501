// Why a company scored as it did: for Neo4j Browser, after `samgraph explain RUN --company ID --date D --write`.
// The picture shows the company, the products (or industries) that its model attended to, the companies that it
// found alike, and the universe that it was ranked in; the figures lie on the relationships.
//
// Parameters, in Browser such as  :params {company_id: '300750.SZ', date: date('2026-05-08'), run: null}
//   $company_id  STRING  the company
//   $date        DATE    the day
//   $run         STRING  the run that wrote it; null: every run
//
// Columns
//   score     path  (company)-[SCORED {score, concept, hidden, individual, rank, stocks}]->(universe)
//   concepts  paths (company)-[ATTENDS {weight, revenue}]->(product or industry), the most heard first
//   alike     paths (company)-[RESEMBLES {similarity, attention}]->(company), the most alike first
MATCH score = (c:Company {company_id: $company_id})-[s:SCORED]->(:Universe)
WHERE s.date = $date AND ($run IS NULL OR s.run = $run)
CALL (c, s) {
  OPTIONAL MATCH concept = (c)-[a:ATTENDS]->()
  WHERE a.date = s.date AND a.run = s.run AND a.variant = s.variant AND a.seeds = s.seeds
  WITH concept, a ORDER BY a.weight DESC
  RETURN collect(concept) AS concepts
}
CALL (c, s) {
  OPTIONAL MATCH other = (c)-[r:RESEMBLES]->(:Company)
  WHERE r.date = s.date AND r.run = s.run AND r.variant = s.variant AND r.seeds = s.seeds
  WITH other, r ORDER BY r.similarity DESC
  RETURN collect(other) AS alike
}
RETURN score, concepts, alike
ORDER BY s.run, s.variant, s.seeds;
