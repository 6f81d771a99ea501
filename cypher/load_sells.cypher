// New versions of SELLS between Company and Product.
// $rows: maps of start, end, weight, period_end, announced_on, valid_from, valid_to   $moment: of the load   $open: the open end (both DATETIME)
UNWIND $rows AS row
MATCH (a:Company {company_id: row.start})
MATCH (b:Product {product_id: row.end})
CREATE (a)-[:SELLS {weight: row.weight, period_end: row.period_end, announced_on: row.announced_on, valid_from: row.valid_from, valid_to: row.valid_to,
    recorded_from: $moment, recorded_to: $open}]->(b)
