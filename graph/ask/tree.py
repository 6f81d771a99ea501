"""Taxonomies and the value chain of a day as plain tables: for reports, ridges and risk, which add up by themselves."""

from __future__ import annotations

import pandas as pd

from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph

InputLink = tuple[str, str, float | None]  # supplier, customer, stated share of its inputs


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


def input_links(graph: Graph, as_of: AsOf) -> tuple[InputLink, ...]:
    """Every link of a day's value chain, sorted."""
    row = graph.read("chain/links", as_of=as_of.valid, known=as_of.known)[0]
    links = [
        (str(supplier), str(customer), None if weight[0] is None else float(weight[0]))
        for supplier, customer, weight in zip(row["suppliers"], row["customers"], row["weights"], strict=True)
    ]
    return tuple(sorted(links, key=lambda link: link[:2]))
