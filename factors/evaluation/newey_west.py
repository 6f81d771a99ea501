"""Means of autocorrelated series with Newey-West standard errors, equal to statsmodels'.

For comparison with other programs. What samgraph reports rests on `samgraph.factors.evaluation.inference`, since these
t-statistics are too large where returns overlap.

Convention, the same everywhere in this package. For a series x of n values with mean m and e = x - m:

    g_l   = (1/n) sum_{t>l} e_t e_{t-l}
    S     = g_0 + 2 sum_{l=1..L} (1 - l / (L+1)) g_l          Bartlett kernel, no prewhitening
    se(m) = sqrt(S / n)                                        no small-sample factor

which is statsmodels' OLS on a constant with `cov_type="HAC"`, `maxlags=L`, `use_correction=False` (its
default). `small_sample=True` multiplies the variance by n / (n-1), its `use_correction=True`. Missing
values are left out and their neighbours close up.

Source: Newey and West (1987), "A Simple, Positive Semi-definite, Heteroskedasticity and Autocorrelation
Consistent Covariance Matrix", equation 5; the rule of thumb for L is Newey and West's (1994).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats
from samgraph.rounding import varies


class Mean(NamedTuple):
    """A mean, its standard error, t-statistic and the number of values behind it."""

    mean: float
    se: float
    t: float
    n: int


def lags_for(horizon: int, n_days: int) -> int:
    """The lag for a daily series of `horizon`-day figures: at least horizon-1, and the 1994 rule of thumb.

    The rule, floor(4 (n/100)^(2/9)), covers what is persistent beyond the overlap: the factor itself.
    """
    rule = math.floor(4.0 * math.pow(max(n_days, 1) / 100.0, 2.0 / 9.0))
    return max(horizon - 1, int(rule))


def long_run_variance(values: Floats, lags: int) -> Floats:
    """The Bartlett-weighted long-run variance S of each column.

    Shapes: values [n_dates, ...] without missing values; result [...]. Units: those of values, squared.
    """
    if lags < 0:
        raise ModelError(f"a Newey-West lag of {lags} makes no sense; give 0 or more.")
    n = len(values)
    e = values - values.mean(axis=0)
    total: Floats = np.einsum("t...,t...->...", e, e)
    for lag in range(1, min(lags, n - 1) + 1):
        total = total + 2.0 * (1.0 - lag / (lags + 1.0)) * np.einsum("t...,t...->...", e[lag:], e[:-lag])
    return total / n


def newey_west(series: Any, lags: int, *, small_sample: bool = False) -> Mean:
    """Mean of `series` [n_dates] with its Newey-West standard error and t; NaN values are left out.

    With fewer than two values, or a series that varies by rounding alone, se and t are NaN.
    """
    x = np.asarray(series, dtype=np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n == 0:
        return Mean(math.nan, math.nan, math.nan, 0)
    mean = float(x.mean())
    if n < 2 or not varies(x):
        return Mean(mean, math.nan, math.nan, n)
    variance = float(long_run_variance(x, lags)) / n * (n / (n - 1.0) if small_sample else 1.0)
    se = math.sqrt(variance) if variance > 0.0 else math.nan
    return Mean(mean, se, mean / se, n)


def p_value(t: Any) -> Any:
    """Two-sided p-value of t-statistics against the normal distribution; NaN stays NaN."""
    return 2.0 * stats.norm.sf(np.abs(np.asarray(t, dtype=np.float64)))
