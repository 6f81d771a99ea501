"""What can be traded, on which day, at which price, and why not: one rule for labels, factors and portfolios.

A share cannot be bought on a day when it has no bar, is suspended, lacks the price or the adjustment factor, or is at
limit-up at that price; it cannot be sold at limit-down. A limit is reached

* by the price, against the day's limit prices: those of the bars (`upper_limit`, `lower_limit`), else those that the
  exchanges' rules give (`samgraph.exchange.limits`);
* by the bars' flags, which speak of the close: they count where the price is the close (for an open at that same
  price, for a VWAP only if the whole day traded at the limit).

Row t is made from rows up to t. Such facts of the day of execution stop an order; they never choose one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ConfigError
from samgraph.exchange.limits import age, board_rates, limit_prices, reached
from samgraph.exchange.tables import Exchange, Floats, Ints, exchange

Bools = npt.NDArray[np.bool_]

SAME_PRICE = (
    2e-6  # relative: below a tick (0.01) at any price up to 5,000, above the rounding of float32 tables
)
NO_LAG = (
    "the data of a day include its close, so nothing can be traded at that close by what was computed from it; "
    "trade on the next day (1) or later"
)
FREE, SUSPENDED, NO_PRICE, LIMIT_UP, LIMIT_DOWN = range(5)


class Quotes(Protocol):
    """Bars as arrays (`samgraph.hist.market.Market`); panels are [n_dates, n_stocks]."""

    @property
    def dates(self) -> pd.DatetimeIndex: ...
    @property
    def stocks(self) -> tuple[str, ...]: ...
    @property
    def close(self) -> Floats: ...
    @property
    def adj(self) -> Floats: ...
    @property
    def tradable(self) -> Bools: ...
    @property
    def limit_up(self) -> Bools: ...
    @property
    def limit_down(self) -> Bools: ...
    @property
    def upper_limit(self) -> Floats | None: ...
    @property
    def lower_limit(self) -> Floats | None: ...
    @property
    def st(self) -> Bools | None: ...
    @property
    def listed_on(self) -> Any: ...
    @property
    def delisted_on(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Marks:
    """What a share is worth while nobody trades it. All [n_dates, n_stocks].

    Attributes:
        bar: there is a bar; traded: it was not suspended, and its adjustment factor is known.
        mark: close of the last day on which the stock traded; NaN before its first.
        factor: adjustment factor of that same day.
        growth: what the number of shares held since the day before is multiplied by (dividends and splits).
        silent: days since the last bar, suspended days' bars included.
    """

    bar: Bools
    traded: Bools
    mark: Floats
    factor: Floats
    growth: Floats
    silent: Ints

    @cached_property
    def total(self) -> Floats:
        """The total-return index: mark times factor."""
        return self.mark * self.factor


def marks(quotes: Quotes) -> Marks:
    """Last traded prices and factors.

    A suspended day keeps both, also where the table repeats a price or changes the factor on it; both move together
    on the day the stock trades again, so that a holding follows its adjusted return. A bar without a factor counts as
    suspended: what its price means beside the one before is not known. So does one after the stock's delisting.
    """
    close, factor = (np.asarray(values, dtype=np.float64) for values in (quotes.close, quotes.adj))
    bar = np.isfinite(close) & (close > 0)
    traded = bar & np.asarray(quotes.tradable, dtype=bool) & np.isfinite(factor) & (factor > 0)
    if quotes.delisted_on is not None:
        today = quotes.dates.to_numpy().astype("datetime64[D]")[:, None]
        traded &= ~(today >= quotes.delisted_on[None, :])  # NaT compares false
    days = np.arange(len(close))[:, None]
    last = np.maximum.accumulate(np.where(traded, days, -1), axis=0)
    seen, last = last >= 0, np.maximum(last, 0)
    mark, factor = (np.where(seen, np.take_along_axis(v, last, axis=0), np.nan) for v in (close, factor))
    growth = np.ones_like(close)
    with np.errstate(invalid="ignore"):
        step = factor[1:] / factor[:-1]
    growth[1:] = np.where(np.isfinite(step), step, 1.0)
    silent = days - np.maximum.accumulate(np.where(bar, days, -1), axis=0)
    return Marks(bar, traded, mark, factor, growth, silent)


def day_limits(
    quotes: Quotes, found: Marks | None = None, *, rules: Exchange | None = None
) -> tuple[Floats, Floats]:
    """Highest and lowest price of each day [n_dates, n_stocks], infinite and 0 where there is no limit.

    Args:
        quotes: where they hold limit prices, these stand.
        found: of `marks`.
        rules: the A-share exchanges' if None.
    """
    if quotes.upper_limit is not None and quotes.lower_limit is not None:
        return quotes.upper_limit, quotes.lower_limit
    found = found or marks(quotes)
    rates = board_rates(quotes.stocks, quotes.dates, rules=rules or exchange(), st=quotes.st)
    ages = age(found.bar, quotes.dates, quotes.listed_on)
    return limit_prices(found.mark, found.growth, found.bar, rates, ages=ages)


@dataclass(frozen=True, eq=False)
class Access:
    """What an order meets at one price of each day; all [n_dates, n_stocks].

    Attributes:
        price: execution price, NaN where nothing trades.
        no_buy, no_sell: int8, why an order cannot be filled; `FREE` where it can.
    """

    price: Floats
    no_buy: npt.NDArray[np.int8]
    no_sell: npt.NDArray[np.int8]

    @property
    def buyable(self) -> Bools:
        """Where a purchase can be made."""
        free: Bools = self.no_buy == FREE
        return free


def access(quotes: Quotes, price: str, found: Marks | None = None) -> Access:
    """What an order meets at `price` (close, open or vwap).

    Raises:
        ConfigError: the quotes have no such price on any day.
    """
    found = found or marks(quotes)
    values = np.asarray(getattr(quotes, price), dtype=np.float64)
    priced = np.isfinite(values) & (values > 0)
    if found.traded.any() and not (found.traded & priced).any():
        raise ConfigError(
            f"portfolio setting price is {price!r}, but the bars hold no {price} price; "
            "give the column or choose price = 'close'."
        )
    no_buy = np.where(found.traded, np.where(priced, FREE, NO_PRICE), SUSPENDED).astype(np.int8)
    no_sell = no_buy.copy()
    upper, lower = reached(values, *day_limits(quotes, found))
    with np.errstate(invalid="ignore"):
        upper |= np.asarray(quotes.limit_up, dtype=bool) & (values >= quotes.close * (1.0 - SAME_PRICE))
        lower |= np.asarray(quotes.limit_down, dtype=bool) & (values <= quotes.close * (1.0 + SAME_PRICE))
    no_buy[(no_buy == FREE) & upper] = LIMIT_UP
    no_sell[(no_sell == FREE) & lower] = LIMIT_DOWN
    return Access(np.where(priced & found.traded, values, np.nan), no_buy, no_sell)
