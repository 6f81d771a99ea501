"""Names beside ids, for tables that people read."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.pairs import require
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph


def with_names(graph: Graph, as_of: AsOf, frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Put a column of names behind columns of ids.

    Args:
        graph: an open connection
        as_of: names are those known then
        frame: has the columns
        columns: from a column of company or product ids to the name of the new one; an id of a company is in a column
            `company_id` or `other_id`
    """
    ids: dict[str, list[str]] = {"companies": [], "products": []}
    for column in columns:
        ids[_kind(column)] += [str(value) for value in frame[column].dropna().unique()]
    rows = graph.read("names/of", known=as_of.known, **ids)
    found = {(row["kind"], row["id"]): row["name"] for row in rows}
    named = frame.copy()
    for column, new in columns.items():
        kind = "company" if _kind(column) == "companies" else "product"
        values = [found.get((kind, value)) for value in frame[column]]
        named.insert(
            list(named.columns).index(column) + 1, new, pd.Series(values, index=frame.index, dtype=object)
        )
    return named


def require_company(graph: Graph, snapshot: Snapshot, company: str) -> None:
    """Raise SnapshotError unless the snapshot has the company, and say whether the graph does."""
    if company not in snapshot.companies:
        known = graph.read("names/of", companies=[company], products=[], known=snapshot.as_of.known)
        if known:
            outside = f", or it was no member of {snapshot.universe}" if snapshot.universe else ""
            raise SnapshotError(
                f"{known[0]['name']} ({company}) is not among the companies of {snapshot.universe or 'the graph'} on "
                f"{snapshot.as_of.valid}: no report of it was in use on that day{outside}"
            )
    require(snapshot, company)


def _kind(column: str) -> str:
    return "companies" if column in ("company_id", "other_id") else "products"
