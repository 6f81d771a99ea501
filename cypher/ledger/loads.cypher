// The committed loads, newest first. No parameters.
MATCH (l:Load)
RETURN l.moment AS moment, l.dataset AS dataset, l.fingerprint AS fingerprint,
       l.stale_after_months AS stale_after_months, l.lag AS lag
ORDER BY moment DESC
