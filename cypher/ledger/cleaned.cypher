// The remains of killed loads are gone. No parameters.
MATCH (p:PendingLoad)
DELETE p
