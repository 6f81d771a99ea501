"""Information coefficients: how a factor's cross-section lines up with the returns that follow it.

The IC of a day is the Pearson correlation, over the stocks for which both are known, of the factor at that
day with the return that starts after it; the Rank IC is the same of average ranks (Spearman's).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from samgraph.factors.arrays import Bools, Floats, day_blocks, panel
from samgraph.factors.evaluation.ranks import DayOrder
from samgraph.factors.labels import axes_of
from samgraph.sums import over_stocks

MIN_STOCKS = 5  # fewer stocks than this and a day has no IC


def correlation_by_day(x: Floats, y: Floats, mask: Bools, min_stocks: int = MIN_STOCKS) -> Floats:
    """Pearson correlation over `mask` on each day.

    NaN where fewer than `min_stocks` stocks remain or one side does not vary.
    Shapes: x, y, mask [n_dates, n_stocks]; result [n_dates].
    """
    count = mask.sum(axis=1)
    whole = bool(mask.all())
    (a, squares_x, flat_x), (b, squares_y, flat_y) = (
        _deviations(v, mask, count, whole=whole) for v in (x, y)
    )
    cross = over_stocks(a * b)
    scale = np.sqrt(squares_x) * np.sqrt(squares_y)
    usable = (count >= min_stocks) & (scale > 0.0) & ~flat_x & ~flat_y
    out = np.full(len(x), np.nan)
    out[usable] = np.clip(cross[usable] / scale[usable], -1.0, 1.0)
    return out


def _deviations(x: Floats, mask: Bools, count: Any, *, whole: bool) -> tuple[Floats, Floats, Bools]:
    """Deviations from the mean over the mask on each day, 0 outside; their squares' sum; the days that do not vary."""
    filled = x if whole else np.where(mask, x, 0.0)
    mean = over_stocks(filled) / np.maximum(count, 1)
    away: Floats = filled - mean[:, None]
    if not whole:
        away *= mask
    # a constant day leaves rounding noise, not zero, behind its mean: look closely where that may be all
    squares = over_stocks(away * away)
    flat: Bools = squares <= 1e-24 * count * mean**2
    flat[flat] = _spread(x[flat], mask[flat]) == 0.0
    return away, squares, flat


def _spread(x: Floats, mask: Bools) -> Floats:
    """Highest less lowest value over the mask on each day."""
    high = np.where(mask, x, -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(mask, x, np.inf).min(axis=1, initial=np.inf)
    return np.where(mask.any(axis=1), high - np.where(np.isinf(low), 0.0, low), 0.0)


def information_coefficient(
    factor: Floats, forward: Floats, *, rank: bool = False, min_stocks: int = MIN_STOCKS
) -> Floats:
    """IC (or with `rank` the Rank IC) of every day.

    Shapes: factor, forward [n_dates, n_stocks], NaN = missing; result [n_dates], NaN on days that have none.
    """
    x = panel(factor, "the factor")
    y = panel(forward, "the forward return", x.shape, axes_of(factor, "the factor"))
    out = np.full(len(x), np.nan)
    for days in day_blocks(*x.shape):
        a, b = x[days], y[days]
        mask = ~(np.isnan(a) | np.isnan(b))
        if rank:
            a, b = DayOrder.of(a).ranks(mask), DayOrder.of(b).ranks(mask)
        out[days] = correlation_by_day(a, b, mask, min_stocks)
    return out


def rank_autocorrelation(factor: Floats, lag: int, *, min_stocks: int = MIN_STOCKS) -> Floats:
    """Correlation of each day's ranks with those `lag` days before, over stocks ranked on both days.

    Near 1 means that the factor hardly trades. Ranks are those of each day's own cross-section.
    Shapes: factor [n_dates, n_stocks]; result [n_dates], NaN on the first `lag` days.
    """
    x = panel(factor, "the factor")
    ranked = np.concatenate([DayOrder.of(x[days]).ranks() for days in day_blocks(*x.shape)] or [x])
    return lagged_correlation(ranked, lag, min_stocks)


def lagged_correlation(ranked: Any, lag: int, min_stocks: int = MIN_STOCKS) -> Floats:
    """Correlation of each day's row with the row `lag` days before, over stocks known on both days.

    Shapes: ranked [n_dates, n_stocks], float32 or float64; result [n_dates], NaN on the first `lag` days.
    """
    out = np.full(len(ranked), np.nan)
    for days in day_blocks(max(len(ranked) - lag, 0), ranked.shape[1]):
        later = slice(days.start + lag, days.stop + lag)
        now, before = ranked[later].astype(np.float64), ranked[days].astype(np.float64)
        out[later] = correlation_by_day(now, before, ~(np.isnan(now) | np.isnan(before)), min_stocks)
    return out
