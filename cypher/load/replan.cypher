// After a load: count what the indexes hold now, and forget query plans that were made when they held something else.
// No parameters. A planner that believes the graph of before would scan where it could seek.
CALL db.prepareForReplanning(60);
