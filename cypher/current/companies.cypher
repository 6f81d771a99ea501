// All companies as of the committed moment, one list a property; days count from 1970-01-01.
// $known: the committed moment (DATETIME)
MATCH (n:Company)
WHERE n.recorded_from <= $known
WITH collect(n) AS nodes
RETURN [n IN nodes | n.company_id] AS company_id,
       [n IN nodes | n.name] AS name,
       [n IN nodes | n.exchange] AS exchange,
       [n IN nodes | duration.inDays(date('1970-01-01'), n.listed_on).days] AS listed_on,
       [n IN nodes | duration.inDays(date('1970-01-01'), n.delisted_on).days] AS delisted_on
