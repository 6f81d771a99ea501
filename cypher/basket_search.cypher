// Products whose names hold some words, by the full-text index, best first.
//
// Parameters
//   $query  STRING        in the syntax of Lucene, such as "battery" AND "lithium"
//   $limit  INTEGER       at most so many
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, score
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL db.index.fulltext.queryNodes('product_names', $query) YIELD node AS p, score
WHERE p.recorded_from <= known
  AND coalesce(p.valid_from <= $as_of, true) AND coalesce(p.valid_to > $as_of, true)
RETURN p.product_id AS product_id, p.name AS name, score
ORDER BY score DESC, product_id
LIMIT $limit;
