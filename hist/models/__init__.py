"""Models that a user would pick instead of HIST, on the same days, features and labels."""
