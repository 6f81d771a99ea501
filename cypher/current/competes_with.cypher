// Which companies compete, as recorded at the committed moment: one list a property, in one order.
// Days count from 1970-01-01.   $known: the committed moment (DATETIME)   $companies: the ids that relationships start at
UNWIND $companies AS id
MATCH (a:Company {company_id: id})-[r:COMPETES_WITH]->(b:Company)
WHERE r.recorded_from <= $known AND r.recorded_to > $known
WITH collect(r) AS edges, collect(a.company_id) AS start, collect(b.company_id) AS end
RETURN [r IN edges | elementId(r)] AS id, start, end,
       [r IN edges | r.score] AS score,
       [r IN edges | duration.inDays(date('1970-01-01'), r.valid_from).days] AS valid_from,
       [r IN edges | duration.inDays(date('1970-01-01'), r.valid_to).days] AS valid_to
