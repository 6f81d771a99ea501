"""Stress of holdings by product: a scenario from a TOML file, carried through the value chain of the graph.

    name = "Lithium falls by a fifth"
    depth = 3          # links of the value chain to follow; 0 is the shocks alone
    days = 5           # trading days that it takes, for the days in the past that were as bad

    [shocks]           # product, by id or whole name: a fraction of its value, -0.2 is a fall of a fifth
    "P01234" = -0.2

Taxonomy, links and revenue shares are those of the day asked about. Formulas and bounds stand in
`samgraph.factors.risk.stress`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError
from samgraph.factors.arrays import Floats
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.factors.risk.model import node_path
from samgraph.factors.risk.stress import InputLinks, carry, stressed, worst_spells
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import input_links, product_tree
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph

SETTINGS = ("name", "depth", "days", "shocks")


@dataclass(frozen=True)
class Scenario:
    """What happens: `shocks` by product id or name, `depth` links that carry it, `days` that it takes."""

    name: str
    shocks: Mapping[str, float]
    depth: int = 3
    days: int = 1


@dataclass(frozen=True, eq=False)
class Stress:
    """The findings.

    Attributes:
        scenario: what happened.
        loss: of the portfolio, a fraction of its value (below 0 is lost); worst: by the bound that hurts; direct: by
            the shocks alone.
        uncovered: share of the portfolio's absolute weight whose revenue the graph does not know.
        products: product_id, name, direct, carried, low, high: everything that moves, or may.
        stocks: company_id, weight, covered, direct, carried, low, high, loss, worst; the largest bound first.
        past: product_id, factor, first, last, move, portfolio, reached; None without bars.
    """

    scenario: Scenario
    loss: float
    worst: float
    direct: float
    uncovered: float
    products: pd.DataFrame
    stocks: pd.DataFrame
    past: pd.DataFrame | None = None

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that there are, in reading order."""
        named = {
            "stress by holding": self.stocks,
            "stress by product": self.products,
            "stress in the past": self.past,
        }
        return {name: frame for name, frame in named.items() if frame is not None}


