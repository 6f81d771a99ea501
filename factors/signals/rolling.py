"""Sums over trailing windows of panels with gaps.

A day's value depends on the days of its window alone, to the last bit: neither on a later day (nor on how many there
are) nor, through rounding, on an earlier one. So a window of zeros sums to exactly 0, as a suspended stock's must.
"""

from __future__ import annotations

import numpy as np

from samgraph.factors.arrays import Floats
from samgraph.rounding import ROUNDING


def trailing_sum(values: Floats, window: int) -> tuple[Floats, Floats]:
    """Sum and count of the known values of the last `window` days, the day itself included.

    Shapes: values and both results [n_dates, n_stocks]; the first days have shorter windows.
    """
    known = ~np.isnan(values)
    return _window(np.where(known, values, 0.0), window), _window(known.astype(np.float64), window)


def _window(values: Floats, window: int) -> Floats:
    """Sums of 1, 2, 4, ... days by doubling, put together as the binary digits of `window` tell."""
    n, out = len(values), np.zeros(values.shape)
    doubled, span, taken = values, 1, 0
    while True:
        if window & span and taken < n:
            out[taken:] += doubled[: n - taken]
            taken += span
        if 2 * span > window or taken >= n:
            return out
        wider = doubled.copy()
        wider[span:] += doubled[: max(n - span, 0)]
        doubled, span = wider, 2 * span


def trailing_mean(values: Floats, window: int, least: int) -> Floats:
    """Mean of the last `window` days' known values; NaN where fewer than `least` are known."""
    total, count = trailing_sum(values, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.where(count >= max(least, 1), total / count, np.nan)
    return out


def trailing_std(values: Floats, window: int, least: int) -> Floats:
    """Standard deviation (n - 1) of the last `window` days' known values; NaN where fewer than `least`.

    What is left of the squares by rounding alone is 0: equal values do not vary.
    """
    total, count = trailing_sum(values, window)
    squares, _ = trailing_sum(values**2, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares - total**2 / count) / (count - 1.0)
        variance = np.where(variance > ROUNDING * squares / count, variance, 0.0)
        out: Floats = np.where(count >= max(least, 2), np.sqrt(variance), np.nan)
    return out


def lagged(values: Floats, days: int) -> Floats:
    """Values of `days` days before; NaN on the first days. Shapes: [n_dates, n_stocks]."""
    out = np.full(values.shape, np.nan)
    out[days:] = values[: len(values) - days]
    return out
