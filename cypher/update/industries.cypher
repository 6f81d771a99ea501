// Industries whose name or level changed, in the load's last transaction. The properties of before are kept beside
// them, as a Former node with the moments between which they were recorded.
// $rows: maps of industry_id, name, level   $moment: of the load (DATETIME)
UNWIND $rows AS row
MATCH (i:Industry {industry_id: row.industry_id})
OPTIONAL MATCH (i)-[w:WAS]->(:Former)
WITH row, i, max(w.recorded_to) AS since
CREATE (i)-[:WAS {recorded_from: coalesce(since, i.recorded_from), recorded_to: $moment}]->
       (:Former {name: i.name, level: i.level})
SET i.name = row.name, i.level = row.level
