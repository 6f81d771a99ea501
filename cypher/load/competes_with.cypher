// New versions of COMPETES_WITH between Company and Company, from the smaller id to the larger; it counts both ways.
// $rows: maps of start, end, score, valid_from, valid_to
// $moment: of the load   $open: the open end, 9999-12-31T00:00:00Z (both DATETIME)
UNWIND $rows AS row
MATCH (a:Company {company_id: row.start})
MATCH (b:Company {company_id: row.end})
CREATE (a)-[:COMPETES_WITH {score: row.score, valid_from: row.valid_from, valid_to: row.valid_to,
                            recorded_from: $moment, recorded_to: $open}]->(b)
