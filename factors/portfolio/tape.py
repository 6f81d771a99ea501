"""What a market lets a portfolio do, by day: marks, share growth, execution prices, what is blocked, lots,
liquidity.

Everything of row t is made from rows up to t of the market, so a simulation that reads rows up to t cannot
see further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.exchange.access import Marks, access, marks
from samgraph.exchange.tables import exchange
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.factors.portfolio.rules import Rules

if TYPE_CHECKING:
    from samgraph.hist.market import Market

LOOK_BACK = 20  # days of mean traded amount and of volatility for the impact of a trade

TOO_SOON, NO_SLOT, SMALL, HELD, TOO_LARGE = range(5, 10)  # beside the reasons of `samgraph.exchange.access`
REASONS = (
    "",
    "suspended",
    "no_price",
    "limit_up",
    "limit_down",
    "bought_too_recently",
    "no_free_slot",
    "below_one_lot",
    "not_held",
    "participation",
)


@dataclass(frozen=True)
class Tape:
    """The market as a portfolio meets it.

    Attributes:
        dates: [n_dates].
        stocks: [n_stocks] company ids.
        traded: [n_dates, n_stocks] the stock has a bar and is not suspended.
        mark: [n_dates, n_stocks] close of the last day on which the stock traded; NaN before its first.
        total: [n_dates, n_stocks] `mark` times the adjustment factor of that same day: the total-return
            index.
        growth: [n_dates, n_stocks] factor on the number of shares held since the day before (dividends and
            splits).
        price: [n_dates, n_stocks] execution price; NaN where there is none.
        no_buy, no_sell: [n_dates, n_stocks] int8, why an order cannot be filled (index into `REASONS`; 0 it
            can).
        gone: [n_dates, n_stocks] a holding is written off on that day (see `write_off_days`).
        amount: [n_dates, n_stocks] traded money a day (0 where not traded).
        board: [n_stocks] position of the stock's board; least, step: [n_dates, n_boards] shares of an order;
            settle: [n_dates, n_boards] trading days from a purchase to the first sale.
    """

    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    traded: Bools
    mark: Floats
    total: Floats
    growth: Floats
    price: Floats
    no_buy: Any
    no_sell: Any
    gone: Bools
    amount: Floats
    board: Ints
    least: Floats
    step: Floats
    settle: Floats

    def whole(self, day: int, stocks: Ints, shares: Floats) -> Floats:
        """`shares` of each of `stocks` rounded down to what one order may hold; 0 below the least one."""
        least, step = self.least[day, self.board[stocks]], self.step[day, self.board[stocks]]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(step > 0, least + np.floor((shares - least) / step) * step, shares)
        return np.where(shares >= least, steps, 0.0)

    def settled(self, day: int, bought: Ints) -> Bools:
        """[n_stocks] what was last bought on the day numbers `bought` can be sold on `day`."""
        old: Bools = bought + self.settle[min(day, len(self.settle) - 1), self.board] <= day
        return old

    def liquidity(self, day: int, stocks: Ints, *, needed: bool = True) -> tuple[Floats, Floats]:
        """Mean traded amount and volatility of daily returns of the `LOOK_BACK` days before `day`, for
        `stocks`.

        A stock that did not trade in them has the amount of `day` itself; one without two returns has
        volatility 0.
        """
        if not needed:  # no impact is charged
            return np.zeros(len(stocks)), np.zeros(len(stocks))
        rows = slice(max(0, day - LOOK_BACK), day)
        amounts = self.amount[rows][:, stocks]
        mean = amounts.mean(axis=0) if len(amounts) else np.zeros(len(stocks))
        index = self.total[rows][:, stocks]
        returns = index[1:] / index[:-1] - 1.0
        volatility = np.zeros(len(stocks))
        enough = np.isfinite(returns).sum(axis=0) >= 2
        if enough.any():
            volatility[enough] = np.nanstd(returns[:, enough], axis=0, ddof=1)
        return np.where(mean > 0, mean, self.amount[day, stocks]), volatility


def build_tape(market: Market, rules: Rules) -> Tape:
    """Turn a market into what `rules` let a portfolio do in it: see `samgraph.exchange.access`.

    Raises:
        ConfigError: the execution price is not in the market at all, or a stock's id is of no board.
    """
    found = marks(market)
    met = access(market, rules.price, found)
    volume = np.asarray(market.volume, dtype=np.float64)
    traded = found.traded & np.isfinite(volume)
    venue = exchange(rules.exchange)

    def dated(value: str, own: float | None) -> Floats:
        if own is None:
            return venue.dated("orders", value, market.dates, empty=0.0)
        return np.full((len(market.dates), len(venue.boards)), float(own))

    return Tape(
        dates=pd.DatetimeIndex(market.dates),
        stocks=tuple(market.stocks),
        traded=found.traded,
        mark=found.mark,
        total=found.total,
        growth=found.growth,
        price=met.price,
        no_buy=met.no_buy,
        no_sell=met.no_sell,
        gone=write_off_days(market, found, rules.delist_after),
        amount=np.where(traded, volume * np.where(traded, market.close, 0.0), 0.0),
        board=venue.board(market.stocks),
        least=dated("least", rules.lot),
        step=dated("step", rules.lot),
        settle=dated("settle_days", rules.hold_days),
    )


def write_off_days(market: Market, found: Marks, after: int) -> Bools:
    """The days on which a stock that is held is worth no more than its recovery [n_dates, n_stocks].

    Where the dataset says when stocks were delisted, the days from then on: any other silence is a suspension, however
    long. Where it says so of no stock, days with no bar for `after` days or more.
    """
    if market.delisted_on is None:
        return found.silent >= after
    days = market.dates.to_numpy().astype("datetime64[D]")[:, None]
    gone: Bools = days >= market.delisted_on[None, :]  # NaT compares false
    return gone
