"""Price limits of the Chinese exchanges, from the previous close and the board that a company id tells.

A bar's close, open or average price at the limit of its day means that the other side of the order book was
empty. Tables seldom carry these limits, but they follow from the rule of the exchanges: the reference price
(previous close, less what was paid out) times one plus or minus the rate of the board, to the nearest 0.01.

Not known from prices, hence not applied: the 5% of stocks under special treatment (ST).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from samgraph.factors.arrays import Bools, Floats

TICK = 0.01
FREE_DAYS = 5  # trading days after listing without a limit
CHINEXT_REFORM = pd.Timestamp("2020-08-24")  # the day from which ChiNext moves by 20% instead of 10%


def board_rates(stocks: Sequence[str], dates: pd.DatetimeIndex) -> Floats:
    """Largest move a day [n_dates, n_stocks] as a fraction; infinite for ids that are not `123456.SH`, `.SZ`
    or `.BJ`.

    STAR (688, 689) 20%, ChiNext (300 to 302) 20% since its reform and 10% before, Beijing 30%, all others
    10%.
    """
    ids = pd.Series(list(stocks), dtype="str")
    known = ids.str.fullmatch(r"\d{6}\.(?:SH|SZ|BJ)").to_numpy(dtype=bool)
    star = ids.str.match(r"68[89]").to_numpy(dtype=bool)
    chinext = ids.str.match(r"30[012]").to_numpy(dtype=bool)
    beijing = ids.str.endswith(".BJ").to_numpy(dtype=bool)
    rates = np.where(known, np.where(beijing, 0.3, np.where(star, 0.2, 0.1)), np.inf)
    reformed = np.asarray(dates >= CHINEXT_REFORM)
    return np.where(reformed[:, None] & (known & chinext & ~beijing)[None, :], 0.2, rates[None, :])


def at_limit(price: Floats, mark: Floats, growth: Floats, bar: Bools, rates: Floats) -> tuple[Bools, Bools]:
    """Where `price` is at its day's upper and at its lower limit, both [n_dates, n_stocks].

    Args:
        price: [n_dates, n_stocks] to be judged; NaN is at no limit.
        mark: [n_dates, n_stocks] close of the last traded day up to and including the row's.
        growth: [n_dates, n_stocks] change of the adjustment factor since the last traded day.
        bar: [n_dates, n_stocks] the stock has a bar. One without a bar on the first row counts as listed when
            its bars begin, and has no limit on its first `FREE_DAYS` days.
        rates: of `board_rates`.
    """
    upper, lower = np.zeros(price.shape, dtype=bool), np.zeros(price.shape, dtype=bool)
    if len(price) < 2:
        return upper, lower
    young = (np.cumsum(bar, axis=0) <= FREE_DAYS) & ~bar[0]
    bound = np.isfinite(rates[1:]) & ~young[1:]
    reference = _to_tick(mark[:-1] / growth[1:])
    rate = np.where(bound, rates[1:], 0.0)
    with np.errstate(invalid="ignore"):
        upper[1:] = bound & (price[1:] > _to_tick(reference * (1.0 + rate)) - 0.5 * TICK)
        lower[1:] = bound & (price[1:] < _to_tick(reference * (1.0 - rate)) + 0.5 * TICK)
    return upper, lower


def _to_tick(price: Floats) -> Floats:
    # half up, with room for the error of a table in float32
    rounded: Floats = np.floor(price / TICK + 0.5 + 1e-4) * TICK
    return rounded
