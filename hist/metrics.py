"""How well scores order the stocks of each day, as published (IC, Rank IC, their ratios, Precision@N).

Scores and labels are [n_dates, n_stocks] with NaN for what is missing; a stock counts on a day where both are
known. This module does not need torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samgraph.hist.labels import row_ranks
from samgraph.hist.market import FloatArray
from samgraph.rounding import varies

Values = npt.NDArray[np.floating]
MIN_STOCKS = 5  # fewer stocks than this and a day has no IC, as in `samgraph.factors.evaluation.ic`


@dataclass(frozen=True)
class Metrics:
    """Means over days; `precision` maps N to the share of the N best scored stocks with a label above 0."""

    ic: float
    icir: float
    rank_ic: float
    rank_icir: float
    precision: dict[int, float]
    days: int


def ic(score: Values, label: Values) -> FloatArray:
    """Pearson correlation of each day's cross-section [n_dates]; NaN below `MIN_STOCKS` or without spread."""
    both = np.isfinite(score) & np.isfinite(label)
    return _row_correlation(np.where(both, score, np.nan), np.where(both, label, np.nan))


def rank_ic(score: Values, label: Values) -> FloatArray:
    """Spearman correlation of each day's cross-section, ties at their average rank [n_dates]."""
    both = np.isfinite(score) & np.isfinite(label)
    return _row_correlation(
        row_ranks(np.where(both, score, np.nan)), row_ranks(np.where(both, label, np.nan))
    )


def precision_at(score: Values, label: Values, n: int) -> FloatArray:
    """Share of each day's `n` best scored stocks whose label is above 0 [n_dates]; NaN with fewer stocks.

    Equal scores are taken in the order of the axis.
    """
    both = np.isfinite(score) & np.isfinite(label)
    result = np.full(len(score), np.nan)
    if n < 1 or score.shape[1] < n:
        return result
    order = np.argsort(np.where(both, -score, np.inf), axis=1, kind="stable")[:, :n]
    hits = np.take_along_axis(np.where(both, label, np.nan) > 0, order, axis=1).mean(axis=1)
    enough = both.sum(axis=1) >= n
    result[enough] = hits[enough]
    return result


def ratio(daily: FloatArray) -> float:
    """Mean over sample standard deviation of a daily series (ICIR); NaN where it does not vary."""
    known = daily[np.isfinite(daily)]
    return float(known.mean()) / float(known.std(ddof=1)) if varies(known) else float("nan")


def measure(score: Values, label: Values, tops: Sequence[int] = (3, 5, 10, 30)) -> Metrics:
    """All published figures at once."""
    daily, ranked = ic(score, label), rank_ic(score, label)
    return Metrics(
        ic=mean(daily),
        icir=ratio(daily),
        rank_ic=mean(ranked),
        rank_icir=ratio(ranked),
        precision={n: mean(precision_at(score, label, n)) for n in tops},
        days=int(np.isfinite(ranked).sum()),
    )


def mean(daily: FloatArray) -> float:
    """Mean of the known days; NaN where none is."""
    known = daily[np.isfinite(daily)]
    return float(known.mean()) if len(known) else float("nan")


def _row_correlation(a: Values, b: Values) -> FloatArray:
    both = np.isfinite(a) & np.isfinite(b)
    count = both.sum(axis=1)
    n = np.maximum(count, 1)[:, None]
    a, b = a.astype(np.float64), b.astype(np.float64)
    x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
    x = np.where(both, x - x.sum(axis=1, keepdims=True) / n, 0.0)
    y = np.where(both, y - y.sum(axis=1, keepdims=True) / n, 0.0)
    spread_x, spread_y = (x * x).sum(axis=1), (y * y).sum(axis=1)
    # Equal values differ from their mean by rounding alone: that is no spread.
    flat = (spread_x <= 1e-24 * np.nansum(a * a, axis=1)) | (spread_y <= 1e-24 * np.nansum(b * b, axis=1))
    scale = np.sqrt(spread_x * spread_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: FloatArray = np.where(
            (count >= MIN_STOCKS) & ~flat & (scale > 0), (x * y).sum(axis=1) / scale, np.nan
        )
    return result
