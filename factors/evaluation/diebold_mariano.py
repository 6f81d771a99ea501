"""Is one forecast better than another: the test of Diebold and Mariano on the daily difference of their losses.

With d_t the difference of two losses on day t, n days and mean m,

    S   = g_0 + 2 sum_{l=1..L} (1 - l/(L+1)) g_l          long-run variance, Bartlett kernel
    DM  = m / sqrt(S / n) * sqrt((n + 1 - 2h + h(h-1)/n) / n),   h = L + 1

held against Student's t with n - 1 degrees of freedom. L is at least the forecast's horizon less one, and Newey and
West's rule of thumb where that is more, since losses of risk forecasts stay high for days. It is `dm.test(h = L + 1,
varestimator = "bartlett")` of R's package forecast.

Sources: Diebold and Mariano (1995), "Comparing Predictive Accuracy"; the second factor and Student's t are of Harvey,
Leybourne and Newbold (1997), "Testing the equality of prediction mean squared errors", equation 9.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from samgraph.factors.evaluation.inference import FEWEST_DAYS
from samgraph.factors.evaluation.newey_west import lags_for, newey_west


class DieboldMariano(NamedTuple):
    """Mean difference of two losses, its statistic, two-sided p-value, lags and days; NaN where there is no test."""

    mean: float
    statistic: float
    p_value: float
    lags: int
    n: int


def diebold_mariano(difference: Any, *, horizon: int = 1, lags: int | None = None) -> DieboldMariano:
    """Test the mean of a daily difference of losses [n_dates]; days without one (NaN) are left out.

    Args:
        difference: loss of one forecast less that of the other, on the same days.
        horizon: trading days that a forecast looks ahead.
        lags: L; at least horizon - 1 by the rule if None.

    Fewer than 30 days, or differences that vary by rounding alone, have a mean and no test.
    """
    d = np.asarray(difference, dtype=np.float64)
    n = int(np.isfinite(d).sum())
    used = lags_for(horizon, n) if lags is None else lags
    found = newey_west(d, used)
    if n < FEWEST_DAYS or not math.isfinite(found.t):
        return DieboldMariano(found.mean, math.nan, math.nan, used, n)
    h = used + 1
    statistic = found.t * math.sqrt(max(n + 1 - 2 * h + h * (h - 1) / n, 0.0) / n)
    return DieboldMariano(found.mean, statistic, float(2.0 * stats.t.sf(abs(statistic), n - 1)), used, n)
