// Companies whose name or listing changed, in the load's last transaction.
// $rows: maps of company_id, name, exchange, listed_on, delisted_on
UNWIND $rows AS row
MATCH (c:Company {company_id: row.company_id})
SET c.name = row.name, c.exchange = row.exchange, c.listed_on = row.listed_on, c.delisted_on = row.delisted_on
