// Version 1 of the schema: what identifies a node, what a query seeks by, and the text index over product names.
// No parameters. Every statement may be run again; what exists is left as it is (graph/migrations.py).
CREATE CONSTRAINT company_id IF NOT EXISTS FOR (c:Company) REQUIRE c.company_id IS UNIQUE;
CREATE CONSTRAINT product_id IF NOT EXISTS FOR (p:Product) REQUIRE p.product_id IS UNIQUE;
CREATE CONSTRAINT industry_id IF NOT EXISTS FOR (i:Industry) REQUIRE i.industry_id IS UNIQUE;
CREATE CONSTRAINT universe IF NOT EXISTS FOR (u:Universe) REQUIRE u.universe IS UNIQUE;
CREATE CONSTRAINT ledger_name IF NOT EXISTS FOR (l:Ledger) REQUIRE l.name IS UNIQUE;
CREATE CONSTRAINT load_moment IF NOT EXISTS FOR (l:Load) REQUIRE l.moment IS UNIQUE;
// An as-of query seeks the versions that begin by its day, and a period those that begin before its end.
CREATE RANGE INDEX sells_valid_from IF NOT EXISTS FOR ()-[r:SELLS]-() ON (r.valid_from);
CREATE RANGE INDEX member_of_valid_from IF NOT EXISTS FOR ()-[r:MEMBER_OF]-() ON (r.valid_from);
CREATE RANGE INDEX child_of_valid_from IF NOT EXISTS FOR ()-[r:CHILD_OF]-() ON (r.valid_from);
// cjk reads Chinese, Japanese and Korean names by pairs of characters, and others by words.
CREATE FULLTEXT INDEX product_names IF NOT EXISTS FOR (p:Product) ON EACH [p.name, p.name_en]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'cjk'}};
CALL db.awaitIndexes(300);
