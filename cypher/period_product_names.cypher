// The names of some products.
//
// Parameters
//   $ids  LIST<STRING>  product_ids
//
// Columns
//   id, name
UNWIND $ids AS id
MATCH (n:Product {product_id: id})
RETURN id, n.name AS name;
