// When the server's process was started. No parameters.
//
// Columns
//   started  milliseconds since 1970-01-01
CALL dbms.queryJmx('java.lang:type=Runtime') YIELD attributes
RETURN attributes.StartTime.value AS started
