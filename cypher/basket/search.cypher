// Products whose names, those that the database knew then, hold some words; by the full-text index, best first.
//
// Parameters
//   $query  STRING        in the syntax of Lucene, such as batter* AND "锂电"
//   $limit  INTEGER       at most so many
//   $as_of  DATE          the day asked about
//   $known  DATETIME      what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, name_en (the English name and synonyms, apart by "; "; null without any), score
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  CALL db.index.fulltext.queryNodes('product_names', $query) YIELD node AS p, score
  WHERE p.recorded_from <= known
    AND NOT EXISTS {
      MATCH (p)-[w:WAS]->(:Former)
      WHERE w.recorded_from <= known AND w.recorded_to > known
    }
  RETURN p, p AS then, score
  UNION ALL
  CALL db.index.fulltext.queryNodes('former_names', $query) YIELD node AS f, score
  MATCH (p:Product)-[w:WAS]->(f)
  WHERE w.recorded_from <= known AND w.recorded_to > known
  RETURN p, f AS then, score
}
WITH p, then, score
WHERE coalesce(then.valid_from <= $as_of, true) AND coalesce(then.valid_to > $as_of, true)
RETURN p.product_id AS product_id, then.name AS name, then.name_en AS name_en, score
ORDER BY score DESC, product_id
LIMIT $limit;
