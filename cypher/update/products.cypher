// Products whose names or place in the current taxonomy changed, in the load's last transaction. The properties of
// before are kept beside them, as a Former node with the moments between which they were recorded.
// $rows: maps of product_id, name, name_en, level, path, valid_from, valid_to   $moment: of the load (DATETIME)
UNWIND $rows AS row
MATCH (p:Product {product_id: row.product_id})
OPTIONAL MATCH (p)-[w:WAS]->(:Former)
WITH row, p, max(w.recorded_to) AS since
CREATE (p)-[:WAS {recorded_from: coalesce(since, p.recorded_from), recorded_to: $moment}]->
       (:Former {name: p.name, name_en: p.name_en, level: p.level, path: p.path,
                 valid_from: p.valid_from, valid_to: p.valid_to})
SET p.name = row.name, p.name_en = row.name_en, p.level = row.level, p.path = row.path,
    p.valid_from = row.valid_from, p.valid_to = row.valid_to
