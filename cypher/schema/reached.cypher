// Note the version of the schema that a load brought the graph to, in the transaction that holds its lock.
// $version: INTEGER
MATCH (l:Ledger {name: 'samgraph'})
SET l.schema = $version
