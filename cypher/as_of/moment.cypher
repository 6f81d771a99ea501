// The moment of knowledge that a question is answered for.
//
// Parameters
//   $known  DATETIME  a moment to go back to; null, or later than the last load: the last load
//
// Columns
//   known
MATCH (ledger:Ledger {name: 'samgraph'})
RETURN CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known;
