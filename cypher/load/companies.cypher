// New companies. $rows: maps of company_id, name, exchange, listed_on, delisted_on   $moment: of the load
UNWIND $rows AS row
CREATE (c:Company {company_id: row.company_id, name: row.name, exchange: row.exchange,
                   listed_on: row.listed_on, delisted_on: row.delisted_on, recorded_from: $moment})
