// Give every product a label that says its level in the current taxonomy, Level1 for a root, so that Neo4j Browser can
// colour it: a style sheet knows labels alone. Nothing else reads these labels. No parameters.
//
// Columns
//   marked (number of products whose label changed)
MATCH (p:Product)
WITH p, ['Level' + toString(p.level)] AS wanted, [name IN labels(p) WHERE name STARTS WITH 'Level'] AS had
WHERE had <> wanted
REMOVE p:$(had)
SET p:$(wanted)
RETURN count(p) AS marked;
