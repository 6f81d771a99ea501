"""What a market lets a portfolio do, by day: marks, share growth, execution prices, what is blocked,
liquidity.

Everything of row t is made from rows up to t of the market, so a simulation that reads rows up to t cannot
see further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.factors.portfolio.limits import at_limit, board_rates
from samgraph.factors.portfolio.rules import Rules

if TYPE_CHECKING:
    from samgraph.hist.market import Market

LOOK_BACK = 20  # days of mean traded amount and of volatility for the impact of a trade
SAME_PRICE = (
    2e-6  # relative: below a tick (0.01) at any price up to 5,000, above the rounding of float32 tables
)

FREE, SUSPENDED, NO_PRICE, LIMIT_UP, LIMIT_DOWN, TOO_SOON, NO_SLOT, SMALL, HELD = range(9)
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
)


def last_known(values: Any) -> Any:
    """Each NaN of `values` [n_dates, n_stocks] replaced by the column's last number before it, if there is
    one.
    """
    days = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), days, -1), axis=0)
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)


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
        silent: [n_dates, n_stocks] days since the last bar, suspended days' bars included.
        amount: [n_dates, n_stocks] traded money a day (0 where not traded).
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
    silent: Ints
    amount: Floats

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
    """Turn a market into what `rules` let a portfolio do in it.

    A suspended day keeps the last price and the last adjustment factor, also where the table repeats a price
    or changes the factor on that day; both move together on the day the stock trades again, so its value then
    follows its adjusted return. A missing factor is the last known one, and before the first known one there
    is no growth.

    A limit flag belongs to a day's close. An order is blocked when the flag is set and its price is the
    close: always for `price="close"`, for an open at that same price, for a VWAP only if the whole day traded
    at the limit. The exchange's own limits (`limits="a_share"`) are compared with the execution price itself.

    Raises:
        ConfigError: the execution price is not in the market at all.
    """
    close = np.asarray(market.close, dtype=np.float64)
    bar = np.isfinite(close) & (close > 0)
    traded = bar & np.asarray(market.tradable, dtype=bool)
    n_dates = len(close)
    days = np.arange(n_dates)[:, None]

    last = np.maximum.accumulate(np.where(traded, days, -1), axis=0)
    seen, last = last >= 0, np.maximum(last, 0)
    factor = np.asarray(market.adj, dtype=np.float64)
    factor = last_known(np.where(factor > 0, factor, np.nan))
    mark = np.where(seen, np.take_along_axis(close, last, axis=0), np.nan)
    factor = np.where(seen, np.take_along_axis(factor, last, axis=0), np.nan)
    growth = np.ones_like(close)
    with np.errstate(invalid="ignore"):
        step = factor[1:] / factor[:-1]
    growth[1:] = np.where(np.isfinite(step), step, 1.0)

    price = np.asarray(getattr(market, rules.price), dtype=np.float64)
    priced = np.isfinite(price) & (price > 0)
    if traded.any() and not (traded & priced).any():
        raise ConfigError(
            f"portfolio setting price is {rules.price!r}, but the bars hold no {rules.price} price; "
            "give the column or choose price = 'close'."
        )
    blocked = np.where(traded, np.where(priced, FREE, NO_PRICE), SUSPENDED).astype(np.int8)
    no_buy, no_sell = blocked.copy(), blocked
    if rules.limits != "none":
        with np.errstate(invalid="ignore"):
            high, low = price >= close * (1.0 - SAME_PRICE), price <= close * (1.0 + SAME_PRICE)
        no_buy[(no_buy == FREE) & np.asarray(market.limit_up, dtype=bool) & high] = LIMIT_UP
        no_sell[(no_sell == FREE) & np.asarray(market.limit_down, dtype=bool) & low] = LIMIT_DOWN
    if rules.limits == "a_share":
        upper, lower = at_limit(price, mark, growth, bar, board_rates(tuple(market.stocks), market.dates))
        no_buy[(no_buy == FREE) & upper] = LIMIT_UP
        no_sell[(no_sell == FREE) & lower] = LIMIT_DOWN

    volume = np.asarray(market.volume, dtype=np.float64)
    return Tape(
        dates=pd.DatetimeIndex(market.dates),
        stocks=tuple(market.stocks),
        traded=traded,
        mark=mark,
        total=mark * np.where(np.isfinite(factor), factor, 1.0),
        growth=growth,
        price=np.where(priced & traded, price, np.nan),
        no_buy=no_buy,
        no_sell=no_sell,
        silent=days - np.maximum.accumulate(np.where(bar, days, -1), axis=0),
        amount=np.where(traded & np.isfinite(volume), volume * np.where(traded, close, 0.0), 0.0),
    )
