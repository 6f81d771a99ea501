"""Is the mean of an autocorrelated daily series other than zero: t-statistics that keep their size, and q-values.

Returns over h days that are measured every day overlap, and factors persist, so their information coefficients are
autocorrelated over h days and more. Newey and West's t with h - 1 lags, held against the normal distribution, then
rejects a true null in 12% to 24% of cases at 20 and 60 days instead of 5%. What is reported uses
the equal-weighted cosine estimator instead. With x the series of n values, m its mean:

    c_j = sqrt(2/n) sum_t x_t cos(pi j (t - 1/2) / n),   j = 1 .. B     the B lowest frequencies beside the mean
    S   = (1/B) sum_j c_j^2                                             long-run variance
    m / sqrt(S / n)  ~  Student's t with B degrees of freedom           fixed-b: S need not be known well

    B   = floor(min(0.4 n^(2/3), 0.5 n / h))                            the second keeps below the overlap's spectrum

`se` is sqrt(S / n) widened by the 97.5% points of that t and of the normal distribution, so that mean +- 1.96 se is
the 95% interval and |t| > 1.96 just when p < 0.05, whatever B is. Below `least_days(h)` values there is no test.

Beside it stands a block bootstrap: the stationary bootstrap (Politis and Romano 1994) of the same t-statistic, in
blocks of at least h days on average (Politis and White 2004, corrected 2009, where longer).

Sources: Lazarus, Lewis, Stock and Watson (2018), "HAR Inference: Recommendations for Practice", for the estimator and
B; Goncalves and Vogelsang (2011), "Block Bootstrap HAC Robust Tests", for studentising resamples as the series itself;
Benjamini and Yekutieli (2001) for q-values under any dependence.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints
from samgraph.rounding import ROUNDING, varies

LEAST_FREEDOM = 3
FEWEST_DAYS = 30
Z95 = float(stats.norm.ppf(0.975))
CHUNK_CELLS = 1 << 20  # of resampled values at a time


class MeanTest(NamedTuple):
    """A mean and its test: se and t on the scale where 1.96 is the 5% critical value, p two-sided.

    `freedom` are the degrees of freedom (B above); se, t and p_value are NaN where there is no test.
    """

    mean: float
    se: float
    t: float
    p_value: float
    freedom: float
    n: int


def least_days(horizon: int) -> int:
    """Fewest days of `horizon`-day figures that are tested: 30, and six horizons."""
    if horizon < 1:
        raise ModelError(f"a horizon of {horizon} days makes no sense; give 1 or more.")
    return max(FEWEST_DAYS, 2 * LEAST_FREEDOM * horizon)


def freedom_for(horizon: int, n_days: int) -> int:
    """B for a daily series of `horizon`-day figures; 0 where there are too few days for a test."""
    if n_days < least_days(horizon):
        return 0
    return int(min(0.4 * math.pow(n_days, 2.0 / 3.0), 0.5 * n_days / horizon))


def mean_test(series: Any, horizon: int = 1) -> MeanTest:
    """The mean of a daily series [n_dates] of `horizon`-day figures, tested (see the module).

    NaN values are left out and their neighbours close up.
    """
    x = _known(series)
    if not varies(x):
        return _untested(x)
    return student(float(x.mean()), *long_run_error(x, horizon), len(x))


def long_run_error(x: Floats, horizon: int) -> tuple[float, int]:
    """Standard error of the mean of values [n_dates], none missing, and its degrees of freedom; NaN, 0 if too few."""
    freedom = freedom_for(horizon, len(x))
    return (math.sqrt(float(_variance(x, freedom)) / len(x)), freedom) if freedom else (math.nan, 0)


def independent_test(series: Any, fewest: int = 10) -> MeanTest:
    """The same for values without autocorrelation: the one-sample t-test, from `fewest` values on."""
    x = _known(series)
    if len(x) < fewest or not varies(x):
        return _untested(x)
    return student(float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x)), len(x) - 1, len(x))


def student(mean: float, se: float, freedom: float, n: int) -> MeanTest:
    """The test of a mean whose standard error `se` is known with `freedom` degrees of freedom."""
    if not se > 0.0:
        return MeanTest(mean, math.nan, math.nan, math.nan, 0, n)
    wide = se * float(stats.t.ppf(0.975, freedom)) / Z95
    return MeanTest(mean, wide, mean / wide, float(2.0 * stats.t.sf(abs(mean) / se, freedom)), freedom, n)


def _known(series: Any) -> Floats:
    x = np.asarray(series, dtype=np.float64)
    return x[np.isfinite(x)]


def _untested(x: Floats) -> MeanTest:
    mean = float(x.mean()) if len(x) else math.nan
    return MeanTest(mean, math.nan, math.nan, math.nan, 0, len(x))


@lru_cache(maxsize=64)
def _cosines(n: int, freedom: int) -> Floats:
    """sqrt(2/n) cos(pi j (t - 1/2) / n): [n, freedom]."""
    angles = np.outer(np.arange(n) + 0.5, np.arange(1, freedom + 1)) * (math.pi / n)
    found: Floats = np.cos(angles) * math.sqrt(2.0 / n)
    found.setflags(write=False)
    return found


def _variance(x: Floats, freedom: int) -> Floats:
    """Long-run variance S of values [..., n]."""
    found: Floats = np.square(x @ _cosines(x.shape[-1], freedom)).mean(axis=-1)
    return found


class Bootstrap(NamedTuple):
    """What a block bootstrap of a mean found.

    Attributes:
        p_value: (1 + number of resamples whose |t| is at least the series') / (1 + resamples).
        half: half the interval of the level asked for, in the series' units.
        block_length: mean length of a block in days.
    """

    p_value: float
    half: float
    block_length: float


def bootstrap_test(
    series: Any,
    horizon: int = 1,
    *,
    n_resamples: int = 999,
    block_length: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """The studentised block bootstrap of a mean (see the module); NaN where `mean_test` has no test."""
    x = _known(series)
    n = len(x)
    se, freedom = long_run_error(x, horizon)
    if not freedom or not varies(x):
        return Bootstrap(math.nan, math.nan, math.nan)
    if block_length is None:
        block_length = max(best_block_length(x), min(float(horizon), n / 3.0))
    e, rng = x - x.mean(), np.random.default_rng(seed)
    step = max(1, CHUNK_CELLS // n)
    found = []
    for first in range(0, n_resamples, step):
        drawn = e[_blocks(n, block_length, min(step, n_resamples - first), rng)]
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.abs(drawn.mean(axis=1)) / np.sqrt(_variance(drawn, freedom) / n))
    away = np.nan_to_num(np.concatenate(found), nan=0.0)
    own = abs(float(x.mean())) / se
    away[np.abs(away - own) <= ROUNDING * own] = own  # a tie counts as extreme, in the interval as well
    extreme = int((away >= own).sum())
    half = se * float(np.quantile(away, level, method="higher"))
    return Bootstrap((1.0 + extreme) / (1.0 + n_resamples), half, block_length)


def best_block_length(series: Floats) -> float:
    """The mean block length that suits a series [n_dates], in days: at least 1, at most a third of it."""
    from arch.bootstrap import optimal_block_length  # loads statsmodels and plots: only who resamples waits

    found = float(optimal_block_length(series)["stationary"].iloc[0])
    return float(np.clip(found if np.isfinite(found) else 1.0, 1.0, len(series) / 3.0))


def _blocks(n: int, length: float, n_resamples: int, rng: np.random.Generator) -> Ints:
    """Positions [n_resamples, n] of the stationary bootstrap: each day opens a new block with chance 1 / length."""
    opens = rng.random((n_resamples, n)) < 1.0 / length
    opens[:, 0] = True
    start = rng.integers(0, n, (n_resamples, n))
    days = np.arange(n)
    opened = np.maximum.accumulate(np.where(opens, days, 0), axis=1)
    found: Ints = (np.take_along_axis(start, opened, axis=1) + days - opened) % n
    return found


def q_values(p_values: Any, rule: Literal["by", "bh"] = "by") -> Floats:
    """Adjusted p-values; NaN is no test and stays NaN. Shapes: [n] to [n].

    Calling all with q <= 0.05 discoveries keeps the expected share of false ones below 5%: with `by` (Benjamini and
    Yekutieli 2001) whatever the dependence between the tests, with `bh` (Benjamini and Hochberg 1995) where they are
    independent or positively dependent.
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        out[known] = stats.false_discovery_control(p[known], method=rule)
    return out
