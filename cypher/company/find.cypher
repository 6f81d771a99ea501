// Companies whose id or name, the one that the database knew then, holds a text; those that begin with it first.
//
// Parameters
//   $text   STRING    in small letters
//   $limit  INTEGER   at most so many
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, products (how many it sells on the day; 0 without a valid report)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (c:Company)
WHERE c.recorded_from <= known
OPTIONAL MATCH (c)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH known, c, coalesce(f, c).name AS name
WHERE toLower(c.company_id) CONTAINS $text OR toLower(name) CONTAINS $text
WITH known, c, name,
     CASE WHEN toLower(c.company_id) = $text OR toLower(name) = $text THEN 0
          WHEN toLower(c.company_id) STARTS WITH $text OR toLower(name) STARTS WITH $text THEN 1 ELSE 2 END AS place
ORDER BY place, size(name), c.company_id
LIMIT $limit
OPTIONAL MATCH (c)-[r:SELLS]->(:Product)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
WITH c, name, place, count(r) AS products
RETURN c.company_id AS company_id, name, products
ORDER BY place, size(name), company_id;
