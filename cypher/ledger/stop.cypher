// Loads that did not end may write no more: their marks say so from here on. It waits for batches on their way.
// No parameters.
MATCH (p:PendingLoad)
SET p.stopped = true
