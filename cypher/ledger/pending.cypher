// Loads that began to write and neither committed nor were cleaned up: killed ones, once the lock is ours.
// No parameters.
MATCH (p:PendingLoad)
RETURN p.moment AS moment, p.dataset AS dataset
