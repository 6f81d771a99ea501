// Give every SELLS and SUPPLIES edge its weight to three digits as `caption`, so that Neo4j Browser can write it beside
// the arrow: a style sheet shows properties as they are, all seventeen digits. Nothing else reads it. No parameters.
//
// Columns
//   marked (number of edges whose caption changed)
MATCH (:Company|Product)-[r:SELLS|SUPPLIES]->(:Product)
WHERE r.weight IS NOT NULL AND coalesce(r.caption, '') <> toString(round(r.weight, 3))
CALL (r) { SET r.caption = toString(round(r.weight, 3)) } IN TRANSACTIONS OF 10000 ROWS
RETURN count(r) AS marked;
