// The server's numbers of companies and products, for period_sells and as_of_sells. No parameters.
//
// Columns
//   numbers, ids   of all companies and products, in one order
//
// A number stands for its node as long as that exists, and a node with a committed relationship is never deleted.
CYPHER 5
CALL () {
  MATCH (c:Company)
  RETURN collect(id(c)) AS numbers, collect(c.company_id) AS ids
  UNION ALL
  MATCH (p:Product)
  RETURN collect(id(p)) AS numbers, collect(p.product_id) AS ids
}
RETURN numbers, ids;
