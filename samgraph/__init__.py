"""samgraph: equity factor research that knows what companies actually sell.

Reading this package needs neither Neo4j nor torch until they are used: import the part you need
(`samgraph.graph`, `samgraph.hist`, `samgraph.factors`).
"""

__version__ = "0.1.0"
