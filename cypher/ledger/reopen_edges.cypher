// Give back their open end to relationships that a killed load had ended.
// $known: the committed moment   $open: the open end, 9999-12-31T00:00:00Z (both DATETIME)
MATCH ()-[r]->()
WHERE r.recorded_to > $known AND r.recorded_to < $open
CALL (r) { SET r.recorded_to = $open } IN TRANSACTIONS OF 10000 ROWS
