"""The run in use: a night's work, and how the run is doing."""
