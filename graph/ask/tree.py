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
