// Version 2 of the schema: spans that hold for long, and former names. No parameters.
// A graph of version 1 has neither yet; its open-ended edges are found by the bound that it has on its ledger.
// Only long and open-ended intervals have long_from: few, so that others need not be looked for far back.
CREATE RANGE INDEX sells_long_from IF NOT EXISTS FOR ()-[r:SELLS]-() ON (r.long_from);
// The names that products had before a load changed them.
CREATE FULLTEXT INDEX former_names IF NOT EXISTS FOR (f:Former) ON EACH [f.name, f.name_en]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'cjk'}};
CALL db.awaitIndexes(300);
