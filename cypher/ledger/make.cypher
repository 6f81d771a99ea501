// The one node that says up to which moment loads are complete. No parameters.
MERGE (l:Ledger {name: 'samgraph'})
