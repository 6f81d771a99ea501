// New universes. $rows: maps of universe   $moment: of the load
UNWIND $rows AS row
CREATE (u:Universe {universe: row.universe, recorded_from: $moment})
