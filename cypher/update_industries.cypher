// Industries whose name or level changed, in the load's last transaction.
// $rows: maps of industry_id, name, level
UNWIND $rows AS row
MATCH (i:Industry {industry_id: row.industry_id})
SET i.name = row.name, i.level = row.level
