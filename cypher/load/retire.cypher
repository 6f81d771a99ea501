// End versions of relationships that the load replaces. What they said stays, for questions about earlier moments.
// $ids: element ids (list)   $moment: the moment of the load (DATETIME)
UNWIND $ids AS id
MATCH ()-[r]->() WHERE elementId(r) = id
SET r.recorded_to = $moment
