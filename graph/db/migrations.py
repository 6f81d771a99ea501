"""The schema of the graph in versions: a load brings an older graph up to date, and nobody misreads a newer one.

`cypher/schema/N.cypher` makes version N of version N - 1. Its statements may be run again, so that a load that was
killed half way costs nothing but time. The ledger says which version a graph has; a load writes it with its commit.
"""

from __future__ import annotations

from samgraph.errors import GraphError
from samgraph.graph.db.driver import Graph

VERSION = 3


def require_readable(graph: Graph) -> int:
    """The version of the graph's schema; 0 where nothing was ever loaded.

    Raises:
        GraphError: a newer samgraph wrote this graph, in a form that this one cannot know
    """
    version = int(graph.read("schema/version")[0]["version"])
    if version > VERSION:
        raise GraphError(
            f"the graph at {graph.address} has version {version} of the schema and this samgraph knows {VERSION}: "
            "a newer samgraph wrote it; upgrade this one"
        )
    return version


def bring_up_to_date(graph: Graph) -> None:
    """Run the scripts of every version that the graph lacks."""
    for number in range(require_readable(graph) + 1, VERSION + 1):
        graph.run_script(f"schema/{number}")
