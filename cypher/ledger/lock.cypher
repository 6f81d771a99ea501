// Take the write lock of the ledger, which a load holds in an open transaction until it commits: one writer at
// a time. No parameters. Setting a property is what takes the lock; its value means nothing.
MATCH (l:Ledger {name: 'samgraph'})
SET l.lock = 0
RETURN l.committed AS committed
