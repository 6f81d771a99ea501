// Whether the database holds nothing but, perhaps, a ledger in which no load is committed. No parameters.
//
// Columns
//   empty
OPTIONAL MATCH (l:Ledger {name: 'samgraph'})
RETURN l.committed IS NULL AND NOT EXISTS { MATCH (n) WHERE NOT n:Ledger } AS empty
