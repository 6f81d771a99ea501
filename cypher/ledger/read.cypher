// The committed moment: what a reader sees by default is what was recorded up to it.
// No parameters. No row where nothing was ever loaded.
MATCH (l:Ledger {name: 'samgraph'})
RETURN l.committed AS committed
