"""A portfolio that follows a score through a market: decide at t, trade at t + lag, keep the books.

One day of the simulation, in this order:

1. Dividends and splits: shares held grow by the change of the adjustment factor, so that a holding's value
   follows its adjusted return (paid out money is put back into the same stock, without cost).
2. Holdings in delisted stocks are written off (`samgraph.factors.portfolio.tape.write_off_days`).
3. Orders due on this day are filled at its execution price: sales first, then purchases from the cash there
   is.
4. The books are closed at the day's close: value = cash + sum of shares x mark.
5. On a rebalance day, orders are decided from the score of this day, for the day `lag` later.

Step 5 reads the day's row of the score, of the market and the books; step 3 reads the execution day's prices
and flags only to fill or to block. So nothing before a day can depend on anything after it.
`Rules.timeline()` says the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from samgraph.exchange.access import FREE
from samgraph.factors.arrays import Floats, Ints, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult, Simulation
from samgraph.factors.portfolio.tape import NO_SLOT, SMALL
from samgraph.factors.portfolio.topk_names import choose
from samgraph.sums import total

if TYPE_CHECKING:
    from samgraph.hist.market import Market


__all__ = ["PortfolioResult", "Rules", "run_topk"]


@dataclass(frozen=True)
class _Orders:
    decided: int
    sell: Ints
    why: list[str]
    buy: Ints


def run_topk(score: Any, market: Market, rules: Rules | None = None) -> PortfolioResult:
    """Simulate Top-K with drop-out (see `samgraph.factors.portfolio.topk_names` for the rule).

    Args:
        score: [n_dates, n_stocks] known at the close of its day, higher is better, NaN is no view.
        market: the bars, same axes.
        rules: settings; the defaults where not given.

    Returns:
        The books from the first execution day to the market's last day. The first decision is made on the
        first day with a score, plus `rules.offset`; days without any score decide nothing but the sale of
        names that left the universe.

    Raises:
        ModelError: the score has another shape than the market.
        RunError: no day with a score leaves time for an execution.
        ConfigError: the execution price or the benchmark is missing.
    """
    return topk_books(score, market, rules).run()


def topk_books(score: Any, market: Market, rules: Rules | None = None) -> Simulation:
    """The books of `run_topk` before their first day."""
    score = panel(
        score, "score", np.asarray(market.close).shape, given_axes(score, market.dates, market.stocks)
    )
    return _TopK(score, market, rules if rules is not None else Rules())


class _TopK(Simulation):
    """Orders under way, beside the books."""

    def __init__(self, score: Floats, market: Market, rules: Rules) -> None:
        view = np.isfinite(score) & np.asarray(market.member, dtype=bool)
        super().__init__(market, rules, view.any(axis=1))
        self.score, self.view = score, view
        self.cap = market.weights() if rules.weighting == "cap" else None
        self.under_way: dict[int, _Orders] = {}
        self.coming = np.zeros(len(self.tape.stocks), dtype=bool)  # orders under way, by stock
        self.going = np.zeros(len(self.tape.stocks), dtype=bool)

    def decide(self, day: int, *, rebalance: bool) -> None:
        """Make the orders for `lag` days later out of what is known at the close of `day`."""
        rules, due = self.rules, day + self.rules.lag
        own, free = self.ledger.shares > 0, self.sellable(day)
        leave = np.flatnonzero(own & ~self.member[day] & free & ~self.going)
        sell, buy = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if rebalance and self.view[day].any():
            held = (own & ~self.going) | self.coming
            held[leave] = False
            candidate = self.view[day] & self.tape.traded[day] & ~own & ~self.coming & ~self.going
            sell, buy = choose(
                self.score[day], held, held & (~free | self.coming), candidate, top=rules.top, drop=rules.drop
            )
        if len(leave) or len(sell) or len(buy):
            why = ["left_universe"] * len(leave) + ["drop"] * len(sell)
            self.under_way[due] = _Orders(day, np.concatenate([leave, sell]), why, buy)
            self.going[leave] = self.going[sell] = True
            self.coming[buy] = True

    def wanted(self, day: int) -> Floats:
        """What stays keeps its weight; what is bought shares the cash and what the sales bring, before costs."""
        ledger, rules = self.ledger, self.rules
        held = np.where(ledger.shares > 0, ledger.shares * np.nan_to_num(self.tape.mark[day]), 0.0)
        value = ledger.cash + total(held)
        orders = self.under_way.get(day + rules.lag)
        if orders is None:
            return held / value
        cash = ledger.cash + total(held[orders.sell])
        held[orders.sell] = 0.0
        if len(orders.buy):
            weight = np.ones(len(orders.buy)) if self.cap is None else self.cap[day, orders.buy]
            slots = max(rules.top - int((held > 0).sum()), len(orders.buy))
            held[orders.buy] = cash * rules.invest * len(orders.buy) / slots * weight / weight.sum()
        return held / value

    def fill(self, day: int) -> None:
        """Sales first, then purchases from the cash there is."""
        orders = self.under_way.pop(day, None)
        if orders is None:
            return
        ledger = self.ledger
        self.going[orders.sell] = False
        self.coming[orders.buy] = False
        ledger.sell(day, orders.decided, orders.sell, ledger.shares[orders.sell], orders.why)
        if len(orders.buy):
            self._purchase(day, orders)

    def _purchase(self, day: int, orders: _Orders) -> None:
        ledger, tape, rules, wanted = self.ledger, self.tape, self.rules, orders.buy
        slots = max(rules.top - len(ledger.held), 0)
        why = tape.no_buy[day, wanted].astype(np.int64)
        free = np.flatnonzero(why == FREE)
        why[free[slots:]] = NO_SLOT
        taken = free[:slots]
        if len(taken):
            stocks = wanted[taken]
            weight = self._weights(day, orders)
            money = ledger.cash * rules.invest * min(1.0, len(wanted) / slots) * weight[taken] / weight.sum()
            amount = ledger.buying.affordable(day, stocks, money, *ledger.liquidity(day, stocks))
            shares = tape.whole(day, stocks, amount / tape.price[day, stocks])
            why[taken[shares <= 0]] = SMALL
            some = np.flatnonzero(shares > 0)
            ledger.buy(day, orders.decided, stocks[some], shares[some], ["enter"] * len(some))
        ledger.block(day, orders.decided, wanted[why != FREE], "buy", why[why != FREE])

    def _weights(self, day: int, orders: _Orders) -> Floats:
        """Split of the money among the names wanted: even, or the caps of the decision day at the execution
        price.

        A cap is a number of shares: it is the decision day's, and it is worth what a share costs at
            execution.
        """
        if self.cap is None:
            return np.ones(len(orders.buy))
        tape, stocks = self.tape, orders.buy
        price = tape.price[day, stocks]
        index = (
            tape.total[day, stocks]
            / tape.mark[day, stocks]
            * np.where(np.isfinite(price), price, tape.mark[day, stocks])
        )
        weight: Floats = self.cap[orders.decided, stocks] * index / tape.total[orders.decided, stocks]
        return weight
