// Companies whose name or listing changed, in the load's last transaction. The properties of before are kept beside
// them, as a Former node with the moments between which they were recorded.
// $rows: maps of company_id, name, exchange, listed_on, delisted_on   $moment: of the load (DATETIME)
UNWIND $rows AS row
MATCH (c:Company {company_id: row.company_id})
OPTIONAL MATCH (c)-[w:WAS]->(:Former)
WITH row, c, max(w.recorded_to) AS since
CREATE (c)-[:WAS {recorded_from: coalesce(since, c.recorded_from), recorded_to: $moment}]->
       (:Former {name: c.name, exchange: c.exchange, listed_on: c.listed_on, delisted_on: c.delisted_on})
SET c.name = row.name, c.exchange = row.exchange, c.listed_on = row.listed_on, c.delisted_on = row.delisted_on
