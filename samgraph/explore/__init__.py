"""`samgraph explore`: a local page over the graph, and the same picture in a notebook (`samgraph.show`)."""
