"""Index-enhanced weights: the most expected return after costs, within bounds around a benchmark.

At the close of a day, with w the wanted weights, b the benchmark's, v those held, w = v + buys - sells:

    maximise    a'w - c_buy'buys - c_sell'sells - impact
    subject to  (w - b)' (X F X' + D) (w - b) <= (tracking error)^2        risk model of past days
                |X_k' (w - b)| <= bound of products, industries, styles
                |w - b| <= bound of a stock,  w >= 0,  sum w = what is invested
                sum buys <= turnover + what must be bought anyway

Expected returns over the label's horizon follow Grinold (1994), "Alpha is volatility times IC times score", with the
score standardised over the members and specific volatility. A cost is paid once and the return is earned
over the horizon, so both are of the same length. Stocks that the decision day shows to be suspended keep their
weight. The risk constraint is written with factors, ||F^(1/2) X'(w-b), D^(1/2)(w-b)||, never with the covariance of all
stocks.

A day whose bounds cannot all be met drops them in the order of `RELAXED` until they can; which day dropped what
is told.
"""

from __future__ import annotations

import importlib
import math
import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import sparse

from samgraph.errors import ConfigError
from samgraph.exchange.calendar import DAYS_A_YEAR
from samgraph.factors.arrays import Bools, Floats
from samgraph.factors.risk.model import RiskModel
from samgraph.sums import total

RELAXED = (
    ("", ()),
    ("turnover", ("turnover",)),
    ("turnover, groups", ("turnover", "groups")),
    ("turnover, groups, stock", ("turnover", "groups", "stock")),
    ("turnover, groups, stock, tracking error", ("turnover", "groups", "stock", "risk")),
)
HELD = "none met: holdings kept"
SCALE = 1e3  # of the objective: returns of a day in units that a solver's tolerance is made for
FEASIBLE = 1e-5  # a bound may be missed by this much of a weight (and of the tracking error's bound)
ACCURACY = {"tol_gap_abs": 1e-5, "tol_gap_rel": 1e-5, "tol_feas": 1e-7}  # of a scaled objective of about 1
_EMPTY = 1e-7  # a weight below this is none


