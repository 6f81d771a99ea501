// The names of some industries.
//
// Parameters
//   $ids  LIST<STRING>  industry_ids
//
// Columns
//   id, name
UNWIND $ids AS id
MATCH (n:Industry {industry_id: id})
RETURN id, n.name AS name;
