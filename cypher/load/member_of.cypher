// New versions of MEMBER_OF between Company and Universe.
// $rows: maps of start, end, weight, valid_from, valid_to
// $moment: of the load   $open: the open end, 9999-12-31T00:00:00Z (both DATETIME)
UNWIND $rows AS row
MATCH (a:Company {company_id: row.start})
MATCH (b:Universe {universe: row.end})
CREATE (a)-[:MEMBER_OF {weight: row.weight, valid_from: row.valid_from, valid_to: row.valid_to,
                         recorded_from: $moment, recorded_to: $open}]->(b)
