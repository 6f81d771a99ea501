// A load says that it begins to write, so that the next one knows of its remains should it be killed: one mark for
// each lane in which it writes.
// $moment: the moment of the load (DATETIME)   $dataset: the dataset's name   $lanes: their number (INTEGER)
UNWIND range(0, $lanes - 1) AS lane
MERGE (p:PendingLoad {moment: $moment, lane: lane})
SET p.dataset = $dataset
