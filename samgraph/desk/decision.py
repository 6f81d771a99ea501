"""What decides an evening's orders: a run's scores and construction up to a day, and what is held beside them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.desk.evening_inputs import EveningInputs, desk_of, served_table
from samgraph.errors import RunError
from samgraph.exchange.access import LIMIT_DOWN, LIMIT_UP, access, marks
from samgraph.factors.portfolio.accounting import Evening
from samgraph.factors.portfolio.evening import NextDay
from samgraph.factors.portfolio.simulation import Simulation
from samgraph.factors.portfolio.tape import LOOK_BACK
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.market import Market
from samgraph.outcome.constructions import CONSTRUCTIONS, Desk, Portfolio
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest
from samgraph.run.score import scores_of

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decision:
    """All that decides an evening's orders.

    Attributes:
        portfolio: of the run.
        market: the bars up to the day, its last.
        score: [n_dates, n_stocks] that is traded; desk: rules, bounds and forecasts.
        names: of companies by id; served: product_id, product, product_share, industry by company_id: what a company
            sells most of, how much of its revenue that is, and its industry, as of the day.
        warnings, source: of the day's scores (`samgraph.run.score.Scored`).
    """

    portfolio: Portfolio
    market: Market
    score: FloatArray
    desk: Desk
    names: Mapping[str, str]
    served: pd.DataFrame
    warnings: tuple[str, ...]
    source: Mapping[str, Any]

    @property
    def day(self) -> int:
        """Row of the day."""
        return self.market.n_dates - 1

    def books(self, longer: Market) -> Simulation:
        """The portfolio's books on the market with one more day, as it came or is expected; it has no score yet."""
        score = np.vstack([self.score, np.full((1, self.score.shape[1]), np.nan)])
        return CONSTRUCTIONS[self.portfolio.construction].books(score, replace(self.desk, market=longer))


def decide(
    run: RunFolder,
    graph: Graph,
    dataset: Dataset | None = None,
    *,
    as_of: dt.date | None = None,
    portfolio: str | None = None,
    known: dt.datetime | None = None,
) -> Decision:
    """Read and score what decides the orders after a day's close.

    Args: see `trade`.
    """
    one = portfolio_of(run, portfolio)
    dataset = dataset or Dataset(run.config.data)
    latest = Latest.read(run, graph, dataset, as_of, known)
    last = latest.market.dates[-1]
    if as_of is not None and last != pd.Timestamp(as_of):
        raise RunError(
            f"{as_of} has no bars, so nothing can be decided at its close; the last day with bars before it is "
            f"{last.date()}"
        )
    return decision_of(latest, dataset, one)


def decision_of(latest: Latest, dataset: Dataset, one: Portfolio) -> Decision:
    """What decides the orders of a portfolio after the close of the last day of bars that were read.

    Raises:
        SamgraphError: as `trade`
    """
    run = latest.run
    since = min(run.market.n_dates, latest.day)  # days after the run's own have no score yet
    scored = scores_of(latest, dataset, one.arm, since=since)
    inputs = EveningInputs.read(latest)
    score, desk = desk_of(latest, inputs, scored, one.arm)
    table = dataset.read("companies", ["company_id", "name"])
    names = {str(c): str(n) for c, n in zip(table["company_id"], table["name"], strict=True)}
    served = served_table(latest, inputs)
    return Decision(one, latest.market, score, desk, names, served, scored.warnings, scored.source)


def portfolio_of(run: RunFolder, name: str | None) -> Portfolio:
    """A run's portfolio by its name, its main one by default.

    Raises:
        RunError: it has none of the name
    """
    if name is None:
        return next(iter(run.portfolios.values()))
    if name not in run.portfolios:
        known = ", ".join(run.portfolios)
        raise RunError(f"{run.folder} has no portfolio {name!r}; it has {known}")
    return run.portfolios[name]


@dataclass(frozen=True, eq=False)
class Plan:
    """An account's evening by stock; all [n_stocks], at the marks of the day.

    Attributes:
        made: what decides; evening: what is owned; unknown: holdings that the market does not know.
        longer: the market with the day after, as it is expected; found: what was decided, and is filled then.
        relaxed: bounds that the optimiser had to drop, "" for none.
    """

    made: Decision
    evening: Evening
    longer: Market
    found: NextDay
    unknown: tuple[str, ...]
    relaxed: str

    @property
    def day(self) -> int:
        return self.made.day

    @cached_property
    def mark(self) -> FloatArray:
        """Last traded price, 0 where there is none."""
        found: FloatArray = np.nan_to_num(marks(self.longer).mark[self.day])
        return found

    @cached_property
    def value(self) -> float:
        """Of the account."""
        return self.evening.cash + float((self.evening.shares * self.mark).sum())

    @cached_property
    def now(self) -> FloatArray:
        """Weights held."""
        return self.evening.shares * self.mark / self.value

    @cached_property
    def after(self) -> FloatArray:
        """Weights held once the orders are filled."""
        value = self.found.after.cash + float((self.found.after.shares * self.mark).sum())
        return self.found.after.shares * self.mark / value

    @cached_property
    def closed_at(self) -> npt.NDArray[np.object_]:
        """`limit_up` or `limit_down` where the day closed there, else nothing."""
        met = access(self.made.market, "close")
        out = np.full(len(self.mark), "", dtype=object)
        out[met.no_buy[self.day] == LIMIT_UP] = "limit_up"
        out[met.no_sell[self.day] == LIMIT_DOWN] = "limit_down"
        return out

    @cached_property
    def traded_a_day(self) -> FloatArray:
        """Mean traded amount of the last days."""
        market = self.made.market
        amount = np.where(
            marks(market).traded, np.nan_to_num(market.volume) * np.nan_to_num(market.close), 0.0
        )
        found: FloatArray = amount[-LOOK_BACK:].mean(axis=0)
        return found

    def place(self, companies: Any) -> npt.NDArray[np.intp]:
        """Rows of companies."""
        return pd.Index(self.longer.stocks).get_indexer(pd.Index(companies))
