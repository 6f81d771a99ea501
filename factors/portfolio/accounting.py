"""The books of a simulated portfolio: cash, shares, and every trade that changed them.

The identities that hold after every entry:

    value            = cash + sum_i shares_i * mark_i
    change of shares = bought - sold (after the day's growth by dividends and splits)
    change of cash   = sold amounts - bought amounts - costs
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from samgraph.exchange.access import FREE
from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.portfolio.costs import CAUSES, Costs
from samgraph.factors.portfolio.tape import HELD, REASONS, TOO_LARGE, TOO_SOON, Tape

NEVER = -(1 << 40)  # a purchase day before any rule can reach


class Fill(NamedTuple):
    """Trades of one side on one day; arrays are [n], `cost` [4, n] by its causes."""

    day: int
    decided: int
    side: str
    stocks: Ints
    shares: Floats
    price: Floats
    cost: Floats
    reasons: list[str]


@dataclass(frozen=True, eq=False)
class Evening:
    """What is owned after the close of a day.

    Attributes:
        cash: money.
        shares: [n_stocks] held.
        bought: [n_stocks] day number of the last purchase, `NEVER` where it is of no matter.
    """

    cash: float
    shares: Floats
    bought: Ints


@dataclass
class Book:
    """Cash and shares of one portfolio and the record of its trades.

    Attributes:
        tape: the market it trades in.
        buying, selling: costs by side.
        participation: most of the amount traded on a day that an order may be; 0 is no cap.
        cash: money not invested.
        shares: [n_stocks] held.
        bought: [n_stocks] day number of the last purchase.
    """

    tape: Tape
    buying: Costs
    selling: Costs
    participation: float
    cash: float
    shares: Floats = field(init=False)
    bought: Ints = field(init=False)
    _fills: list[Fill] = field(default_factory=list, init=False)
    _blocked: list[tuple[int, int, int, str, int]] = field(default_factory=list, init=False)
    day_cost: float = field(default=0.0, init=False)
    day_amount: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Start with cash alone."""
        self.shares = np.zeros(len(self.tape.stocks))
        self.bought = np.full(len(self.tape.stocks), NEVER, dtype=np.int64)

    def resume(self, evening: Evening) -> None:
        """Own what was owned on an evening."""
        self.cash, self.shares, self.bought = evening.cash, evening.shares.copy(), evening.bought.copy()

    @property
    def evening(self) -> Evening:
        """What is owned now."""
        return Evening(self.cash, self.shares.copy(), self.bought.copy())

    @property
    def held(self) -> Ints:
        """Row numbers of the stocks held."""
        return np.flatnonzero(self.shares)

    def liquidity(self, day: int, stocks: Ints) -> tuple[Floats, Floats]:
        """What the costs need to know of the stocks' liquidity (see `Tape.liquidity`)."""
        return self.tape.liquidity(day, stocks, needed=self.buying.impact != "none")

    def open_day(self, day: int) -> None:
        """Let holdings grow by the day's dividends and splits, and start the day's sums at zero."""
        held = self.held
        self.shares[held] *= self.tape.growth[day, held]
        self.day_cost = self.day_amount = 0.0

    def sell(self, day: int, decided: int, stocks: Ints, wanted: Floats, reasons: list[str]) -> None:
        """Sell `wanted` shares, at most those held, of each of `stocks`; record what cannot be sold."""
        why = self.tape.no_sell[day, stocks].copy()
        why[(why == FREE) & ~self.tape.settled(day, self.bought)[stocks]] = TOO_SOON
        why[self.shares[stocks] <= 0] = HELD
        shares = np.minimum(wanted, self.shares[stocks])
        fits = self._within(day, stocks, shares)
        cut = (why == FREE) & (fits < shares)
        why[cut] = TOO_LARGE
        self.block(day, decided, stocks[why != FREE], "sell", why[why != FREE])
        free = np.flatnonzero((why == FREE) | (cut & (fits > 0)))
        stocks, shares = stocks[free], fits[free]
        price = self.tape.price[day, stocks]
        cost = self.selling.of(day, stocks, shares * price, *self.liquidity(day, stocks))
        self._book(Fill(day, decided, "sell", stocks, shares, price, cost, [reasons[i] for i in free]))

    def buy(self, day: int, decided: int, stocks: Ints, shares: Floats, reasons: list[str]) -> None:
        """Buy `shares` of each of `stocks`, or the part that the day's trade lets; record what is left.

        The caller has seen to it that they can be bought and paid.
        """
        fits = self._within(day, stocks, shares)
        cut = fits < shares
        self.block(day, decided, stocks[cut], "buy", np.full(int(cut.sum()), TOO_LARGE))
        free = np.flatnonzero(fits > 0)
        stocks, shares = stocks[free], fits[free]
        price = self.tape.price[day, stocks]
        cost = self.buying.of(day, stocks, shares * price, *self.liquidity(day, stocks))
        self.bought[stocks] = day
        self._book(Fill(day, decided, "buy", stocks, shares, price, cost, [reasons[i] for i in free]))

    def _within(self, day: int, stocks: Ints, shares: Floats) -> Floats:
        """What of `shares` the cap on participation lets trade, in whole lots where it cuts them."""
        if not self.participation:
            return shares
        with np.errstate(invalid="ignore"):
            most = self.participation * self.tape.amount[day, stocks] / self.tape.price[day, stocks]
        cut = self.tape.whole(day, stocks, np.nan_to_num(most))
        return np.where(shares > most, np.minimum(cut, shares), shares)

    def write_off(self, day: int, stocks: Ints, recovery: float) -> None:
        """Turn delisted holdings into cash at a fraction of their last price, without cost."""
        price = self.tape.mark[day, stocks] * recovery
        shares = self.shares[stocks].copy()
        reasons = ["delisted"] * len(stocks)
        free = np.zeros((len(CAUSES), len(stocks)))
        self._book(Fill(day, day, "sell", stocks, shares, price, free, reasons))

    def block(self, day: int, decided: int, stocks: Ints, side: str, why: Ints) -> None:
        """Keep orders that were not filled, with the reason."""
        self._blocked.extend((day, decided, int(i), side, int(w)) for i, w in zip(stocks, why, strict=True))

    def _book(self, fill: Fill) -> None:
        if not len(fill.stocks):
            return
        amount = float((fill.shares * fill.price).sum())
        cost = float(fill.cost.sum())
        sign = 1.0 if fill.side == "buy" else -1.0
        self.shares[fill.stocks] += sign * fill.shares
        self.cash -= sign * amount + cost
        self.day_cost += cost
        self.day_amount += amount
        self._fills.append(fill)

    def holdings_value(self, day: int) -> float:
        """Worth of the shares at the marks of `day`."""
        held = self.held
        return float((self.shares[held] * self.tape.mark[day, held]).sum())

    def trades(self) -> pd.DataFrame:
        """Every trade in order: date, company_id, side, shares, price, amount, cost and its parts
        (commission, fee, tax, impact), reason, decided_on.
        """
        fills = self._fills
        sizes = [len(fill.stocks) for fill in fills]
        no_number, no_stock = np.zeros(0), np.zeros(0, dtype=np.int64)
        stocks = np.concatenate([no_stock, *(fill.stocks for fill in fills)])
        shares = np.concatenate([no_number, *(fill.shares for fill in fills)])
        price = np.concatenate([no_number, *(fill.price for fill in fills)])
        cost = np.concatenate([np.zeros((len(CAUSES), 0)), *(fill.cost for fill in fills)], axis=1)
        day = np.repeat(np.array([fill.day for fill in fills], dtype=np.int64), sizes)
        decided = np.repeat(np.array([fill.decided for fill in fills], dtype=np.int64), sizes)
        return pd.DataFrame(
            {
                "date": self.tape.dates[day],
                "company_id": self._names(stocks),
                "side": pd.array([fill.side for fill in fills for _ in fill.stocks], dtype="str"),
                "shares": shares,
                "price": price,
                "amount": shares * price,
                "cost": cost.sum(axis=0),
                **dict(zip(CAUSES, cost, strict=True)),
                "reason": pd.array([reason for fill in fills for reason in fill.reasons], dtype="str"),
                "decided_on": self.tape.dates[decided],
            }
        )

    def blocked(self) -> pd.DataFrame:
        """Every order that was not filled: date, company_id, side, reason, decided_on."""
        table = np.array([(b[0], b[1], b[2], b[4]) for b in self._blocked], dtype=np.int64).reshape(-1, 4)
        return pd.DataFrame(
            {
                "date": self.tape.dates[table[:, 0]],
                "company_id": self._names(table[:, 2]),
                "side": pd.array([b[3] for b in self._blocked], dtype="str"),
                "reason": pd.array([REASONS[w] for w in table[:, 3]], dtype="str"),
                "decided_on": self.tape.dates[table[:, 1]],
            }
        )

    def _names(self, stocks: Ints) -> Any:
        return pd.array(np.asarray(self.tape.stocks, dtype=object)[stocks], dtype="str")
