"""A portfolio that follows given weights, such as an optimiser's: the same market, books and rules as Top-K.

Weights of day t are a basket of shares at the prices of t. On the day of execution the basket is bought as it
is worth
then: the wanted share of a stock is its weight moved by its return since t, over the same sum for all (cash
    moves by
nothing). So a portfolio that has its weights already trades nothing, and weights that equal an index' follow
the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from samgraph.errors import ConfigError
from samgraph.exchange.access import FREE
from samgraph.factors.arrays import Floats, Ints, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.portfolio.accounting import Evening
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult, Simulation
from samgraph.factors.portfolio.tape import SMALL
from samgraph.sums import total

if TYPE_CHECKING:
    from samgraph.hist.market import Market

NOTHING = 1e-10  # of the portfolio's value: a smaller difference from the target is rounding, not an order


def run_targets(weights: Any, market: Market, rules: Rules | None = None) -> PortfolioResult:
    """Simulate a portfolio that is brought to `weights` of day t on day t + lag.

    `top`, `drop` and `weighting` of the rules have no meaning here; all others hold. Sales come first;
    purchases are cut alike where cash does not suffice for them and their costs (for instance since a sale
    was blocked). Sales of a part are in whole lots, a weight of 0 sells all.

    Args:
        weights: [n_dates, n_stocks] decided at the close of its day, not negative, at most 1 together, the
            rest cash; NaN in a row with a number is 0, a row of NaN decides nothing. Stocks that are not in
            the universe that day count as 0.
        market: the bars, same axes.
        rules: settings; the defaults where not given.

    Raises:
        ModelError: the weights have another shape than the market.
        ConfigError: a weight is negative or a row's weights exceed 1; the execution price or the benchmark is
            missing.
        RunError: no day with weights leaves time for an execution.
    """
    weights = panel(
        weights, "weights", np.asarray(market.close).shape, given_axes(weights, market.dates, market.stocks)
    )
    known = np.isfinite(weights).any(axis=1)
    weights = np.where(np.isfinite(weights), weights, 0.0)
    wrong = np.flatnonzero((weights < 0).any(axis=1) | (weights.sum(axis=1) > 1.0 + 1e-9))
    if len(wrong):
        day = int(wrong[0])
        raise ConfigError(
            f"the target weights of {market.dates[day].date()} go from {weights[day].min():.6g} and add up to "
            f"{weights[day].sum():.6g}; give weights from 0 that add up to 1 at most."
        )
    books = Targets(np.where(np.asarray(market.member, dtype=bool), weights, 0.0), known, market, rules)
    return books.run()


class Targets(Simulation):
    """Decision days by the day on which they are due, beside the books.

    With `ordered`, what is bought and what is sold is decided at the prices of the decision day, changes of less than a
    lot left out; the prices of the execution then only size an order. Without it they also turn small ones.
    """

    ordered = False

    def __init__(self, weights: Floats, known: Any, market: Market, rules: Rules | None) -> None:
        super().__init__(market, rules if rules is not None else Rules(), known)
        self.weights = weights
        self.due: dict[int, tuple[int, bool]] = {}
        self.sides: dict[int, Any] = {}
        self.last: int | None = None  # the decision that was last traded

    def decide(self, day: int, *, rebalance: bool) -> None:
        """Rebalance to the day's weights; on other days only names that left the universe go."""
        rebalance = rebalance and bool(self.known[day])
        left = (self.ledger.shares > 0) & ~self.member[day] & self.sellable(day)
        if rebalance and self.ordered:
            self.sides[day] = self._sides(day)
        if rebalance or left.any():
            self.due[day + self.rules.lag] = day, rebalance

    def resume(self, day: int, evening: Evening) -> None:
        """The decision that was last traded is that of the last rebalance whose orders were due by `day`."""
        super().resume(day, evening)
        done = range(self.first, day + 1 - self.rules.lag)
        self.last = max((t for t in done if self.known[t] and self.rebalances(t)), default=None)

    def wanted(self, day: int) -> Floats:
        """The day's weights; without a rebalance what is held, less what is ordered out."""
        decided, rebalance = self.due.get(day + self.rules.lag, (-1, False))
        if rebalance:
            weights: Floats = self.weights[decided] * self.rules.invest
            return weights
        held = np.where(self.ledger.shares > 0, self.ledger.shares * np.nan_to_num(self.tape.mark[day]), 0.0)
        kept: Floats = held if decided < 0 else np.where(self.member[decided], held, 0.0)
        return kept / (self.ledger.cash + total(held))

    def now(self, day: int) -> tuple[Floats, float]:
        """Weights at the close of `day` in what is invested, orders under way counted as filled; its value."""
        tape, ledger = self.tape, self.ledger
        held = np.where(ledger.shares > 0, ledger.shares * np.nan_to_num(tape.mark[day]), 0.0)
        value = (ledger.cash + total(held)) * self.rules.invest
        coming = [decided for due, (decided, whole) in self.due.items() if due > day and whole]
        if not coming:
            return held / value, value
        return self._wanted(day, max(coming), np.nan_to_num(tape.mark[day])), value

    def _sides(self, day: int) -> Any:
        """What is ordered, [n_stocks]: 1 a purchase, -1 a sale, 0 nothing (less than a lot, which cannot be traded).

        Decided at the prices of the day: those of the execution only size an order.
        """
        now, value = self.now(day)
        wanted = self.weights[day]
        change = wanted - now
        least = self.tape.least[day, self.tape.board] * np.nan_to_num(self.tape.mark[day]) / value
        large = np.abs(change) >= np.maximum(least, NOTHING)
        return np.sign(change) * (large | ((wanted == 0.0) & (now > NOTHING)))

    def fill(self, day: int) -> None:
        """Sales first, then purchases from the cash there is."""
        decided, rebalance = self.due.pop(day, (-1, False))
        if decided < 0:
            return
        ledger, tape = self.ledger, self.tape
        outside = np.flatnonzero((ledger.shares > 0) & ~self.member[decided])
        if not rebalance:
            ledger.sell(day, decided, outside, ledger.shares[outside], ["left_universe"] * len(outside))
            return
        price = np.where(np.isfinite(tape.price[day]), tape.price[day], tape.mark[day])
        held = np.where(ledger.shares > 0, ledger.shares * price, 0.0)
        value = ledger.cash + total(held)
        wanted = self._wanted(day, decided, price)
        before = np.zeros(len(wanted)) if self.last is None else self._wanted(day, self.last, price)
        why = self.causes(decided, wanted, before, held / (value * self.rules.invest))
        self.last = decided
        change = wanted * value * self.rules.invest - held
        if self.ordered:
            side = self.sides.pop(decided)
        else:
            side = np.where(np.abs(change) > NOTHING * value, np.sign(change), 0.0)
        self._sell(day, decided, np.flatnonzero(side < 0), np.maximum(-change, 0.0), price, why)
        self._buy(day, decided, np.flatnonzero(side > 0), np.maximum(change, 0.0), why)

    def causes(self, decided: int, wanted: Floats, before: Floats, held: Floats) -> Any:
        """Why each stock is traded, [n_stocks]: `score` (the target moved) or `drift` (the holding moved away from it).

        Args:
            decided: the day of the decision.
            wanted: weights of this decision at the day's prices, [n_stocks].
            before: those of the decision before.
            held: weights held.
        """
        return np.where(np.abs(wanted - before) >= np.abs(before - held), "score", "drift")

    def _wanted(self, day: int, decided: int, price: Floats) -> Floats:
        """Weights of `decided` moved to the prices of `day`, [n_stocks]."""
        tape, weight = self.tape, self.weights[decided]
        with np.errstate(invalid="ignore"):
            moved = price * tape.total[day] / (tape.mark[day] * tape.total[decided])
        worth = np.where(weight > 0, weight * np.where(np.isfinite(moved), moved, 1.0), 0.0)
        wanted: Floats = worth / (total(worth) + 1.0 - total(weight))
        return wanted

    def _sell(self, day: int, decided: int, stocks: Ints, money: Floats, price: Floats, causes: Any) -> None:
        ledger = self.ledger
        shares = self.tape.whole(day, stocks, money[stocks] / price[stocks])
        whole = self.weights[decided, stocks] == 0
        shares = np.where(whole, ledger.shares[stocks], shares)
        if self.ordered:
            none = stocks[shares <= 0]
            ledger.block(day, decided, none, "sell", np.full(len(none), SMALL))
        stocks, shares = stocks[shares > 0], shares[shares > 0]
        inside = self.member[decided, stocks]
        why = [
            str(cause) if own else "left_universe" for own, cause in zip(inside, causes[stocks], strict=True)
        ]
        ledger.sell(day, decided, stocks, shares, why)

    def _buy(self, day: int, decided: int, stocks: Ints, money: Floats, causes: Any) -> None:
        ledger, tape = self.ledger, self.tape
        why = tape.no_buy[day, stocks].astype(np.int64)
        free = np.flatnonzero(why == FREE)
        chosen = stocks[free]
        if len(chosen):
            liquidity = ledger.liquidity(day, chosen)
            budget = money[chosen] + ledger.buying.of(day, chosen, money[chosen], *liquidity).sum(axis=0)
            budget *= min(1.0, max(ledger.cash, 0.0) / max(float(budget.sum()), NOTHING))
            amount = np.minimum(ledger.buying.affordable(day, chosen, budget, *liquidity), money[chosen])
            shares = tape.whole(day, chosen, amount / tape.price[day, chosen])
            why[free[shares <= 0]] = SMALL
            some = np.flatnonzero(shares > 0)
            ledger.buy(
                day, decided, chosen[some], shares[some], [str(cause) for cause in causes[chosen[some]]]
            )
        ledger.block(day, decided, stocks[why != FREE], "buy", why[why != FREE])
