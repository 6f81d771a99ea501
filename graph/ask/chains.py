"""Walks along the value chain, with revenue attached: who supplies a company or a product, and who uses it.

A walk starts from what a company sells, or from a product with all that is below it, and follows links of the
value chain (`SUPPLIES`), so many in each direction. A link of a product holds for everything below it in the
taxonomy, and brings everything below the product at its other end. A product that is reached twice counts once, by
fewest links. Its strength is that of the strongest way to it,

    strength(way) = product of the weights of its links

and is not known (NaN) where no way has all its weights. `cypher/chain/upstream.cypher` and
`cypher/chain/downstream.cypher` are the same walks, of up to three links, inside Neo4j; a test holds them equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.search import give_way, named_products
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import committed_moment, no_such_universe

Direction = Literal["upstream", "downstream"]
_STATEMENTS: dict[Direction, str] = {"upstream": "chain/suppliers", "downstream": "chain/customers"}

PRODUCTS = ("direction", "links", "product_id", "name", "strength")
COMPANIES = (*PRODUCTS, "company_id", "company", "share", "purity")


@dataclass(frozen=True, eq=False)
class Chain:
    """A value chain on one day.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for
        start: what the question named: a company's id, or the ids of products
        products: one row per product: direction, links (from the start), product_id, name, strength (NaN: not known)
        companies: one row per product and a company that sells it: those columns, company_id, company (its name),
            share (of its revenue, with this product) and purity (with all products of this direction)
    """

    as_of: AsOf
    start: tuple[str, ...]
    products: pd.DataFrame
    companies: pd.DataFrame


def chain(
    graph: Graph,
    question: str,
    as_of: AsOf,
    *,
    universe: str | None = None,
    upstream: int = 1,
    downstream: int = 0,
) -> Chain:
    """Walk along the value chain.

    Args:
        graph: an open connection
        question: a company_id or a company's name, else a product_id, a product's name or words of one
        as_of: the day, and optionally the moment of knowledge to replay
        universe: only its members of that day, among those who sell what is found
        upstream: links to follow to inputs
        downstream: links to follow to what things go into

    Raises:
        SnapshotError: no such company, product or universe; a company without a report valid on that day
    """
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    times: dict[str, Any] = {"as_of": seen.valid, "known": seen.known}
    start, core = _start(graph, question, times)
    members: set[str] | None = None
    if universe is not None:
        members = {row["company_id"] for row in graph.read("basket/members", universe=universe, **times)}
        if not members:
            raise no_such_universe(graph, universe, seen)
    products: list[dict[str, Any]] = []
    companies: list[dict[str, Any]] = []
    walks: tuple[tuple[Direction, int], ...] = (("upstream", upstream), ("downstream", downstream))
    for direction, links in walks:
        found = walk(graph, direction, core, links, times)
        products += found
        companies += _sellers(graph, found, members, times)
    return Chain(seen, start, _frame(products, PRODUCTS), _frame(companies, COMPANIES))


def _start(graph: Graph, question: str, times: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """What the question names, and the products that a walk starts from."""
    rows = graph.read("chain/company", text=question, **times)
    if rows:
        if not any(row["products"] for row in rows):
            raise SnapshotError(
                f"{question!r} has no report that is valid on {times['as_of']}; ask for another day, or for a product"
            )
        return (
            tuple(row["company_id"] for row in rows),
            sorted({product for row in rows for product in row["products"]}),
        )
    named = named_products(graph, question, times)
    apart = give_way(graph, named, times)
    seeds = tuple(match.product_id for match in named if match not in apart)
    below = graph.read("basket/subtree", ids=list(seeds), **times)
    return seeds, [row["product_id"] for row in below]


def walk(
    graph: Graph, direction: Direction, core: list[str], links: int, times: dict[str, Any]
) -> list[dict[str, Any]]:
    """The products that so many links lead to from some products, those not among them: direction, links, product_id,
    name, strength; nearest first. `times`: as_of (a day) and known (a moment).
    """
    met = set(core)
    front: dict[str, float | None] = dict.fromkeys(core, 1.0)
    found: list[dict[str, Any]] = []
    for number in range(1, links + 1):
        if not front:
            break
        rows = graph.read(_STATEMENTS[direction], ids=list(front), strengths=list(front.values()), **times)
        fresh = [row for row in rows if row["product_id"] not in met]
        found += [{"direction": direction, "links": number, **row} for row in fresh]
        front = {row["product_id"]: row["strength"] for row in fresh}
        met |= front.keys()
    return found


def _sellers(
    graph: Graph, found: list[dict[str, Any]], members: set[str] | None, times: dict[str, Any]
) -> list[dict[str, Any]]:
    by_id = {row["product_id"]: row for row in found}
    table = []
    for row in graph.read("basket/sellers", ids=list(by_id), **times):
        if members is not None and row["company_id"] not in members:
            continue
        seller = {
            "company_id": row["company_id"],
            "company": row["name"],
            "purity": sum(row["weights"]),
        }
        for product, share in zip(row["products"], row["weights"], strict=True):
            table.append({**by_id[product], **seller, "share": share})
    return table


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Upstream first, nearest first; the sellers of a product by share."""
    order, rising = ["upwards", "links", "product_id"], [False, True, True]
    if "share" in columns:
        order, rising = [*order, "share", "company_id"], [*rising, False, True]
    frame = pd.DataFrame(rows, columns=list(columns))
    frame["strength"] = frame["strength"].astype("float64")
    frame["upwards"] = frame["direction"] == "upstream"
    return frame.sort_values(order, ascending=rising, ignore_index=True)[list(columns)]
