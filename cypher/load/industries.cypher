// New industries. $rows: maps of industry_id, name, level   $moment: of the load
UNWIND $rows AS row
CREATE (i:Industry {industry_id: row.industry_id, name: row.name, level: row.level, recorded_from: $moment})
