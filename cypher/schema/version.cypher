// Which version of the schema the graph has (INTEGER): 0 where nothing was ever loaded, 1 where a load was before
// versions were counted. No parameters.
OPTIONAL MATCH (l:Ledger {name: 'samgraph'})
RETURN CASE WHEN l IS NULL THEN 0 ELSE coalesce(l.schema, 1) END AS version
