"""samgraph: equity factor research that knows what companies actually sell.

Reading this package needs neither Neo4j nor torch until they are used: import the part you need
(`samgraph.graph`, `samgraph.hist`, `samgraph.factors`).
"""

from pathlib import Path as _Path

__version__ = "0.1.0"

if not (_Path(__file__).parent / "graph").is_dir():
    # Python started in a checkout finds this folder before the installed package; the other parts lie beside it.
    __path__.append(str(_Path(__file__).parent.parent))
