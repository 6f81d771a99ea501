// The value chain of a day, every link of it, folded into lists on the server.
//
// Parameters
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   suppliers, customers   ids of products, one a link
//   weights                of the links; null where none was given
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
MATCH (supplier:Product)-[s:SUPPLIES]->(customer:Product)
WHERE s.valid_from <= $as_of AND s.valid_to > $as_of
  AND s.recorded_from <= known AND s.recorded_to > known
RETURN collect(supplier.product_id) AS suppliers, collect(customer.product_id) AS customers,
       collect([s.weight]) AS weights;
