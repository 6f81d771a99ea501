"""The part of a simulation that does not depend on how a portfolio decides: the days, the books, the
result.

A day is two steps: `step` lets holdings grow, writes off what is gone and fills the orders that are due; `decide` makes
orders at the close. `run` takes both through all days. `resume` begins after any day's close from what an account
holds, so that tonight's orders of a real account (`samgraph.factors.portfolio.evening`) pass through the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.factors.portfolio.accounting import Book, Evening
from samgraph.factors.portfolio.benchmark import benchmark_returns
from samgraph.factors.portfolio.costs import of_rules
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.tape import build_tape

if TYPE_CHECKING:
    from samgraph.hist.market import Market


@dataclass(frozen=True)
class PortfolioResult:
    """What a simulation leaves. Money is in the currency of the bars; returns are fractions a day.

    Attributes:
        daily: date, value, cash, holdings_value, return, benchmark_return, excess_return, cost, turnover, suspended,
            suspended_weight.
            The first row is the first day of execution; `return` is against the value of the day before (the
            starting cash on the first row), after costs; excess_return = return - benchmark_return; turnover
            is half of the amounts bought and sold over the value of the day before; suspended and suspended_weight
            are the names held that did not trade, and their share of the value, at their last price. With
            `price="close"` the money is invested at the first day's close, so the benchmark starts there too: its
            first return is 0.
        trades: date, company_id, side (`buy`, `sell`), shares, price, amount, cost and its parts by cause
            (commission, fee, tax, impact), reason (`enter`, `drop`, `left_universe`, `delisted`; of a portfolio that
            follows weights `score`, `drift`, `bounds`), decided_on.
        blocked: orders that were not filled: date, company_id, side, reason (`suspended`, `no_price`,
            `limit_up`, `limit_down`, `bought_too_recently`, `no_free_slot`, `below_one_lot`, `not_held`,
            `participation`: the day's trade let only a part of it), decided_on.
        holdings: date, company_id, shares, price (the mark), value, weight (of the portfolio's value), at
            each close.
        rules: the settings.
    """

    daily: pd.DataFrame
    trades: pd.DataFrame
    blocked: pd.DataFrame
    holdings: pd.DataFrame
    rules: Rules


class Simulation:
    """The state between two days: the ledger and the rows of the result so far.

    A kind of portfolio says in `decide` what it orders at the close of a day for `rules.lag` days later, and
    in `fill` what it makes of those orders on that day.
    """

    def __init__(self, market: Market, rules: Rules, known: Bools) -> None:
        """Start with cash alone.

        Args:
            market: the bars.
            rules: of trading.
            known: [n_dates] days on which there is something to decide by.

        Raises:
            ConfigError: the execution price is not in the market at all.
        """
        self.market, self.rules, self.tape = market, rules, build_tape(market, rules)
        self.known = known
        self.member = np.asarray(market.member, dtype=bool)
        buying, selling = of_rules(rules, self.tape.dates, self.tape.board)
        self.ledger = Book(self.tape, buying, selling, rules.participation, rules.cash)
        self.days: list[tuple[int, float, float, float, float]] = []
        self.held: list[tuple[Ints, Floats]] = []

    def decide(self, day: int, *, rebalance: bool) -> None:
        """Make the orders for `lag` days later out of what is known at the close of `day`."""
        raise NotImplementedError

    def fill(self, day: int) -> None:
        """Fill the orders that are due on `day`."""
        raise NotImplementedError

    def wanted(self, day: int) -> Floats:
        """Weights [n_stocks] of the portfolio's value that the orders made at the close of `day` go for."""
        raise NotImplementedError

    @property
    def first(self) -> int:
        """The first day that may decide: the first known one plus the offset; beyond the last where there is none."""
        days = np.flatnonzero(self.known)
        return int(days[0]) + self.rules.offset if len(days) else len(self.tape.dates)

    def rebalances(self, day: int) -> bool:
        """Whether `day` is one of the days on which the portfolio is decided anew."""
        return day >= self.first and (day - self.first) % self.rules.every == 0

    def resume(self, day: int, evening: Evening) -> None:
        """Go on after the close of `day` from what is owned then; nothing was decided on the day, nothing is due."""
        self.ledger.resume(evening)

    def step(self, day: int) -> None:
        """Let holdings grow by the day's dividends and splits, write off what is gone, fill the orders that are due."""
        self.ledger.open_day(day)
        held = self.ledger.held
        self.ledger.write_off(day, held[self.tape.gone[day, held]], self.rules.recovery)
        self.fill(day)

    def run(self) -> PortfolioResult:
        """All days from the first one that decides to the last.

        Raises:
            RunError: no day leaves time for an execution.
            ConfigError: the benchmark begins too late.
        """
        rules, n_dates = self.rules, len(self.tape.dates)
        first = self.first
        start = first + rules.lag
        if start >= n_dates:
            raise RunError(
                "the score has no day with a value for a member of the universe "
                f"{rules.offset + rules.lag} trading days before the market's last day "
                f"({self.tape.dates[-1].date()}); give scores for earlier days or a later end."
            )
        for day in range(first, n_dates):
            self.step(day)
            if day >= start:
                self.close(day)
            if day + rules.lag < n_dates:
                self.decide(day, rebalance=self.rebalances(day))
        return self.result(benchmark_returns(self.market, self.tape.total, start, rules.price))

    def sellable(self, day: int) -> Bools:
        """[n_stocks] held or not, what is known at the close of `day` lets it be sold `lag` days later."""
        known: Bools = self.tape.traded[day] & self.tape.settled(day + self.rules.lag, self.ledger.bought)
        return known

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
                **self._suspended(day, value),
            }
        )
        daily.insert(6, "excess_return", daily["return"] - daily["benchmark_return"])
        ledger = self.ledger
        return PortfolioResult(
            daily, ledger.trades(), ledger.blocked(), self._holdings(day, value), self.rules
        )

    def _suspended(self, day: Ints, value: Floats) -> dict[str, Any]:
        """How many names were held on each day that did not trade, and their share of the value."""
        tape = self.tape
        still = [stocks[~tape.traded[t, stocks]] for t, (stocks, _) in zip(day, self.held, strict=True)]
        worth = [
            float((shares * tape.mark[t, stocks])[~tape.traded[t, stocks]].sum())
            for t, (stocks, shares) in zip(day, self.held, strict=True)
        ]
        names = np.array([len(stocks) for stocks in still], dtype=np.int64)
        return {"suspended": names, "suspended_weight": np.array(worth) / value}

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