@dataclass(frozen=True)
class Bounds:
    """How far an optimised portfolio may go from its benchmark. Weights and errors are fractions.

    Attributes:
        tracking_error: forecast standard deviation of the excess return, a year.
        product, industry: largest active weight behind a product or an industry (holdings x exposure).
        style: largest active exposure to a style, in standard deviations.
        stock: largest active weight of a stock.
        turnover: bought at most in a rebalance, as a share of the value; the first purchase, cash and what
            replaces names that left the universe come on top.
        skill: the information coefficient that turns a score into an expected return.
        horizon: trading days over which that return is earned.
    """

    tracking_error: float = 0.05
    product: float = 0.03
    industry: float = 0.03
    style: float = 0.3
    stock: float = 0.02
    turnover: float = 0.1
    skill: float = 0.05
    horizon: int = 20

    def __post_init__(self) -> None:
        """Refuse bounds that have no meaning.

        Raises:
            ConfigError: a bound is not above 0.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"optimiser setting {field.name} is {value}; it must be above 0.")

    def words(self) -> str:
        """The bounds in a sentence, for the timeline."""
        return (
            f"the most expected return after costs, within {self.tracking_error:.1%} tracking error a year, active "
            f"weights of {self.product:.1%} a product, {self.industry:.1%} an industry and {self.stock:.1%} a stock, "
            f"style exposures of {self.style:g}, and purchases of {self.turnover:.0%} a rebalance"
        )

    def group(self, kind: str) -> float:
        """The bound of a family of factors; infinite for the market factor."""
        return {"product": self.product, "industry": self.industry, "style": self.style}.get(kind, math.inf)


@dataclass(frozen=True, eq=False)
class Choice:
    """What the optimiser is asked on one day; arrays are [n_stocks], of the risk model's stocks.

    Attributes:
        expected: expected return over the horizon, 0 where there is no view.
        benchmark: its weights; now: weights held, orders under way counted as filled.
        member: may be held; others go to 0 unless they are fixed.
        fixed: weights that cannot change; unsold: weights that may grow only.
        buy_cost, sell_cost: of a unit of weight, one number or [n_stocks].
        power, impact: extra cost impact * trade ** power, where power is 0 if there is none.
        invest: sum of the weights.
        days_a_year: trading days in a year, as known on the day.
    """

    expected: Floats
    benchmark: Floats
    now: Floats
    member: Bools
    fixed: Bools
    unsold: Bools
    buy_cost: Floats | float = 0.0
    sell_cost: Floats | float = 0.0
    power: float = 0.0
    impact: Floats | None = None
    invest: float = 1.0
    days_a_year: float = DAYS_A_YEAR


@dataclass(frozen=True, eq=False)
class Weights:
    """The answer.

    Attributes:
        weights: [n_stocks]; relaxed: what had to be dropped ("" for nothing, `HELD` if no portfolio was found).
        tracking_error: forecast, a year; expected: active return over the horizon before costs.
        bought: share of the value.
    """

    weights: Floats
    relaxed: str
    tracking_error: float
    expected: float
    bought: float


def expected_returns(score: Floats, member: Bools, specific_variance: Floats, bounds: Bounds) -> Floats:
    """Skill times standardised score times specific volatility over the horizon; 0 without a score.

    Shapes: all [n_stocks]; `specific_variance` of a day.
    """
    use = member & np.isfinite(score)
    out = np.zeros(len(score))
    spread = float(score[use].std()) if use.any() else 0.0
    if spread > 0.0:
        z = (score[use] - score[use].mean()) / spread
        out[use] = bounds.skill * z * np.sqrt(specific_variance[use] * bounds.horizon)
    return out


def optimise(choice: Choice, model: RiskModel, bounds: Bounds) -> Weights:
    """The best weights within the bounds, or within as many of them as can be met."""
    play = np.flatnonzero(choice.member | (choice.now > 0.0))
    active = model.exposures[play]
    there = (active != 0.0).any(axis=0)
    problem = _Problem(choice, model, bounds, play, there)
    for name, dropped in RELAXED:
        if name == "turnover" and not problem.turnover_binds:
            continue
        found = problem.solve(frozenset(dropped))
        if found is not None:
            weights = np.zeros(len(choice.now))
            weights[play] = found
            return _told(weights, name, choice, model)
    return _told(choice.now.copy(), HELD, choice, model)


def _told(weights: Floats, relaxed: str, choice: Choice, model: RiskModel) -> Weights:
    away = weights - choice.benchmark
    error = math.sqrt(max(model.variance(away), 0.0) * choice.days_a_year)
    bought = total(np.maximum(weights - choice.now, 0.0))
    return Weights(weights, relaxed, error, total(choice.expected * away), bought)


class _Problem:
    """One day's problem over the stocks in play, written for cvxpy."""

    def __init__(self, choice: Choice, model: RiskModel, bounds: Bounds, play: Any, there: Bools) -> None:
        self.bounds, self.choice = bounds, choice
        self.expected, self.benchmark, self.now = (
            values[play] for values in (choice.expected, choice.benchmark, choice.now)
        )
        member, self.fixed, self.unsold = (
            values[play] for values in (choice.member, choice.fixed, choice.unsold)
        )
        everyone = len(choice.now)
        self.buy_cost, self.sell_cost = (
            np.broadcast_to(cost, everyone)[play] for cost in (choice.buy_cost, choice.sell_cost)
        )
        self.impact = None if choice.impact is None else choice.impact[play]
        self.member = member
        self.exposures = model.exposures[np.ix_(play, there)]
        kinds = np.asarray(model.kinds, dtype=object)[there]
        self.limits = np.array([bounds.group(kind) for kind in kinds])
        error = bounds.tracking_error / math.sqrt(choice.days_a_year)
        self.root = _root(model.factor_covariance[np.ix_(there, there)]) / error
        self.own = np.sqrt(model.specific_variance[play]) / error
        gone = ~member & ~self.fixed & ~self.unsold
        forced = float(self.now[gone].sum()) + max(choice.invest - float(self.now.sum()), 0.0)
        self.may_buy = bounds.turnover + forced
        self.turnover_binds = bool(self.now.any())

    def solve(self, dropped: frozenset[str]) -> Floats | None:
        """Weights of the stocks in play, or None where these bounds cannot be met."""
        cp: Any = importlib.import_module("cvxpy")  # takes a second; only who optimises waits for it
        n = len(self.now)
        low, high = self._box(dropped)
        if low.sum() > self.choice.invest + 1e-9 or high.sum() < self.choice.invest - 1e-9:
            return None
        weights, bought = cp.Variable(n), cp.Variable(n, nonneg=True)
        sold = self.now + bought - weights
        away = weights - self.benchmark
        rules = [cp.sum(weights) == self.choice.invest, weights >= low, weights <= high, sold >= 0]
        if "risk" not in dropped or "groups" not in dropped:
            behind = cp.Variable(len(self.limits))
            rules.append(behind == sparse.csr_matrix(self.exposures.T) @ away)
        if "risk" not in dropped:
            rules.append(cp.norm(cp.hstack([self.root.T @ behind, cp.multiply(self.own, away)])) <= 1.0)
        bounded = np.flatnonzero(np.isfinite(self.limits))
        if "groups" not in dropped and len(bounded):
            rules += [behind[bounded] <= self.limits[bounded], behind[bounded] >= -self.limits[bounded]]
        if "turnover" not in dropped and self.turnover_binds:
            rules.append(cp.sum(bought) <= self.may_buy)
        gain = self.expected @ weights
        gain -= self.buy_cost @ bought + self.sell_cost @ sold
        if self.choice.power and self.impact is not None:
            power = self.choice.power
            gain -= cp.sum(cp.multiply(self.impact, cp.power(bought, power) + cp.power(sold, power)))
        problem = cp.Problem(cp.Maximize(SCALE * gain), rules)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate solution is judged below
            try:
                problem.solve(solver=cp.CLARABEL, **ACCURACY)
            except cp.SolverError:
                return None
        if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) or weights.value is None:
            return None
        if max(float(np.max(rule.violation())) for rule in rules) > FEASIBLE:
            return None
        found = np.clip(np.asarray(weights.value, dtype=np.float64), low, high)
        found[(found < _EMPTY) & (low <= 0.0)] = 0.0
        whole = float(found.sum())
        out: Floats = found * (self.choice.invest / whole) if whole > self.choice.invest else found
        return out

    def _box(self, dropped: frozenset[str]) -> tuple[Floats, Floats]:
        """Lowest and highest weight of each stock."""
        reach = 1.0 if "stock" in dropped else self.bounds.stock
        low = np.where(self.member, np.maximum(self.benchmark - reach, 0.0), 0.0)
        high = np.where(self.member, np.minimum(self.benchmark + reach, 1.0), 0.0)
        low = np.where(self.unsold, np.maximum(low, self.now), low)
        high = np.maximum(high, low)
        return np.where(self.fixed, self.now, low), np.where(self.fixed, self.now, high)


def _root(covariance: Floats) -> Floats:
    """A matrix R with R R' the covariance, also where that is only positive semi-definite."""
    value, vector = np.linalg.eigh(covariance)
    out: Floats = vector * np.sqrt(np.maximum(value, 0.0))
    return out
