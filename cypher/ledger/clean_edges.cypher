// Delete relationships that a killed load wrote: recorded after the committed moment.
// $known: the committed moment (DATETIME)
MATCH ()-[r]->()
WHERE r.recorded_from > $known
CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS
