// New versions of SELLS between Company and Product, folded by report.
// $rows: maps of company_id, period_end, announced_on, valid_from, valid_to, long_from (valid_from if the interval is
// a long or an open one, else null), and sold: [[product_id, weight], ...]
// $moment: of the load   $open: the open end, 9999-12-31T00:00:00Z (both DATETIME)
UNWIND $rows AS row
MATCH (c:Company {company_id: row.company_id})
UNWIND row.sold AS sold
MATCH (p:Product {product_id: sold[0]})
CREATE (c)-[:SELLS {weight: sold[1], period_end: row.period_end, announced_on: row.announced_on,
                    valid_from: row.valid_from, valid_to: row.valid_to, long_from: row.long_from,
                    recorded_from: $moment, recorded_to: $open}]->(p)
