// Version 3 of the schema: one index tells when an interval begins and when it ends. No parameters.
// An as-of query then drops what has ended by what the index holds, and reads no relationship for it.
CREATE RANGE INDEX sells_valid IF NOT EXISTS FOR ()-[r:SELLS]-() ON (r.valid_from, r.valid_to);
CALL db.awaitIndexes(300);
DROP INDEX sells_valid_from IF EXISTS;
