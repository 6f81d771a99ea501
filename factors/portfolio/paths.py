"""Target weights that follow a score at its own pace: tranches, bands, and partial trading towards an aim.

All three hold the top `share` of the members by score, in equal parts when they are bought; they differ in how fast
they let go of what was bought. Between decisions the target drifts as a portfolio does that nobody touches, so that
drift alone is never an order (`samgraph.factors.portfolio.targets`).

    tranches  Every rebalance the oldest of n tranches is sold and its money put into today's top; each is held for as
              long as the return that the score predicts (Jegadeesh and Titman 1993 hold overlapping portfolios).
    bands     A name is bought inside the top `share` and kept until it falls out of the top `outside`, which is wider.
    aim       Every rebalance goes the fraction `pace` of the way to today's top (Gârleanu and Pedersen 2013,
              "Dynamic Trading with Predictable Returns and Transaction Costs", eq. 7, with a constant rate).

Row t is made from rows up to t. A name that left the universe gives its weight to the others; one that does not trade
on the decision day is not bought; without a score today it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from samgraph.exchange.access import marks
from samgraph.factors.arrays import Bools, Floats, Ints, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult, Simulation
from samgraph.factors.portfolio.targets import Targets
from samgraph.sums import over_stocks, total

if TYPE_CHECKING:
    from samgraph.hist.market import Market

DUST = 0.1  # of a full position: what is left of a name that partial trading is on its way out of


@dataclass(frozen=True)
class Path:
    """How a score is followed.

    Attributes:
        share: of the scored members that are bought, from the top.
        outside: of them, beyond which a band lets go.
        days: trading days that a tranche is held.
        pace: fraction of the way to the aim at a rebalance.
    """

    share: float = 0.1
    outside: float = 0.2
    days: int = 20
    pace: float = 0.1


class _Followed(Targets):
    """Most names drift from day to day, and their small differences are not orders."""

    ordered = True


@dataclass(frozen=True)
class View:
    """A decision day: [n_stocks] members, scored members from the best on, and the best that can be bought."""

    member: Bools
    ranked: Ints
    best: Ints


def run_path(
    kind: str, score: Any, market: Market, rules: Rules | None = None, path: Path | None = None
) -> PortfolioResult:
    """Simulate `tranches`, `bands` or `aim`; `top`, `drop` and `weighting` of the rules have no meaning.

    Args:
        kind: one of these.
        score: [n_dates, n_stocks] known at the close of its day, higher is better, NaN is no view.
        market: the bars, same axes.
        rules: of trading; the defaults where not given.
        path: how the score is followed; the defaults where not given.

    Raises:
        ModelError: shapes that do not fit.
        RunError: no day with a score leaves time for an execution.
    """
    return path_books(kind, score, market, rules, path).run()


def path_books(
    kind: str, score: Any, market: Market, rules: Rules | None = None, path: Path | None = None
) -> Simulation:
    """The books of `run_path` before their first day. Their targets follow the score alone, whatever is held."""
    rules = rules or Rules()
    weights = path_weights(kind, score, market, rules, path or Path())
    known: Bools = np.asarray(np.isfinite(weights).any(axis=1))
    return _Followed(
        np.nan_to_num(weights), known, market, replace(rules, offset=0)
    )  # they begin after the offset


def path_weights(kind: str, score: Any, market: Market, rules: Rules, path: Path) -> Floats:
    """The target weights [n_dates, n_stocks]; NaN on days that decide nothing."""
    score = panel(
        score, "score", np.asarray(market.close).shape, given_axes(score, market.dates, market.stocks)
    )
    found = marks(market)
    views = np.isfinite(score) & market.member
    out = np.full(score.shape, np.nan)
    days = np.flatnonzero(views.any(axis=1))
    if not len(days):
        return out
    step = KINDS[kind](path, rules.every)
    before = None
    for t in range(int(days[0]) + rules.offset, len(score), rules.every):
        if not views[t].any():
            continue
        view = _view(score[t], views[t], market.member[t], found.traded[t], path.share)
        growth = np.ones(score.shape[1])
        if before is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                moved = found.total[t] / found.total[before]
            growth = np.where(np.isfinite(moved), moved, 1.0)
        out[t] = step(view, growth)
        before = t
    return out


def _view(score: Floats, scored: Bools, member: Bools, traded: Bools, share: float) -> View:
    names = np.flatnonzero(scored)
    ranked = names[np.argsort(-score[names], kind="stable")]
    best = ranked[traded[ranked]][: math.ceil(share * len(ranked))]
    return View(member, ranked, best)


Step = Callable[[View, Floats], Floats]


@dataclass
class Tranches:
    """`slots` [n_slots, n_stocks]: what each tranche is worth, by stock."""

    path: Path
    every: int
    slots: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    oldest: int = 0

    def __call__(self, view: View, growth: Floats) -> Floats:
        """Replace the oldest tranche; at first all of them."""
        best = _equal(len(growth), view.best)
        if not len(view.best) and not len(self.slots):
            return best
        if not len(self.slots):
            count = max(1, round(self.path.days / self.every))
            self.slots = np.tile(best / count, (count, 1))
            return best
        slots = self.slots * growth
        worth = over_stocks(slots)
        slots = np.where(view.member, slots, 0.0)
        left = over_stocks(slots)
        slots *= np.divide(worth, left, out=np.zeros_like(worth), where=left > 0.0)[:, None]
        for number in np.flatnonzero((left <= 0.0) & (worth > 0.0)):  # all of its names left the universe
            slots[number] = worth[number] * best
        if len(view.best):
            slots[self.oldest] = worth[self.oldest] * best
            self.oldest = (self.oldest + 1) % len(slots)
        whole = total(over_stocks(slots))
        if whole <= 0.0:  # nothing is left, and nothing can be bought
            self.slots = np.zeros((0, 0))
            return best
        self.slots = slots / whole
        weights: Floats = np.add.reduce(self.slots, axis=0)
        return weights / max(total(weights), 1.0)


@dataclass
class Bands:
    """`held` [n_stocks]: the target of the last decision."""

    path: Path
    every: int
    held: Floats | None = None

    def __call__(self, view: View, growth: Floats) -> Floats:
        """Let go of names outside the band, and fill up from the top."""
        n = len(growth)
        wanted = math.ceil(self.path.share * len(view.ranked))
        held = np.zeros(n) if self.held is None else np.where(view.member, self.held * growth, 0.0)
        held[view.ranked[max(wanted, math.ceil(self.path.outside * len(view.ranked))) :]] = 0.0
        room = max(wanted - int((held > 0.0).sum()), 0)
        new = view.best[held[view.best] <= 0.0][:room]
        kept, share = total(held), len(new) / wanted
        weights = held * ((1.0 - share) / kept) if kept > 0.0 else held
        if len(new):
            weights[new] = 1.0 / wanted if kept > 0.0 else 1.0 / len(new)
        self.held = weights
        return weights


@dataclass
class Aim:
    """`held` [n_stocks]: the target of the last decision."""

    path: Path
    every: int
    held: Floats | None = None

    def __call__(self, view: View, growth: Floats) -> Floats:
        """Go a fraction of the way."""
        aim = _equal(len(growth), view.best)
        held = aim if self.held is None else np.where(view.member, self.held * growth, 0.0)
        whole, pace = total(held), self.path.pace
        if whole <= 0.0:
            self.held = aim
            return aim
        if not len(view.best):
            self.held = held / whole
            return self.held
        weights = (1.0 - pace) * held / whole + pace * aim
        weights[(weights < DUST / len(view.best)) & (aim == 0.0)] = 0.0
        self.held = weights / total(weights)
        return self.held


KINDS: dict[str, Callable[[Path, int], Step]] = {"tranches": Tranches, "bands": Bands, "aim": Aim}


def _equal(n: int, stocks: Ints) -> Floats:
    out = np.zeros(n)
    if len(stocks):
        out[stocks] = 1.0 / len(stocks)
    return out
