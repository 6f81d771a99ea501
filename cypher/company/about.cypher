// What the database knew of a company: its name then, where and when it was listed, and its universes of a day.
//
// Parameters
//   $company  STRING    company_id
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, exchange, listed_on, universes (names, sorted)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company {company_id: $company})
WHERE c.recorded_from <= known
OPTIONAL MATCH (c)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH known, c, coalesce(f, c) AS then
OPTIONAL MATCH (c)-[m:MEMBER_OF]->(u:Universe)
WHERE m.valid_from <= $as_of AND m.valid_to > $as_of
  AND m.recorded_from <= known AND m.recorded_to > known
WITH c, then, u.universe AS universe
ORDER BY universe
RETURN c.company_id AS company_id, then.name AS name, then.exchange AS exchange, then.listed_on AS listed_on,
       collect(DISTINCT universe) AS universes;
