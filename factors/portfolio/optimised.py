"""A portfolio whose weights are optimised every rebalance day from what it then holds, by the rules of `targets`.

At the close of a rebalance day t the optimiser (`samgraph.factors.portfolio.optimise`) sees the score of t, the risk
model of t (estimated on days before it), the benchmark's weights of t, the holdings at the close of t with orders
under way counted as filled, and which stocks t shows to be suspended. Its weights are then traded at t + lag like any
others: lots, limits, suspensions, T+1 and costs hold, and what they prevent is part of what the next day starts from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.arrays import Floats, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.optimise import HELD, Bounds, Choice, expected_returns, optimise
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.portfolio.targets import Targets
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.sums import total

if TYPE_CHECKING:
    from samgraph.hist.market import Market

DECISIONS = ["date", "relaxed", "tracking_error", "expected", "bought", "active_share", "names"]


def run_optimised(
    score: Any,
    market: Market,
    forecasts: RiskForecasts,
    rules: Rules | None = None,
    bounds: Bounds | None = None,
    *,
    benchmark: Any | None = None,
) -> tuple[PortfolioResult, pd.DataFrame]:
    """Simulate an index-enhanced portfolio; `top`, `drop` and `weighting` of the rules have no meaning.

    Args:
        score: [n_dates, n_stocks] known at the close of its day, higher is better, NaN is no view.
        market: the bars, same axes.
        forecasts: of a regression over the same stocks and (some of) the same days.
        rules: of trading; the defaults where not given.
        bounds: of the optimiser; the defaults where not given.
        benchmark: weights [n_dates, n_stocks] of each day; `universe_weights` if None.

    Returns:
        The books, and the optimiser's decisions: date, relaxed (bounds dropped that day, "" for none), tracking_error
        (forecast, a year), expected (active return over the horizon before costs), bought (share of the value),
        active_share, names.

    Raises:
        ModelError: shapes that do not fit.
        RunError: no day has a score, a forecast of risk and time for an execution.
    """
    books = optimised_books(score, market, forecasts, rules, bounds, benchmark=benchmark)
    return books.run(), books.decided


def optimised_books(
    score: Any,
    market: Market,
    forecasts: RiskForecasts,
    rules: Rules | None = None,
    bounds: Bounds | None = None,
    *,
    benchmark: Any | None = None,
) -> OptimisedBooks:
    """The books of `run_optimised` before their first day."""
    score = panel(
        score, "score", np.asarray(market.close).shape, given_axes(score, market.dates, market.stocks)
    )
    if forecasts.regression.stocks != tuple(market.stocks):
        raise RunError("the risk forecasts are of other stocks than the market; make both from one universe.")
    weights = (
        universe_weights(market)
        if benchmark is None
        else panel(benchmark, "benchmark", score.shape, given_axes(benchmark, market.dates, market.stocks))
    )
    return OptimisedBooks(score, market, forecasts, rules or Rules(), bounds or Bounds(), weights)


class OptimisedBooks(Targets):
    """Weights are decided day by day instead of being given."""

    def __init__(
        self,
        score: Floats,
        market: Market,
        forecasts: RiskForecasts,
        rules: Rules,
        bounds: Bounds,
        benchmark: Floats,
    ) -> None:
        self.place = forecasts.regression.dates.get_indexer(market.dates)
        known = (np.isfinite(score) & market.member).any(axis=1) & (self.place >= forecasts.first)
        super().__init__(np.zeros(score.shape), known, market, rules)
        self.score, self.forecasts, self.bounds, self.benchmark = score, forecasts, bounds, benchmark
        self.decisions: list[tuple[Any, ...]] = []
        self.views: dict[int, Floats] = {}

    @property
    def decided(self) -> pd.DataFrame:
        """The optimiser's decisions so far; see `run_optimised`."""
        return pd.DataFrame(self.decisions, columns=DECISIONS)

    def decide(self, day: int, *, rebalance: bool) -> None:
        """Choose the day's weights first."""
        if rebalance and self.known[day]:
            self.weights[day] = self._choose(day)
        super().decide(day, rebalance=rebalance)

    def causes(self, decided: int, wanted: Floats, before: Floats, held: Floats) -> Any:
        """`score` where a trade goes with the decision's expected return, else `bounds`, risk among them."""
        with_view = (wanted - held) * self.views[decided] > 0.0
        return np.where(with_view, "score", "bounds")

    def _choose(self, day: int) -> Floats:
        model = self.forecasts.at(int(self.place[day]))
        now, value = self.now(day)
        free, own = self.sellable(day), now > 0.0
        suspended = ~self.tape.traded[day]
        self.views[day] = expected_returns(
            self.score[day], self.member[day], model.specific_variance, self.bounds
        )
        choice = Choice(
            expected=self.views[day],
            benchmark=self.benchmark[day],
            now=now,
            member=self.member[day],
            fixed=suspended,
            unsold=own & ~free & ~suspended,
            buy_cost=self.ledger.buying.rates(day),
            sell_cost=self.ledger.selling.rates(day),
            days_a_year=days_a_year(self.tape.dates[: day + 1]),
            **self._impact(day, value),
        )
        found = optimise(choice, model, self.bounds)
        weights = self._traded(day, found.weights, now, value) if found.relaxed != HELD else now
        active = 0.5 * total(np.abs(weights - choice.benchmark))
        names = int((weights > 0).sum())
        told = (found.relaxed, found.tracking_error, found.expected, found.bought)
        self.decisions.append((self.tape.dates[day], *told, active, names))
        return weights

    def _impact(self, day: int, value: float) -> dict[str, Any]:
        """The size-dependent cost of a trade of weight x, as impact * x ** power, from days before `day`."""
        rules = self.rules
        if rules.impact == "none" or not rules.impact_coefficient:
            return {}
        amount, volatility = self.tape.liquidity(day, np.arange(len(self.tape.stocks)))
        share = np.divide(value, amount, out=np.ones_like(amount), where=amount > 0.0)
        linear = rules.impact == "linear"
        scale = share if linear else volatility * np.sqrt(share)
        return {"power": 2.0 if linear else 1.5, "impact": rules.impact_coefficient * scale}

    def _traded(self, day: int, weights: Floats, now: Floats, value: float) -> Floats:
        """Leave out changes of less than a lot, which cannot be traded; the rest is then no more than before."""
        lot = self.tape.least[day, self.tape.board] * np.nan_to_num(self.tape.mark[day]) / value
        change = weights - now
        small = (np.abs(change) < lot) & (weights > 0.0)
        change[small] = 0.0
        over = total(now + change) - max(total(weights), total(now))
        bought = np.maximum(change, 0.0)
        if over > 0.0 and bought.any():
            change -= bought * min(1.0, over / total(bought))
        out: Floats = np.where(small, now, np.maximum(now + change, 0.0))
        return out


def relaxations(decisions: pd.DataFrame) -> dict[str, Any]:
    """How many days were decided, how many of them met every bound, and how many dropped which."""
    counts = decisions["relaxed"].value_counts()
    return {
        "days": len(decisions),
        "within_bounds": int(counts.get("", 0)),
        "relaxed": {str(name): int(count) for name, count in sorted(counts.items()) if name != ""},
    }
