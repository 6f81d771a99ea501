// All universes as of the committed moment, one list a property; days count from 1970-01-01.
// $known: the committed moment (DATETIME)
MATCH (n:Universe)
WHERE n.recorded_from <= $known
WITH collect(n) AS nodes
RETURN [n IN nodes | n.universe] AS universe
