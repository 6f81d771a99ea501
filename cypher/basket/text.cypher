// Who earns with a text such as "EV battery": the product whose id it is, else every product whose names, in either
// language, hold all its words; whatever is below them; and the companies that sell it, by share of revenue.
// `samgraph basket` gives the same numbers for a text that its glossary does not know and that no name has in a list
// of several things, and links along the value chain.
//
// Parameters
//   $text   STRING    a product_id, a product's name, or words of names
//   $as_of  DATE      the day asked about
//   $known  DATETIME  what the database knew at that moment; null, or later than the last load: by then
//
// Columns
//   company_id, name, weight (in the basket), purity (share of the company's revenue inside it), products (names)
MATCH (ledger:Ledger {name: 'samgraph'})
WITH CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known
CALL (known) {
  MATCH (p:Product)
  WHERE p.recorded_from <= known
  OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
  WHERE w.recorded_from <= known AND w.recorded_to > known
  WITH p, coalesce(f, p) AS then
  WHERE (p.product_id = $text OR then.name = $text OR $text IN split(then.name_en, '; '))
    AND coalesce(then.valid_from <= $as_of, true) AND coalesce(then.valid_to > $as_of, true)
  RETURN collect(p) AS named
}
CALL (known, named) {
  // For Lucene: a Latin word finds what begins with it, any other one what holds it; inside quotes only a quote and a
  // backslash mean something.
  WITH known, [w IN split(replace(normalize($text, NFKC), '　', ' '), ' ') WHERE w =~ '.*[\\p{L}\\p{N}].*' |
               CASE WHEN w =~ '[A-Za-z0-9]+' AND NOT toLower(w) IN ['a', 'and', 'are', 'as', 'at', 'be', 'but', 'by',
                      'for', 'if', 'in', 'into', 'is', 'it', 'no', 'not', 'of', 'on', 'or', 's', 'such', 't', 'that',
                      'the', 'their', 'then', 'there', 'these', 'they', 'this', 'to', 'was', 'will', 'with', 'www']
                    THEN w + '*'
                    WHEN w =~ '[A-Za-z0-9]+' THEN null
                    WHEN size(w) = 1 THEN '*' + w + '*'
                    ELSE '"' + replace(replace(w, '\\', '\\\\'), '"', '\\"') + '"' END] AS given
  WITH known, [w IN given WHERE w IS NOT NULL] AS words
  WHERE size(words) > 0 AND none(p IN named WHERE p.product_id = $text)
  WITH known, substring(reduce(query = '', w IN words | query + ' AND ' + w), 5) AS query
  CALL (known, query) {
    CALL db.index.fulltext.queryNodes('product_names', query) YIELD node AS p, score
    WHERE p.recorded_from <= known
      AND NOT EXISTS {
        MATCH (p)-[w:WAS]->(:Former)
        WHERE w.recorded_from <= known AND w.recorded_to > known
      }
    RETURN p, p AS then, score
    UNION ALL
    CALL db.index.fulltext.queryNodes('former_names', query) YIELD node AS f, score
    MATCH (p:Product)-[w:WAS]->(f)
    WHERE w.recorded_from <= known AND w.recorded_to > known
    RETURN p, f AS then, score
  }
  WITH p, then, score
  WHERE coalesce(then.valid_from <= $as_of, true) AND coalesce(then.valid_to > $as_of, true)
  ORDER BY score DESC, p.product_id
  LIMIT 1000
  RETURN collect(p) AS held
}
UNWIND CASE WHEN any(p IN named WHERE p.product_id = $text) THEN [p IN named WHERE p.product_id = $text]
            ELSE named + held END AS root
MATCH (root) (()<-[t:CHILD_OF WHERE
  t.valid_from <= $as_of AND t.valid_to > $as_of
  AND t.recorded_from <= known AND t.recorded_to > known]-(:Product)){0,} (p:Product)
WITH DISTINCT known, p
MATCH (c:Company)-[r:SELLS]->(p)
WHERE r.valid_from <= $as_of AND r.valid_to > $as_of
  AND r.recorded_from <= known AND r.recorded_to > known
OPTIONAL MATCH (p)-[w:WAS]->(f:Former)
WHERE w.recorded_from <= known AND w.recorded_to > known
WITH known, c, sum(r.weight) AS purity, collect(coalesce(f, p).name) AS products
OPTIONAL MATCH (c)-[v:WAS]->(g:Former)
WHERE v.recorded_from <= known AND v.recorded_to > known
WITH collect({company_id: c.company_id, name: coalesce(g, c).name, purity: purity, products: products}) AS rows,
     sum(purity) AS total
UNWIND rows AS row
RETURN row.company_id AS company_id, row.name AS name,
       CASE WHEN total > 0 THEN row.purity / total END AS weight, row.purity AS purity, row.products AS products
ORDER BY round(weight, 9) DESC, company_id;
