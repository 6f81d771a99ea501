// The server's version, such as 2026.09.0. No parameters.
//
// Columns
//   version
CALL dbms.components() YIELD name, versions
WITH versions WHERE name = 'Neo4j Kernel'
RETURN versions[0] AS version
