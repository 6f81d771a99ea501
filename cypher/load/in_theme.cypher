// New versions of IN_THEME between Company and Product.
// $rows: maps of start, end, valid_from, valid_to
// $moment: of the load   $open: the open end, 9999-12-31T00:00:00Z (both DATETIME)
UNWIND $rows AS row
MATCH (a:Company {company_id: row.start})
MATCH (b:Product {product_id: row.end})
CREATE (a)-[:IN_THEME {valid_from: row.valid_from, valid_to: row.valid_to,
                      recorded_from: $moment, recorded_to: $open}]->(b)
