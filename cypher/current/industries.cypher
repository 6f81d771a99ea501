// All industries as of the committed moment, one list a property; days count from 1970-01-01.
// $known: the committed moment (DATETIME)
MATCH (n:Industry)
WHERE n.recorded_from <= $known
WITH collect(n) AS nodes
RETURN [n IN nodes | n.industry_id] AS industry_id,
       [n IN nodes | n.name] AS name,
       [n IN nodes | n.level] AS level
