// The taxonomy's first three levels.
// A picture for Neo4j Browser (docs/explore.md).
//
// Parameters
//   $as_of    DATE      the day asked about
//   $known    DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   way (from a root down)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH way = (root:Product) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){1,2} (:Product)
WHERE NOT EXISTS {
  MATCH (root)-[u:CHILD_OF]->(:Product)
  WHERE u.valid_from <= $as_of AND u.valid_to > $as_of
    AND u.recorded_from <= known AND u.recorded_to > known
}
RETURN way
LIMIT 300;
