"""Portfolios of a factor's quantiles: their mean returns, spread, monotonicity and turnover."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, centred, day_blocks, panel
from samgraph.factors.evaluation.ranks import quantile_classes
from samgraph.factors.labels import axes_of

Classes = npt.NDArray[np.int8]


def class_means(classes: Classes, forward: Floats, quantiles: int) -> tuple[Floats, Floats]:
    """Mean of `forward` in each class on each day, and how many stocks are behind it.

    Stocks without a return are left out; their class was set without looking at it.
    Shapes: classes, forward [n_dates, n_stocks]; both results [n_dates, quantiles], NaN and 0 where empty.
    """
    n_dates = len(classes)
    use = (classes > 0) & ~np.isnan(forward)
    slot = (np.arange(n_dates)[:, None] * quantiles + classes - 1)[use]
    size = n_dates * quantiles
    count = np.bincount(slot, minlength=size).astype(np.float64)
    total = np.bincount(slot, weights=forward[use], minlength=size)
    with np.errstate(invalid="ignore"):
        mean = total / np.where(count > 0, count, np.nan)
    return mean.reshape(n_dates, quantiles), count.reshape(n_dates, quantiles)


def quantile_returns(factor: Any, forward: Any, quantiles: int = 5, *, demeaned: bool = False) -> Floats:
    """Mean return of each factor quantile on each day, equally weighted, lowest quantile first.

    With `demeaned` the day's mean return over the stocks that have both factor and return is taken off first
    (alphalens' long-short form).
    Shapes: factor, forward [n_dates, n_stocks]; result [n_dates, quantiles]. Units: those of `forward`.

    Raises:
        ModelError: fewer than two or more than 100 quantiles.
    """
    if not 2 <= quantiles <= 100:
        raise ModelError(f"{quantiles} quantiles cannot be formed; ask for 2 to 100.")
    x = panel(factor, "the factor")
    y = panel(forward, "the forward return", x.shape, axes_of(factor, "the factor"))
    out = np.full((len(x), quantiles), np.nan)
    for days in day_blocks(*x.shape):
        a, b = x[days], y[days]
        if demeaned:
            mask = ~(np.isnan(a) | np.isnan(b))
            b = np.where(mask, centred(b, mask), np.nan)
        out[days] = class_means(quantile_classes(a, quantiles), b, quantiles)[0]
    return out


def spread(means: Floats) -> Floats:
    """Highest less lowest quantile's return. Shapes: means [n_dates, quantiles]; result [n_dates]."""
    out: Floats = means[:, -1] - means[:, 0]
    return out


def monotonicity(means: Floats) -> float:
    """Spearman correlation of the quantile's number with its mean return over all days: 1 is a ladder.

    Shapes: means [n_dates, quantiles]; days on which a quantile is empty are left out of its mean.
    """
    known = ~np.isnan(means)
    count = known.sum(axis=0)
    if (count == 0).any():
        return math.nan
    average = np.where(known, means, 0.0).sum(axis=0) / count
    if np.ptp(average) == 0.0:
        return math.nan
    return float(stats.spearmanr(np.arange(len(average)), average).statistic)


def quantile_turnover(classes: Classes, quantile: int, lag: int) -> Floats:
    """Share of the stocks in `quantile` on a day that were not in it `lag` days before.

    Shapes: classes [n_dates, n_stocks]; result [n_dates], NaN on the first `lag` days and where the quantile
    is empty on either day.
    """
    inside = classes == quantile
    held = inside.sum(axis=1).astype(np.float64)
    out = np.full(len(classes), np.nan)
    if lag < len(classes):
        fresh = (inside[lag:] & ~inside[:-lag]).sum(axis=1)
        usable = (held[lag:] > 0) & (held[:-lag] > 0)
        out[lag:][usable] = fresh[usable] / held[lag:][usable]
    return out
