// The server's numbers of companies and products, for period_sells and as_of_sells. No parameters.
//
// Columns
//   company_numbers, company_ids   of all companies, in one order
//   product_numbers, product_ids   of all products, in one order
//
// A number stands for its node as long as that exists, and a node with a committed relationship is never deleted.
CYPHER 5
CALL () {
  MATCH (c:Company)
  RETURN collect(id(c)) AS company_numbers, collect(c.company_id) AS company_ids
}
CALL () {
  MATCH (p:Product)
  RETURN collect(id(p)) AS product_numbers, collect(p.product_id) AS product_ids
}
RETURN company_numbers, company_ids, product_numbers, product_ids;
