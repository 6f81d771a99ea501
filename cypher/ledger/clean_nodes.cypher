// Delete nodes that a killed load wrote; their relationships are gone already.
// $known: the committed moment (DATETIME)
MATCH (n:Company|Product|Industry|Universe)
WHERE n.recorded_from > $known
CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS
