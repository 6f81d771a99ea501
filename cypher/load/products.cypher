// New products.
// $rows: maps of product_id, name, name_en, level, path, valid_from, valid_to   $moment: of the load
UNWIND $rows AS row
CREATE (p:Product {product_id: row.product_id, name: row.name, name_en: row.name_en, level: row.level,
                   path: row.path, valid_from: row.valid_from, valid_to: row.valid_to, recorded_from: $moment})
