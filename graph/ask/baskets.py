"""Thematic baskets: a product or a text, its subtree, some links along the value chain, and who earns with it.

    purity(i) = sum of the revenue shares of company i over the basket's products
    weight(i) = purity(i), or purity(i) x market cap(i), divided by their sum over the basket

Links of the value chain are followed as `chain` does: one of a product holds for everything below it, and brings
everything below the product at its other end. A basket of themes has the members of the themes instead, whatever they
earn with: purity is 1 for each, and nothing is followed along the chain. Everything is as of one day and one moment of
knowledge: taxonomy, links, reports, members.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.chains import Direction, walk
from samgraph.graph.ask.search import MATCHES, Match, give_way, named_products
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import committed_moment, no_such_universe
from samgraph.rounding import EQUAL, to_digits
from samgraph.words import many

FEW = 3
"""A basket of fewer companies is said to be thin."""


@dataclass(frozen=True, eq=False)
class Basket:
    """A basket on one day.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for
        seeds: product ids that the question named and that were taken, best match first
        left: products that the question named and that were not taken
        products: one row per product of the basket: product_id, name, part (core, upstream or downstream), links
            (steps along the value chain from the core; a product that is reached twice counts once, by fewest links),
            match (of those that the question named, how much of the name it is; NaN for the others)
        companies: best first: company_id, name, weight (sums to 1; NaN for a company whose market cap is asked for
            but not known), purity (share of its revenue inside the basket) and its parts core, upstream, downstream
        apart: those of `left` whose names list other things too, and that gave way to what is named below them
    """

    as_of: AsOf
    seeds: tuple[Match, ...]
    left: tuple[Match, ...]
    products: pd.DataFrame
    companies: pd.DataFrame
    apart: tuple[Match, ...] = ()


def basket(
    graph: Graph,
    question: str,
    as_of: AsOf,
    *,
    only: Collection[str] = (),
    universe: str | None = None,
    upstream: int = 0,
    downstream: int = 0,
    market_caps: Mapping[str, float] | None = None,
    themes: bool = False,
) -> Basket:
    """Make a basket.

    Args:
        graph: an open connection
        question: a product_id, or words that names must hold, in either language (see `find_products`)
        as_of: the day, and optionally the moment of knowledge to replay
        only: of the products that the question names only these ids; by default all but those that give way
            (`give_way`)
        universe: only its members of that day
        upstream: links to follow to inputs; each brings the linked products with all that is below them
        downstream: links to follow to products that they are an input of
        market_caps: company_id -> market cap on that day, to weight by; None weights by purity alone
        themes: the members of the themes that the question names, not who sells its products; without links

    Raises:
        SnapshotError: no such product or universe, `only` has an id that the question does not name, or nobody sells
            anything of the basket on that day
    """
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    times: dict[str, Any] = {"as_of": seen.valid, "known": seen.known}
    named = named_products(graph, question, times)
    apart = () if only else give_way(graph, named, times)
    seeds = tuple(match for match in named if (match.product_id in only if only else match not in apart))
    if strange := sorted(set(only) - {match.product_id for match in seeds}):
        raise SnapshotError(
            f"{question!r} does not name the product {strange[0]!r}; the {len(named)} that it names begin with "
            + ", ".join(f"{match.name} ({match.product_id})" for match in named[:5])
        )
    left = tuple(match for match in named if match not in seeds)
    links = (0, 0) if themes else (upstream, downstream)
    made = _made(graph, seeds, left, repr(question), seen, universe, *links, market_caps, themes)
    return replace(made, apart=apart)


def basket_of(
    graph: Graph,
    ids: Collection[str],
    as_of: AsOf,
    *,
    universe: str | None = None,
    upstream: int = 0,
    downstream: int = 0,
) -> Basket:
    """Make a basket of products that were chosen by hand; weights go by purity.

    Raises:
        SnapshotError: there is no such product or universe, or nobody sells anything of the basket on that day
    """
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    rows = graph.read("names/of", companies=[], products=list(ids), known=seen.known)
    names = {row["id"]: row["name"] for row in rows}
    if not ids or (strange := [product for product in ids if product not in names]):
        raise SnapshotError(
            f"the graph has no product {strange[0]!r}; search for its name"
            if ids
            else "the basket has no product"
        )
    seeds = tuple(Match(product, names[product], 1.0) for product in dict.fromkeys(ids))
    said = ", ".join(names[product] for product in list(names)[:3])
    return _made(graph, seeds, (), said, seen, universe, upstream, downstream, None)


def _made(
    graph: Graph,
    seeds: tuple[Match, ...],
    left: tuple[Match, ...],
    asked: str,
    seen: AsOf,
    universe: str | None,
    upstream: int,
    downstream: int,
    market_caps: Mapping[str, float] | None,
    themes: bool = False,
) -> Basket:
    times: dict[str, Any] = {"as_of": seen.valid, "known": seen.known}
    products = _products(graph, seeds, upstream, downstream, times)
    statement = "basket/theme_members" if themes else "basket/sellers"
    rows = graph.read(statement, ids=products["product_id"].tolist(), **times)
    if universe is not None:
        members = {row["company_id"] for row in graph.read("basket/members", universe=universe, **times)}
        if not members:
            raise no_such_universe(graph, universe, seen)
        rows = [row for row in rows if row["company_id"] in members]
    if not rows:
        others = graph.read(
            "basket/sellers" if themes else "basket/theme_members",
            ids=products["product_id"].tolist(),
            **times,
        )
        what = (
            f"is in a theme {asked}"
            if themes
            else f"sells any of the {many(len(products), 'product')} of {asked}"
        )
        wider = "another day" if themes else "another day, a wider product or more links"
        some = len({row["company_id"] for row in others})
        other = ("sells" if some == 1 else "sell") + " it: leave --themes out"
        if not themes:
            other = ("is" if some == 1 else "are") + " in a theme of that name: add --themes"
        hint = f"; {many(some, 'company')} {other}" if others else f"; ask for {wider}"
        raise SnapshotError(f"nobody in {universe or 'the graph'} {what} on {seen.valid}{hint}")
    return Basket(seen, seeds, left, products, _companies(rows, products, market_caps))


def _products(
    graph: Graph, seeds: tuple[Match, ...], upstream: int, downstream: int, times: dict[str, Any]
) -> pd.DataFrame:
    ids = [match.product_id for match in seeds]
    core = {row["product_id"]: row["name"] for row in graph.read("basket/subtree", ids=ids, **times)}
    found = {product: (name, "core", 0) for product, name in core.items()}
    walks: tuple[tuple[Direction, int], ...] = (("upstream", upstream), ("downstream", downstream))
    for part, steps in walks:
        for row in walk(graph, part, list(core), steps, times):
            product, links = row["product_id"], row["links"]
            if product not in found or found[product][2] > links:
                found[product] = (row["name"], part, links)
    match = {seed.product_id: seed.match for seed in seeds}
    table = [(product, *told, match.get(product, np.nan)) for product, told in found.items()]
    frame = pd.DataFrame(table, columns=["product_id", "name", "part", "links", "match"])
    return frame.sort_values(
        ["links", "part", "match", "product_id"], ascending=[True, True, False, True], ignore_index=True
    )


def thin(found: Basket, *, upstream: int, downstream: int) -> list[str]:
    """What a reader of a basket should be told of what it lacks, in sentences."""
    said = []
    for part, links in (("upstream", upstream), ("downstream", downstream)):
        there = int((found.products["part"] == part).sum())
        if links and not there:
            said.append(f"no link of the value chain leads {part} from these products on {found.as_of.valid}")
    if found.apart:
        names = ", ".join(f"{match.name} ({match.product_id})" for match in found.apart)
        said.append(
            f"not taken: {names}, whose name lists other things too, and below which products are named; ask for its "
            "id to take it whole"
        )
    if len(found.seeds) + len(found.left) >= MATCHES:
        said.append(
            f"the text names more than {MATCHES} products, and only the best were taken; use more words"
        )
    if len(found.companies) < FEW:
        said.append(
            "only 1 of the companies sells any of it: a basket of one is no theme"
            if len(found.companies) == 1
            else f"only {len(found.companies)} of the companies sell any of it: a basket of so few is no theme"
        )
    return said


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
