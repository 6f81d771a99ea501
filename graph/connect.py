"""Which Neo4j database to use, and a connection to it. Only this module knows both driver and local server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from samgraph.errors import ConfigError, GraphError
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.db.migrations import require_readable
from samgraph.graph.server.local import LocalServer

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


def connect(settings: Mapping[str, str] | None = None) -> Graph:
    """Find the database (`resolve_address`), connect to it and see that this samgraph can read what is there.

    Raises:
        GraphError: nobody answers, or a newer samgraph wrote the graph
    """
    graph = Graph.open(resolve_address(settings))
    try:
        require_readable(graph)
    except BaseException:
        graph.close()
        raise
    return graph


def resolve_address(settings: Mapping[str, str] | None = None, *, start_local: bool = True) -> Address:
    """The Neo4j database to use.

    The environment's SAMGRAPH_NEO4J_URI, _USER, _PASSWORD and _DATABASE come first, then `settings` with the
    keys uri, user, password and database; without a URI it is the local server. If that one does not run it
    is started for this process and ends with it (`start_local`), else GraphError.
    """
    given = {key: value for key, value in (settings or {}).items() if value}
    unknown = set(given) - {"uri", "user", "password", "database"}
    if unknown:
        raise ConfigError(
            f"[neo4j] has no setting {sorted(unknown)[0]!r}: use uri, user, password and database."
        )
    for key in ("uri", "user", "password", "database"):
        if value := os.environ.get(f"SAMGRAPH_NEO4J_{key.upper()}"):
            given[key] = value
    if "uri" in given:
        return _named_address(given)
    if given:
        raise ConfigError(
            f"Neo4j's {' and '.join(sorted(given))} is set without an address: set SAMGRAPH_NEO4J_URI too (such "
            "as bolt://127.0.0.1:7687), or none of them to use the local server."
        )
    server = LocalServer()
    if start_local:
        return server.start_for_this_process()
    address = server.address()
    if address is None:
        raise GraphError(
            f"The local Neo4j server of {server.home} does not run: `samgraph neo4j start` does so."
        )
    return address


def _named_address(given: Mapping[str, str]) -> Address:
    uri = given["uri"]
    try:
        parts = urlsplit(uri)
        understood = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigError("SAMGRAPH_NEO4J_URI is not an address: write bolt://HOST:PORT.") from None
    if "@" in parts.netloc:
        raise ConfigError(
            "SAMGRAPH_NEO4J_URI holds a user or a password: give them as SAMGRAPH_NEO4J_USER and _PASSWORD, so "
            "that they show in no message."
        )
    if not understood:
        raise ConfigError(
            f"The Neo4j address {uri!r} is not understood: write bolt://HOST:PORT, or neo4j://HOST:PORT for a "
            "cluster."
        )
    if "password" not in given:
        raise ConfigError(f"The password for {uri} is missing: set SAMGRAPH_NEO4J_PASSWORD.")
    return Address(uri, given.get("user", "neo4j"), given["password"], given.get("database", "neo4j"))
