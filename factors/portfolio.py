"""A portfolio that follows a score through a market: decide at t, trade at t + lag, keep the books.

One day of the simulation, in this order:

1. Dividends and splits: shares held grow by the change of the adjustment factor, so that a holding's value
   follows its adjusted return (paid out money is put back into the same stock, without cost).
2. Holdings without a bar for `delist_after` days are written off.
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
import pandas as pd

from samgraph.errors import RunError
from samgraph.factors.accounting import Ledger
from samgraph.factors.arrays import Floats, Ints, panel
from samgraph.factors.benchmark import benchmark_returns
from samgraph.factors.costs import of_rules
from samgraph.factors.rules import Rules
from samgraph.factors.tape import FREE, NO_SLOT, SMALL, Tape, build_tape
from samgraph.factors.topk import choose

if TYPE_CHECKING:
    from samgraph.hist.market import Market


@dataclass(frozen=True)
class PortfolioResult:
    """What a simulation leaves. Money is in the currency of the bars; returns are fractions a day.

    Attributes:
        daily: date, value, cash, holdings_value, return, benchmark_return, excess_return, cost, turnover.
            The first row is the first day of execution; `return` is against the value of the day before (the
            starting cash on the first row), after costs; excess_return = return - benchmark_return; turnover
            is half of the amounts bought and sold over the value of the day before. With `price="close"` the
            money is invested at the first day's close, so the benchmark starts there too: its first return is
            0.
        trades: date, company_id, side (`buy`, `sell`), shares, price, amount, cost, reason (`enter`, `drop`,
            `left_universe`, `delisted`), decided_on.
        blocked: orders that were not filled: date, company_id, side, reason (`suspended`, `no_price`,
            `limit_up`, `limit_down`, `bought_too_recently`, `no_free_slot`, `below_one_lot`, `not_held`),
            decided_on.
        holdings: date, company_id, shares, price (the mark), value, weight (of the portfolio's value), at
            each close.
        rules: the settings.
    """

    daily: pd.DataFrame
    trades: pd.DataFrame
    blocked: pd.DataFrame
    holdings: pd.DataFrame
    rules: Rules


@dataclass(frozen=True)
class _Orders:
    decided: int
    sell: Ints
    why: list[str]
    buy: Ints


def run_topk(score: Any, market: Market, rules: Rules | None = None) -> PortfolioResult:
    """Simulate Top-K with drop-out (see `samgraph.factors.topk` for the rule).

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
    rules = rules if rules is not None else Rules()
    score = panel(score, "score", np.asarray(market.close).shape)
    tape = build_tape(market, rules)
    n_dates = len(tape.dates)
    view = np.isfinite(score) & np.asarray(market.member, dtype=bool)
    scored = np.flatnonzero(view.any(axis=1))
    first = int(scored[0]) + rules.offset if len(scored) else n_dates
    start = first + rules.lag
    if start >= n_dates:
        raise RunError(
            "the score has no day with a value for a member of the universe "
            f"{rules.offset + rules.lag} trading days before the market's last day "
            f"({tape.dates[-1].date()}); give scores for earlier days or a later end."
        )
    books = _Simulation(score, view, market, tape, rules)
    for day in range(first, n_dates):
        books.execute(day)
        if day >= start:
            books.close(day)
        books.decide(day, rebalance=(day - first) % rules.every == 0)
    return books.result(benchmark_returns(market, tape, start, rules.price))


class _Simulation:
    """The state between two days: the ledger, orders under way, and the rows of the result so far."""

    def __init__(self, score: Floats, view: Any, market: Market, tape: Tape, rules: Rules) -> None:
        self.score, self.view, self.tape, self.rules = score, view, tape, rules
        self.member = np.asarray(market.member, dtype=bool)
        self.cap = market.weights() if rules.weighting == "cap" else None
        buying, selling = of_rules(rules)
        self.ledger = Ledger(tape, buying, selling, rules.hold_days, rules.cash)
        self.under_way: dict[int, _Orders] = {}
        self.coming = np.zeros(len(tape.stocks), dtype=bool)  # orders under way, by stock
        self.going = np.zeros(len(tape.stocks), dtype=bool)
        self.days: list[tuple[int, float, float, float, float]] = []
        self.held: list[tuple[Ints, Floats]] = []

    def decide(self, day: int, rebalance: bool) -> None:
        """Make the orders for `lag` days later out of what is known at the close of `day`."""
        rules, ledger, due = self.rules, self.ledger, day + self.rules.lag
        if due >= len(self.tape.dates):
            return
        own = ledger.shares > 0
        free = self.tape.traded[day] & (ledger.bought + rules.hold_days <= due)
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

    def execute(self, day: int) -> None:
        """Grow, write off, and fill the orders that are due."""
        ledger, rules = self.ledger, self.rules
        ledger.open_day(day)
        held = ledger.held
        gone = held[self.tape.silent[day, held] >= rules.delist_after]
        ledger.write_off(day, gone, rules.recovery)
        orders = self.under_way.pop(day, None)
        if orders is None:
            return
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
            amount = ledger.buying.affordable(money, *ledger.liquidity(day, stocks))
            shares = amount / tape.price[day, stocks]
            if rules.lot > 0:
                shares = np.floor(shares / rules.lot) * rules.lot
            why[taken[shares <= 0]] = SMALL
            ledger.buy(day, orders.decided, stocks[shares > 0], shares[shares > 0], "enter")
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

    def close(self, day: int) -> None:
        """Write down the day."""
        ledger = self.ledger
        held = ledger.held
        self.held.append((held, ledger.shares[held]))
        self.days.append((day, ledger.cash, ledger.holdings_value(day), ledger.day_cost, ledger.day_amount))

    def result(self, benchmark: Floats) -> PortfolioResult:
        """The rows written so far as frames."""
        table = np.array(self.days)
        day, cash, holdings, cost, amount = table[:, 0].astype(np.int64), *table[:, 1:].T
        value = cash + holdings
        before = np.concatenate([[self.rules.cash], value[:-1]])
        daily = pd.DataFrame(
            {
                "date": self.tape.dates[day],
                "value": value,
                "cash": cash,
                "holdings_value": holdings,
                "return": value / before - 1.0,
                "benchmark_return": benchmark[day],
                "cost": cost,
                "turnover": 0.5 * amount / before,
            }
        )
        daily.insert(6, "excess_return", daily["return"] - daily["benchmark_return"])
        ledger = self.ledger
        return PortfolioResult(
            daily, ledger.trades(), ledger.blocked(), self._holdings(day, value), self.rules
        )

    def _holdings(self, day: Ints, value: Floats) -> pd.DataFrame:
        sizes = [len(stocks) for stocks, _ in self.held]
        rows = np.repeat(day, sizes)
        stocks = np.concatenate([stocks for stocks, _ in self.held])
        shares = np.concatenate([shares for _, shares in self.held])
        mark = self.tape.mark[rows, stocks]
        return pd.DataFrame(
            {
                "date": self.tape.dates[rows],
                "company_id": pd.array(np.asarray(self.tape.stocks, dtype=object)[stocks], dtype="str"),
                "shares": shares,
                "price": mark,
                "value": shares * mark,
                "weight": shares * mark / np.repeat(value, sizes),
            }
        )
