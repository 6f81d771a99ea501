"""`samgraph import`: one module per group of sources."""
