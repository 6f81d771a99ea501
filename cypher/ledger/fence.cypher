// The first statement of every batch that a load writes: it locks the load's mark until the batch is committed, and
// says whether the load may still write. The lock is taken first, so that what follows is not out of date.
// $moment: the moment of the load (DATETIME)   $lane: in which the batch is written (INTEGER)
//
// Columns
//   mine  true while no other load has stopped this one
OPTIONAL MATCH (p:PendingLoad {moment: $moment, lane: $lane})
SET p.lock = 0
WITH p
RETURN p IS NOT NULL AND p.stopped IS NULL AS mine
