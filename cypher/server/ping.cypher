// Whether a server answers, and lets this user into this database. No parameters.
//
// Columns
//   answer (1)
RETURN 1 AS answer
