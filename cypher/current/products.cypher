// All products as of the committed moment, one list a property; days count from 1970-01-01.
// $known: the committed moment (DATETIME)
MATCH (n:Product)
WHERE n.recorded_from <= $known
WITH collect(n) AS nodes
RETURN [n IN nodes | n.product_id] AS product_id,
       [n IN nodes | n.name] AS name,
       [n IN nodes | n.name_en] AS name_en,
       [n IN nodes | n.level] AS level,
       [n IN nodes | n.path] AS path,
       [n IN nodes | duration.inDays(date('1970-01-01'), n.valid_from).days] AS valid_from,
       [n IN nodes | duration.inDays(date('1970-01-01'), n.valid_to).days] AS valid_to
