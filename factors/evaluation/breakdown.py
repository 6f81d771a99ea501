"""Where and when a factor works: every rebalance offset, each year, each group of stocks.

A factor traded every h days can be started on any of h days; one that is good at some offsets only is luck of
the calendar. At one offset returns over h days do not overlap, so the plain t-test holds. Being orthogonal to
styles and industries needs nothing new: `evaluate(..., labels=industries, covariates=styles)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints, class_labels, day_blocks, panel
from samgraph.factors.evaluation.ic import MIN_STOCKS
from samgraph.factors.evaluation.inference import independent_test, mean_test
from samgraph.factors.evaluation.ranks import quantile_classes, ranks_within
from samgraph.factors.labels import axes_of
from samgraph.rounding import varies


def by_offset(ic: pd.DataFrame) -> pd.DataFrame:
    """Rank IC figures at every rebalance offset of each horizon.

    Args:
        ic: `Evaluation.ic`: date, factor, horizon, rank_ic, ...; every trading day of the period.

    Returns:
        factor, horizon, offset (0 .. horizon-1: the first day of rebalancing), rank_ic, rank_icir (mean by
        standard deviation of the non-overlapping figures, not annualised), tstat (NaN below ten figures), n.
    """
    rows = []
    for (factor, horizon), part in _pairs(ic):
        series = part["rank_ic"].to_numpy(dtype=np.float64)
        for offset in range(min(horizon, len(series))):
            found = independent_test(series[offset::horizon])
            icir = _ratio(series[offset::horizon])
            rows.append((factor, horizon, offset, found.mean, icir, found.t, found.n))
    columns = ["factor", "horizon", "offset", "rank_ic", "rank_icir", "tstat", "n"]
    return pd.DataFrame(rows, columns=columns)


def by_year(ic: pd.DataFrame) -> pd.DataFrame:
    """Rank IC figures of each calendar year: factor, horizon, year, rank_ic, rank_icir, tstat_nw, positive, n_days.

    Args:
        ic: `Evaluation.ic`. The last days of a year count by returns that reach into the next.
    """
    rows = []
    for (factor, horizon), part in _pairs(ic):
        year = pd.DatetimeIndex(part["date"]).year.to_numpy()
        series = part["rank_ic"].to_numpy(dtype=np.float64)
        for one in np.unique(year):
            rows.append((factor, horizon, int(one), *_figures(series[year == one], horizon)))
    return pd.DataFrame(rows, columns=["factor", "horizon", "year", *FIGURES])


def by_group(
    factor: Any,
    forward: Any,
    groups: Any,
    names: Sequence[str],
    *,
    horizon: int,
    min_stocks: int = MIN_STOCKS,
) -> pd.DataFrame:
    """Rank IC figures within each group of stocks: group, rank_ic, rank_icir, tstat_nw, positive, n_days.

    Args:
        factor: [n_dates, n_stocks].
        forward: [n_dates, n_stocks] returns that start after each day.
        groups: integers [n_dates, n_stocks], positions in `names`, below 0 = none; see `size_groups`.
        names: [n_groups].
        horizon: of the forward return in days, for the t-statistics.
        min_stocks: of a group on a day; fewer have no IC.
    """
    series = group_information(factor, forward, groups, len(names), min_stocks=min_stocks)
    rows = [(name, *_figures(series[:, k], horizon)) for k, name in enumerate(names)]
    return pd.DataFrame(rows, columns=["group", *FIGURES])


def group_information(
    factor: Any, forward: Any, groups: Any, n_groups: int, *, min_stocks: int = MIN_STOCKS
) -> Floats:
    """Rank IC within each group of stocks on each day [n_dates, n_groups]; NaN with fewer than `min_stocks`.

    All groups of a block of days are ranked by one sort. Shapes and groups as in `by_group`.
    """
    x = panel(factor, "the factor")
    axes = axes_of(factor, "the factor")
    y = panel(forward, "the forward return", x.shape, axes)
    classes = class_labels(groups, x.shape, axes)
    out = np.full((len(x), n_groups), np.nan)
    for days in day_blocks(*x.shape):
        a, b, g = x[days], y[days], classes[days]
        use = ~np.isnan(a) & ~np.isnan(b) & (g >= 0) & (g < n_groups)
        slot = (np.arange(len(a))[:, None] * n_groups + g)[use]
        size = len(a) * n_groups
        count = np.bincount(slot, minlength=size)
        middle = 0.5 * (count + 1.0)  # the mean of the ranks 1 .. count, ties or not
        u, v = (ranks_within(values[use], slot) - middle[slot] for values in (a, b))
        cross, uu, vv = (np.bincount(slot, weights=w, minlength=size) for w in (u * v, u * u, v * v))
        fine = (count >= min_stocks) & (uu > 0.0) & (vv > 0.0)
        found = np.full(size, np.nan)
        found[fine] = np.clip(cross[fine] / np.sqrt(uu[fine] * vv[fine]), -1.0, 1.0)
        out[days] = found.reshape(len(a), n_groups)
    return out


def size_groups(cap: Any, n_groups: int = 3, *, member: Any | None = None) -> Ints:
    """Groups of equal number by market cap on each day, 0 the smallest; -1 where unknown or not a member.

    Shapes: cap, member [n_dates, n_stocks]; result the same.
    """
    if not 2 <= n_groups <= 100:
        raise ModelError(f"{n_groups} size groups cannot be formed; ask for 2 to 100.")
    size = panel(cap, "cap")
    inside = size > 0.0 if member is None else (size > 0.0) & np.asarray(member, dtype=bool)
    return quantile_classes(np.where(inside, size, np.nan), n_groups).astype(np.int64) - 1


FIGURES = ("rank_ic", "rank_icir", "tstat_nw", "positive", "n_days")


def _figures(series: Floats, horizon: int) -> tuple[float, float, float, float, int]:
    known = series[~np.isnan(series)]
    if len(known) == 0:
        return math.nan, math.nan, math.nan, math.nan, 0
    found = mean_test(known, horizon)
    return found.mean, _ratio(known), found.t, float((known > 0).mean()), len(known)


def _ratio(series: Floats) -> float:
    known = series[~np.isnan(series)]
    return float(known.mean()) / float(known.std(ddof=1)) if varies(known) else math.nan


def _pairs(ic: pd.DataFrame) -> list[tuple[tuple[str, int], pd.DataFrame]]:
    return [
        ((str(part["factor"].iloc[0]), int(part["horizon"].iloc[0])), part.sort_values("date", kind="stable"))
        for _, part in ic.groupby(["factor", "horizon"], sort=False)
    ]
