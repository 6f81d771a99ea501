"""Thematic baskets: a product or a text, its subtree, some links along the value chain, and who earns with it.

    purity(i) = sum of the revenue shares of company i over the basket's products
    weight(i) = purity(i), or purity(i) x market cap(i), divided by their sum over the basket

Everything is as of one day and one moment of knowledge: taxonomy, links, reports, members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import committed_moment, no_such_universe
from samgraph.rounding import EQUAL, to_digits

Part = Literal["core", "upstream", "downstream"]
LONGEST_MISSPELT = 40
MATCHES = 50
"""A text stands for at most so many products; the best ones by the full-text index."""


@dataclass(frozen=True, eq=False)
class Basket:
    """A basket on one day.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for
        seeds: product ids that the question named
        products: one row per product of the basket: product_id, name, part (core, upstream or downstream), links
            (steps along the value chain from the core); a product that is reached twice counts once, by fewest links
        companies: best first: company_id, name, weight (sums to 1; NaN for a company whose market cap is asked for
            but not known), purity (share of its revenue inside the basket) and its parts core, upstream, downstream
    """

    as_of: AsOf
    seeds: tuple[str, ...]
    products: pd.DataFrame
    companies: pd.DataFrame


def basket(
    graph: Graph,
    question: str,
    as_of: AsOf,
    *,
    universe: str | None = None,
    upstream: int = 0,
    downstream: int = 0,
    market_caps: Mapping[str, float] | None = None,
) -> Basket:
    """Make a basket.

    Args:
        graph: an open connection
        question: a product_id, a product's name, or words that names must hold, in either language
        as_of: the day, and optionally the moment of knowledge to replay
        universe: only its members of that day
        upstream: links to follow to inputs; each brings the linked products with all that is below them
        downstream: links to follow to products that they are an input of
        market_caps: company_id -> market cap on that day, to weight by; None weights by purity alone

    Raises:
        SnapshotError: no such product or universe, or nobody sells anything of the basket on that day
    """
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    times: dict[str, Any] = {"as_of": seen.valid, "known": seen.known}
    seeds = named_products(graph, question, times)
    products = _products(graph, seeds, upstream, downstream, times)
    rows = graph.read("basket/sellers", ids=products["product_id"].tolist(), **times)
    if universe is not None:
        members = {row["company_id"] for row in graph.read("basket/members", universe=universe, **times)}
        if not members:
            raise no_such_universe(graph, universe, seen)
        rows = [row for row in rows if row["company_id"] in members]
    if not rows:
        raise SnapshotError(
            f"nobody in {universe or 'the graph'} sells any of the {len(products)} products of {question!r} on "
            f"{seen.valid}; ask for another day, a wider product or more links"
        )
    return Basket(seen, seeds, products, _companies(rows, products, market_caps))


def named_products(graph: Graph, question: str, times: dict[str, Any]) -> tuple[str, ...]:
    """Return the ids of the products that a text names: by id or name, else by words of names.

    `times`: as_of (a day) and known (a moment). Raises SnapshotError: there is none.
    """
    rows = graph.read("basket/named", text=question, **times)
    words = [f'"{_escaped(word)}"' for word in question.split()]
    if not rows and words:
        rows = graph.read("basket/search", query=" AND ".join(words), limit=MATCHES, **times)
    if rows:
        return tuple(row["product_id"] for row in rows)
    # Also what is spelt almost so; of a very long word the server would try more spellings than its memory holds.
    words += [f"{word}~" for word in question.split() if word.isalnum() and len(word) <= LONGEST_MISSPELT]
    near = graph.read("basket/search", query=" OR ".join(words), limit=3, **times) if words else []
    hint = ", ".join(f"{row['name']} ({row['product_id']})" for row in near)
    raise SnapshotError(
        f"no product of {times['as_of']} is {question!r} or holds all its words; "
        + (f"the nearest are {hint}" if near else "use a product_id or words of a product's name")
    )


def _escaped(word: str) -> str:
    """A word for Lucene, inside quotes: only a quote and a backslash mean something there."""
    return re.sub(r'(["\\])', r"\\\1", word)


def _products(
    graph: Graph, seeds: tuple[str, ...], upstream: int, downstream: int, times: dict[str, Any]
) -> pd.DataFrame:
    core = {row["product_id"]: row["name"] for row in graph.read("basket/subtree", ids=list(seeds), **times)}
    found = {product: (name, "core", 0) for product, name in core.items()}
    part: Part
    for part, statement, steps in (
        ("upstream", "basket/suppliers", upstream),
        ("downstream", "basket/customers", downstream),
    ):
        front = list(core)
        for step in range(1, steps + 1):
            linked = [row["product_id"] for row in graph.read(statement, ids=front, **times)]
            below = graph.read("basket/subtree", ids=linked, **times)
            fresh = [
                row for row in below if row["product_id"] not in found or found[row["product_id"]][2] > step
            ]
            found |= {row["product_id"]: (row["name"], part, step) for row in fresh}
            front = [row["product_id"] for row in fresh]
    table = [(product, *told) for product, told in found.items()]
    frame = pd.DataFrame(table, columns=["product_id", "name", "part", "links"])
    return frame.sort_values(["links", "part", "product_id"], ignore_index=True)


def _companies(
    rows: list[dict[str, Any]], products: pd.DataFrame, market_caps: Mapping[str, float] | None
) -> pd.DataFrame:
    parts = dict(zip(products["product_id"], products["part"], strict=True))
    table = []
    for row in rows:
        shares = dict.fromkeys(("core", "upstream", "downstream"), 0.0)
        for product, weight in zip(row["products"], row["weights"], strict=True):
            shares[parts[product]] += weight
        table.append(
            {"company_id": row["company_id"], "name": row["name"], "purity": sum(shares.values()), **shares}
        )
    frame = pd.DataFrame(table)
    size = frame["purity"]
    if market_caps is not None:
        caps = pd.Series(
            [market_caps.get(company, np.nan) for company in frame["company_id"]], dtype="float64"
        )
        size = size * caps
    total = float(size.sum())
    frame.insert(2, "weight", size / total if total > 0 else np.nan)
    return frame.sort_values(
        ["weight", "purity", "company_id"],
        ascending=[False, False, True],
        ignore_index=True,
        key=to_digits(EQUAL),
    )
