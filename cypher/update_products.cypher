// Products whose names or place in the current taxonomy changed, in the load's last transaction.
// $rows: maps of product_id, name, name_en, level, path, valid_from, valid_to
UNWIND $rows AS row
MATCH (p:Product {product_id: row.product_id})
SET p.name = row.name, p.name_en = row.name_en, p.level = row.level, p.path = row.path,
    p.valid_from = row.valid_from, p.valid_to = row.valid_to
