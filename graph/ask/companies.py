"""Companies by a text, and what each of them reported by a day. Nothing that became known later is told."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.glossary import folded
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph

FOUND = ("company_id", "name", "products")
REPORTS = ("period_end", "announced_on", "valid_from", "valid_to", "product_id", "name", "weight")


@dataclass(frozen=True)
class Company:
    """A company as the database knew it.

    Attributes:
        company_id, name, exchange, listed_on (ISO day): empty where it is not known
        universes: those that it is a member of on the day
    """

    company_id: str
    name: str
    exchange: str
    listed_on: str
    universes: tuple[str, ...]


def find_companies(graph: Graph, text: str, as_of: AsOf, *, limit: int = 20) -> pd.DataFrame:
    """The companies whose id or name holds a text, in any case: company_id, name, products (sold on the day)."""
    rows = graph.read("company/find", text=folded(text), limit=limit, as_of=as_of.valid, known=as_of.known)
    return pd.DataFrame(rows, columns=list(FOUND))


def company(graph: Graph, company_id: str, as_of: AsOf) -> Company:
    """What is known of a company.

    Raises:
        SnapshotError: there was no such company
    """
    rows = graph.read("company/about", company=company_id, as_of=as_of.valid, known=as_of.known)
    if not rows:
        raise SnapshotError(f"the graph has no company {company_id!r}; search for its name or code")
    row = rows[0]
    listed = row["listed_on"]
    return Company(
        row["company_id"],
        row["name"],
        row["exchange"] or "",
        "" if listed is None else str(listed),
        tuple(row["universes"]),
    )


def company_reports(graph: Graph, company_id: str, as_of: AsOf) -> pd.DataFrame:
    """What a company reported, each report that was valid on the day or before it.

    Returns:
        one row per report and product: period_end, announced_on (None where rows came with explicit intervals),
        valid_from, valid_to (exclusive, None where it is later than the day), product_id, name, weight; the newest
        report first, its largest product first
    """
    rows = graph.read("company/reports", company=company_id, as_of=as_of.valid, known=as_of.known)
    table = [
        (row["period_end"], row["announced_on"], row["valid_from"], row["valid_to"], *one)
        for row in rows
        for one in zip(row["products"], row["names"], row["weights"], strict=True)
    ]
    return pd.DataFrame(table, columns=list(REPORTS), dtype=object)