def read_scenario(path: Path) -> Scenario:
    """A scenario from a TOML file.

    Raises:
        ConfigError: not readable, no shocks, an unknown setting, or a value that is out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"scenario {path} cannot be read ({error}); give a TOML file with a table [shocks]"
        ) from error
    unknown = sorted(set(content) - set(SETTINGS))
    if unknown:
        raise ConfigError(f"scenario {path} has a setting {unknown[0]}; it takes {', '.join(SETTINGS)}")
    shocks = content.get("shocks")
    if not isinstance(shocks, dict) or not shocks:
        raise ConfigError(f'scenario {path} has no shocks; give [shocks] with lines such as "P01234" = -0.2')
    for product, value in shocks.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not -1.0 <= value <= 10.0 or value == 0.0:
            raise ConfigError(
                f"scenario {path} shocks {product} by {value!r}; give a fraction from -1 to 10, not 0, such as -0.2"
            )
    limits = {"depth": (3, 0, 20), "days": (1, 1, 250)}
    found: dict[str, int] = {}
    for name, (default, least, most) in limits.items():
        value = content.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigError(
                f"scenario {path} has {name} = {value!r}; give a whole number from {least} to {most}"
            )
        found[name] = value
    name = content.get("name", path.stem)
    return Scenario(str(name), {str(p): float(v) for p, v in shocks.items()}, **found)


def stress(
    graph: Graph,
    holdings: pd.Series,
    scenario: Scenario,
    as_of: AsOf,
    *,
    regression: Regression | None = None,
    returns: Floats | None = None,
) -> Stress:
    """What a scenario does to holdings.

    Args:
        graph: an open connection.
        holdings: weight by company id.
        scenario: the shocks.
        as_of: the day and the moment of knowledge.
        regression: factor returns of the past, to look for days that were as bad in.
        returns: [n_dates, n_stocks] of that regression, row t the return from t to t + 1.

    Raises:
        ConfigError: a product that the day's taxonomy does not know, or a name of several.
        SnapshotError: no revenue shares on the day.
    """
    found = snapshot(graph, as_of)
    seen = found.as_of
    tree = product_tree(graph, seen)
    links = input_links(graph, seen)
    names = {str(p): str(n) for p, n in zip(tree["product_id"], tree["name"], strict=True)}
    parents = {str(p): _text(q) for p, q in zip(tree["product_id"], tree["parent_id"], strict=True)}
    nodes = sorted({*names, *parents, *(end for a, b, _ in links for end in (a, b))})
    shocks = np.zeros(len(nodes))
    place = {node: number for number, node in enumerate(nodes)}
    for product, shock in scenario.shocks.items():
        shocks[place[_product(product, names, seen)]] += shock
    carried = carry(InputLinks.of(nodes, parents, links), shocks, scenario.depth)
    held = found.frame[found.frame["company_id"].isin(holdings.index)]
    stock = pd.Index(holdings.index).get_indexer(pd.Index(held["company_id"]))
    node = np.array([place[str(p)] for p in held["product_id"]], dtype=np.int64)
    weights = holdings.to_numpy(dtype=np.float64)
    stocks = stressed(weights, stock, node, held["weight"].to_numpy(dtype=np.float64), carried)
    stocks.insert(0, "company_id", list(holdings.index))
    moved = np.flatnonzero((carried.low != 0.0) | (carried.high != 0.0))
    products = pd.DataFrame(
        {
            "product_id": [nodes[k] for k in moved],
            "name": [names.get(nodes[k], nodes[k]) for k in moved],
            **{name: getattr(carried, name)[moved] for name in ("direct", "carried", "low", "high")},
        }
    )
    size = np.abs(weights)
    return Stress(
        scenario=scenario,
        loss=math.fsum(stocks["loss"]),
        worst=math.fsum(stocks["worst"]),
        direct=math.fsum(weights * stocks["direct"]),
        uncovered=1.0 - math.fsum(size * np.minimum(stocks["covered"], 1.0)) / math.fsum(size),
        products=products.sort_values(["carried", "low"], kind="stable", ignore_index=True),
        stocks=stocks.sort_values(["worst", "loss"], kind="stable", ignore_index=True),
        past=None
        if regression is None or returns is None
        else _past(scenario, regression, returns, holdings, parents, names, seen),
    )


def _past(
    scenario: Scenario,
    fit: Regression,
    returns: Floats,
    holdings: pd.Series,
    parents: Mapping[str, str | None],
    names: Mapping[str, str],
    seen: AsOf,
) -> pd.DataFrame:
    """The worst spells of each shocked product's factor, or of the nearest one above it, with today's holdings."""
    place = pd.Index(fit.stocks).get_indexer(pd.Index(holdings.index))
    own = np.zeros(len(fit.stocks))
    own[place[place >= 0]] = holdings.to_numpy(dtype=np.float64)[place >= 0]
    book = np.nan_to_num(returns) @ own
    columns = {
        column: k
        for k, (kind, column) in enumerate(zip(fit.kinds, fit.columns, strict=True))
        if kind == "product"
    }
    frames = []
    for asked, shock in scenario.shocks.items():
        product = _product(asked, names, seen)
        factor = next((node for node in node_path(product, parents) if node in columns), None)
        if factor is None:
            continue
        spells = worst_spells(fit.returns[:-1, columns[factor]], book[:-1], shock, scenario.days)
        days = fit.dates[1:]  # row t is the return that ends a day later
        spells["first"], spells["last"] = (
            days[spells["first"].to_numpy(int)],
            days[spells["last"].to_numpy(int)],
        )
        spells.insert(0, "product_id", product)
        spells.insert(1, "factor", factor)
        frames.append(spells)
    columns_ = ["product_id", "factor", "first", "last", "move", "portfolio", "reached"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns_)


def _product(asked: str, names: Mapping[str, str], seen: AsOf) -> str:
    if asked in names:
        return asked
    found = sorted(node for node, name in names.items() if name == asked)
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f"{len(found)} products are called {asked} ({', '.join(found[:5])}); give one of these ids"
        )
    raise ConfigError(f"no product is called {asked} on {seen.valid}; give its id or its whole name")


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) or value == "" else str(value)
