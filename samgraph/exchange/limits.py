"""Price limits by day and stock, worked out from prices, boards and days of listing.

The reference price (previous close, less what was paid out) times one plus or minus the board's rate, to the nearest
0.01. What bars do not tell is not applied: days without a limit after a long suspension or in a delisting period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.exchange.tables import A_SHARE, Exchange, Floats, Ints, day_numbers, exchange

Bools = npt.NDArray[np.bool_]

TICK = 0.01  # of prices
_TICKS = (
    100.0  # in 1: dividing by it gives the number that is written 40.66, multiplying by 0.01 one beside it
)
LONG = 1 << 20  # trading days: older than any rule for new shares reaches


@dataclass(frozen=True, eq=False)
class Rates:
    """Largest moves as fractions; infinite where there is no limit. All [n_dates, n_stocks].

    Attributes:
        rate: of a share that is not new.
        new_days: trading days on which a share listed on that day is new.
        new_rate: what holds on them; it refers to the issue price, which bars do not tell.
    """

    rate: Floats
    new_days: Floats
    new_rate: Floats

    def __getitem__(self, place: Any) -> Any:
        """`rate` there."""
        return self.rate[place]


def board_rates(
    stocks: Sequence[str], dates: pd.DatetimeIndex, *, rules: Exchange | None = None, st: Bools | None = None
) -> Rates:
    """The limits of each stock's board by day (see `samgraph.exchange.tables`).

    Args:
        stocks: [n_stocks] company ids.
        dates: [n_dates].
        rules: the A-share exchanges' if None.
        st: bool [n_dates, n_stocks], under special treatment; None is nobody.
    """
    rules = rules or exchange(A_SHARE)
    board = rules.board(stocks)
    rate = rules.dated("price_limits", "rate", dates, empty=np.inf)
    st_rate = rules.dated("price_limits", "st_rate", dates)
    new_rate = rules.dated("new_listings", "rate", dates, empty=np.inf)
    new_days = rules.dated("new_listings", "days", dates, empty=0.0)
    st_rate = np.where(np.isnan(st_rate), rate, st_rate)
    chosen = rate[:, board] if st is None else np.where(st, st_rate[:, board], rate[:, board])
    return Rates(chosen, new_days[:, board], new_rate[:, board])


def age(bar: Bools, dates: pd.DatetimeIndex | None = None, listed: Any | None = None) -> Ints:
    """Days with a bar since the listing, each day included, so 1 on the first; `LONG` and more for old shares.

    Args:
        bar: bool [n_dates, n_stocks].
        dates: [n_dates].
        listed: datetime64 [n_stocks], NaT where unknown. A share without a known day of listing
            counts as listed when its bars begin; one with a bar on the first row is old.
    """
    first = _first_rows(bar)[0]
    older = np.where(bar[0], LONG, 0) if len(bar) else np.zeros(bar.shape[1], dtype=np.int64)
    if listed is not None and dates is not None and len(dates):
        known = ~np.isnat(listed)
        day = np.where(known, listed, dates.to_numpy()[0]).astype("datetime64[D]")
        row = day_numbers(dates).searchsorted(day_numbers(day))
        before = np.maximum(np.busday_count(day, dates[0].date()), 0)  # weekdays, that is days at most
        older = np.where(known, before + np.maximum(first - row, 0), older)
    out: Ints = np.cumsum(bar, axis=0, dtype=np.int64) + older
    return out


def limit_prices(
    mark: Floats, growth: Floats, bar: Bools, rates: Rates, *, ages: Ints | None = None
) -> tuple[Floats, Floats]:
    """Highest and lowest price of each day, [n_dates, n_stocks]; infinite and 0 where there is no limit.

    On a day whose limit refers to the issue price the highest is 0: such days closed at their limit almost always,
    bars do not tell it, and so nobody is taken to have bought.

    Args:
        mark: close of the last traded day up to and including the row's.
        growth: change of the adjustment factor since the last traded day.
        bar: the stock has a bar.
        rates: of `board_rates`.
        ages: of `age`; from `bar` alone if None.
    """
    ages = age(bar) if ages is None else ages
    born = np.take_along_axis(rates.new_days, _first_rows(bar), axis=0)
    young = bar & (ages <= born)
    issue = young & np.isfinite(np.take_along_axis(rates.new_rate, _first_rows(bar), axis=0))
    before = np.full_like(mark, np.nan)
    before[1:] = mark[:-1] / growth[1:]
    reference = _to_tick(before)
    bound = np.isfinite(rates.rate) & ~young & np.isfinite(reference)
    rate = np.where(bound, rates.rate, 0.0)
    with np.errstate(invalid="ignore"):
        upper = np.where(bound, _to_tick(reference * (1.0 + rate)), np.where(issue, 0.0, np.inf))
        lower = np.where(bound, _to_tick(reference * (1.0 - rate)), 0.0)
    return upper, lower


def at_limit(price: Floats, mark: Floats, growth: Floats, bar: Bools, rates: Rates) -> tuple[Bools, Bools]:
    """Where `price` is at its day's upper and at its lower limit, both [n_dates, n_stocks]; NaN is at none."""
    return reached(price, *limit_prices(mark, growth, bar, rates))


def reached(price: Floats, upper: Floats, lower: Floats) -> tuple[Bools, Bools]:
    """Where a price is at its upper, and at its lower limit, to half a tick."""
    with np.errstate(invalid="ignore"):
        return price > upper - 0.5 * TICK, (price < lower + 0.5 * TICK) & (lower > 0.0)


def _first_rows(bar: Bools) -> Ints:
    """Row of each stock's first bar, [1, n_stocks]."""
    out: Ints = np.argmax(bar, axis=0)[None, :].astype(np.int64)
    return out


def _to_tick(price: Floats) -> Floats:
    # half up, with room for the error of a table in float32
    rounded: Floats = np.floor(price / TICK + 0.5 + 1e-4) / _TICKS
    return rounded
