// The last step of a load, in the transaction that holds the lock: from here on readers see it, whole.
// $moment: the moment of the load (DATETIME)   $load: what is known of the load, for its Load node (map)
// $longest_sells_days: days of the longest SELLS interval without long_from that it wrote; an as-of query looks back
// no further for these than the longest of all loads (INTEGER)
MATCH (l:Ledger {name: 'samgraph'})
SET l.committed = $moment,
    l.longest_sells_days = CASE WHEN coalesce(l.longest_sells_days, 0) > $longest_sells_days
                                THEN l.longest_sells_days ELSE $longest_sells_days END
CREATE (done:Load {moment: $moment})
SET done += $load
WITH done
OPTIONAL MATCH (p:PendingLoad {moment: $moment})
DELETE p
