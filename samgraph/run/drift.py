"""How far what a model reads, and what it is worth, have moved since it was fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from samgraph.factors.evaluation.inference import long_run_error
from samgraph.hist.data import TrainingInputs
from samgraph.hist.windows import Window

FloatArray = npt.NDArray[np.float64]

SHIFTED = 0.25  # a population stability index above it is commonly called a shift
BINS = 10
SAMPLE_DAYS = 250  # of the training days whose distribution is taken, evenly spaced
SMALLEST = 1e-4  # a bin's share, so that an empty one has a logarithm


def outside_of_training(inputs: TrainingInputs, window: Window, days: slice) -> float:
    """The share of the feature values of `days` that lie below or above all of the training days'."""
    seen, now = _values(inputs, window.train), _values(inputs, days)
    if not len(seen) or not len(now):
        return 0.0
    low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
    return float(((now < low) | (now > high)).mean())


def stability_index(inputs: TrainingInputs, window: Window, days: slice) -> tuple[float, str]:
    """The largest population stability index of a feature, and its name: `days` against the training days.

    With p and q the shares of values in each tenth of the training days' distribution: sum (q - p) ln(q / p).
    """
    train = range(window.train.start, window.train.stop)
    step = max(1, len(train) // SAMPLE_DAYS)
    seen, now = _values(inputs, slice(train.start, train.stop, step)), _values(inputs, days)
    found = [population_stability(seen[:, place], now[:, place]) for place in range(inputs.features.shape[2])]
    if not found or not np.isfinite(found).any():
        return math.nan, ""
    largest = int(np.nanargmax(found))
    return found[largest], inputs.feature_names[largest]


def population_stability(seen: Any, now: Any) -> float:
    """The population stability index of values [n] against others [m]; NaN where either has none. NaN is left out."""
    seen, now = (np.asarray(values, dtype=np.float64) for values in (seen, now))
    seen, now = seen[np.isfinite(seen)], now[np.isfinite(now)]
    if not len(seen) or not len(now):
        return math.nan
    edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1]))

    def shares(values: FloatArray) -> FloatArray:
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        return np.maximum(counts / len(values), SMALLEST)

    p, q = shares(seen), shares(now)
    return float(((q - p) * np.log(q / p)).sum())


@dataclass(frozen=True)
class Worth:
    """A recent mean beside the earlier one of the same daily figure.

    Attributes:
        recent, n_recent: the mean and the number of its days.
        earlier, n_earlier: the same of the days before.
        low, high: 95% interval of the recent mean if nothing has changed; NaN where days are too few.
    """

    recent: float
    n_recent: int
    earlier: float
    n_earlier: int
    low: float
    high: float

    @property
    def fell(self) -> bool:
        """Whether the recent mean lies below the interval."""
        return self.recent < self.low


def worth(earlier: Any, recent: Any, horizon: int) -> Worth:
    """Compare means of a daily figure over `horizon` days [n_dates], such as Rank IC; NaN is left out.

    The long-run variance S is that of the earlier days (`samgraph.factors.evaluation.inference`): the difference of
    the means has the variance S (1/n_recent + 1/n_earlier). There is no interval for fewer than two horizons of
    recent days.
    """
    before, now = (np.asarray(values, dtype=np.float64) for values in (earlier, recent))
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    mean, own = (float(values.mean()) if len(values) else math.nan for values in (before, now))
    se, freedom = long_run_error(before, horizon)
    half = math.nan
    if freedom and len(now) >= 2 * horizon:
        half = float(stats.t.ppf(0.975, freedom)) * se * math.sqrt(1.0 + len(before) / len(now))
    return Worth(own, len(now), mean, len(before), mean - half, mean + half)


def _values(inputs: TrainingInputs, days: slice) -> npt.NDArray[np.float32]:
    """Feature values [n, n_features] of members with valid features on some days."""
    used = inputs.feature_mask[days] & inputs.market.member[days]
    found: npt.NDArray[np.float32] = inputs.features[days][used]
    return found
