// The last step of a load, in the transaction that holds the lock: from here on readers see it, whole.
// $moment: the moment of the load (DATETIME)   $load: what is known of the load, for its Load node (map)
MATCH (l:Ledger {name: 'samgraph'})
SET l.committed = $moment
CREATE (done:Load {moment: $moment})
SET done += $load
WITH done
OPTIONAL MATCH (p:PendingLoad {moment: $moment})
DELETE p
