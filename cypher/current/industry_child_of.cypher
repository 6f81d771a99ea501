// The tree of industries, as recorded at the committed moment: one list a property, in one order.
// Days count from 1970-01-01.   $known: the committed moment (DATETIME)
MATCH (a:Industry)-[r:CHILD_OF]->(b:Industry)
WHERE r.recorded_from <= $known AND r.recorded_to > $known
WITH collect(r) AS edges, collect(a.industry_id) AS start, collect(b.industry_id) AS end
RETURN [r IN edges | elementId(r)] AS id, start, end,
       [r IN edges | duration.inDays(date('1970-01-01'), r.valid_from).days] AS valid_from,
       [r IN edges | duration.inDays(date('1970-01-01'), r.valid_to).days] AS valid_to
