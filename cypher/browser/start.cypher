// What a first picture may show: the last day on which a report began to be valid, and a company and products of it.
//
// Parameters
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   as_of, company (the one with most products then), product (the one with most links, null without any), universe
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (:Company)-[a:SELLS]->(:Product)
WHERE a.recorded_from <= known AND a.recorded_to > known
WITH known, max(a.valid_from) AS as_of
CALL (known, as_of) {
  MATCH (c:Company)-[r:SELLS]->(:Product)
  WHERE r.valid_from <= as_of AND r.valid_to > as_of
    AND r.recorded_from <= known AND r.recorded_to > known
  WITH c, count(r) AS sold
  ORDER BY sold DESC, c.company_id
  LIMIT 1
  RETURN c.company_id AS company
}
CALL (known, as_of) {
  OPTIONAL MATCH (p:Product)-[s:SUPPLIES]-(:Product)
  WHERE s.valid_from <= as_of AND s.valid_to > as_of
    AND s.recorded_from <= known AND s.recorded_to > known
  WITH p, count(s) AS links
  ORDER BY links DESC, p.product_id
  LIMIT 1
  RETURN p AS most
}
CALL (known, as_of) {
  OPTIONAL MATCH (:Company)-[m:MEMBER_OF]->(u:Universe)
  WHERE m.valid_from <= as_of AND m.valid_to > as_of
    AND m.recorded_from <= known AND m.recorded_to > known
  RETURN min(u.universe) AS universe
}
RETURN as_of, company, most.product_id AS product, most.name AS text, universe;
