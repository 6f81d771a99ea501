"""The product taxonomy of a day as a table, for those who roll products up by hand: reports, ridges, risk."""

from __future__ import annotations

import pandas as pd

from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph


def product_tree(graph: Graph, as_of: AsOf) -> pd.DataFrame:
    """The products that the taxonomy joins, or that somebody sells, on a day.

    Returns:
        product_id (sorted), name, parent_id (None for a root)
    """
    rows = graph.read("as_of/tree", as_of=as_of.valid, known=as_of.known)
    # Texts of pandas would make a root's None a NaN.
    return pd.DataFrame(rows, columns=["product_id", "name", "parent_id"], dtype=object)


def industry_parents(graph: Graph, as_of: AsOf) -> dict[str, str]:
    """The parent of each industry that has one, on a day."""
    rows = graph.read("period/child_of_industry", first=as_of.valid, last=as_of.valid, known=as_of.known)
    return {
        str(child): str(parent)
        for row in rows
        for child, parent in zip(row["sources"], row["targets"], strict=True)
    }
