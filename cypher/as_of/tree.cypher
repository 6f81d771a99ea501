// The product taxonomy of one day, one row per product that has a parent or a child then, or that somebody sells.
//
// Parameters
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   product_id, name, parent_id (null for a root)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (p:Product)
OPTIONAL MATCH (p)-[t:CHILD_OF]->(parent:Product)
WHERE t.valid_from <= $as_of AND t.valid_to > $as_of
    AND t.recorded_from <= known AND t.recorded_to > known
WITH p, parent, known
WHERE parent IS NOT NULL
   OR EXISTS {
     MATCH (child:Product)-[u:CHILD_OF]->(p)
     WHERE u.valid_from <= $as_of AND u.valid_to > $as_of
         AND u.recorded_from <= known AND u.recorded_to > known
   }
   OR EXISTS {
     MATCH (c:Company)-[r:SELLS]->(p)
     WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
         AND r.recorded_from <= known AND r.recorded_to > known
   }
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
RETURN p.product_id AS product_id, coalesce(f, p).name AS name, parent.product_id AS parent_id
ORDER BY product_id;
