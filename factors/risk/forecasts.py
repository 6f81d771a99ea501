"""Risk forecasts of many days from one regression, and how they did: what a desk asks before it trusts them.

A forecast of day t uses factor and specific returns known by t; covariances are estimated anew every few days,
exposures are those of t. A backcast holds each day's forecast against the return of the day after, which it has not
seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats
from samgraph.factors.labels import paired
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.factors.risk.covariance import CovarianceSettings, factor_covariance, specific_variance
from samgraph.factors.risk.model import RiskModel, bias_statistic, qlike
from samgraph.sums import total

FEWEST_DAYS = 60  # of factor returns behind a forecast


class RiskForecasts:
    """The forecast of any day of a regression.

    Attributes:
        regression: factor returns, specific returns and exposures by day.
        first: number of the first day that has enough days behind it.
    """

    def __init__(
        self,
        regression: Regression,
        settings: CovarianceSettings | None = None,
        *,
        history: int = 500,
        every: int = 10,
        first: int = FEWEST_DAYS,
    ) -> None:
        """Nothing is estimated yet.

        Args:
            regression: row s explains the return from s to s + 1.
            settings: half-lives, lags, shrinkage.
            history: days of factor returns behind an estimate, at most.
            every: days from one estimate of the covariances to the next.
            first: the first day to estimate on.

        Raises:
            ModelError: no day has enough days behind it.
        """
        if len(regression.dates) <= first or first < FEWEST_DAYS:
            raise ModelError(
                f"a forecast of risk needs {FEWEST_DAYS} days of factor returns before day {first} of "
                f"{len(regression.dates)}; begin the regression earlier."
            )
        self.regression, self.first = regression, first
        self._settings, self._history, self._every = settings, history, every
        self._kept: dict[int, tuple[Floats, Floats]] = {}

    def estimated(self, t: int) -> int:
        """The day on which the covariances that day `t` uses were estimated."""
        if not self.first <= t < len(self.regression.dates):
            raise ModelError(
                f"day {t} has no forecast of risk; days {self.first} to {len(self.regression.dates) - 1} have."
            )
        return t - (t - self.first) % self._every

    def covariances(self, day: int) -> tuple[Floats, Floats]:
        """Factor covariance [n_factors, n_factors] and specific variances [n_stocks] as estimated on `day`."""
        if day not in self._kept:
            past = slice(max(0, day - self._history), day)
            self._kept[day] = (
                factor_covariance(self.regression.returns[past], self._settings),
                specific_variance(self.regression.specific[past], self._settings),
            )
        return self._kept[day]

    def at(self, t: int) -> RiskModel:
        """The forecast of day number `t`."""
        factors, specific = self.covariances(self.estimated(t))
        fit = self.regression
        return RiskModel(
            as_of=fit.dates[t],
            stocks=fit.stocks,
            columns=fit.columns,
            kinds=fit.kinds,
            names=fit.names,
            exposures=fit.exposures(t),
            factor_covariance=factors,
            specific_variance=specific,
        )

    def on(self, date: Any) -> RiskModel:
        """The forecast of a day by its date, or of the last day before it.

        Raises:
            ModelError: no such day has a forecast.
        """
        return self.at(int(self.regression.dates.searchsorted(pd.Timestamp(date), side="right")) - 1)


def backcast(
    forecasts: RiskForecasts, weights: Any, returns: Any, days: Iterable[int] | None = None
) -> pd.DataFrame:
    """Each day's forecast volatility of a portfolio beside the return of the day after.

    Args:
        forecasts: of the regression's days and stocks.
        weights: [n_stocks], the same on all days, or [n_dates, n_stocks] at the close of each.
        returns: [n_dates, n_stocks], row t the return from t to t + 1; a missing one counts as 0.
        days: day numbers; all that have a forecast if None. The last day has no return after it.

    Returns:
        date, forecast (standard deviation of one day's return), realised, and the same of its parts:
        factor_forecast, factor_realised, specific_forecast, specific_realised. The factor part is exposures times
        factor returns, the specific part what the regression leaves; both only where it used every stock held.
    """
    fit = forecasts.regression
    shape = (len(fit.dates), len(fit.stocks))
    held = np.broadcast_to(np.asarray(weights, dtype=np.float64), shape)
    gain = np.asarray(returns, dtype=np.float64)
    if gain.shape != shape:
        raise ModelError(f"returns have shape {gain.shape}; the regression has {shape} days and stocks.")
    chosen = range(forecasts.first, shape[0] - 1) if days is None else days
    rows = []
    for t in chosen:
        model, own = forecasts.at(t), held[t]
        x, there = model.behind(own)
        systematic, specific = model.parts(own)
        complete = not np.isnan(fit.specific[t][own != 0.0]).any()
        rows.append(
            {
                "date": fit.dates[t],
                "forecast": math.sqrt(max(systematic + specific, 0.0)),
                "realised": total(np.nan_to_num(gain[t]) * own),
                "factor_forecast": math.sqrt(max(systematic, 0.0)),
                "factor_realised": float(x[there] @ np.nan_to_num(fit.returns[t, there]))
                if complete
                else math.nan,
                "specific_forecast": math.sqrt(specific),
                "specific_realised": total(np.nan_to_num(fit.specific[t]) * own) if complete else math.nan,
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "date",
    *(f"{part}{kind}" for part in ("", "factor_", "specific_") for kind in ("forecast", "realised")),
]


def forecast_quality(realised: Any, forecast: Any) -> dict[str, float | int | None]:
    """Bias statistic with the band it lies in if forecasts are right and returns normal, QLIKE, days.

    Shapes: both [n_dates], in the same units. Figures of fewer than two days are None.
    """
    realised, forecast = paired(realised, forecast)
    r, f = np.asarray(realised, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    use = np.isfinite(r) & np.isfinite(f) & (f > 0.0)
    n = int(use.sum())
    half = math.sqrt(2.0 / n) if n else math.nan
    figures = {
        "bias": bias_statistic(r[use], f[use]),
        "bias_low": 1.0 - half,
        "bias_high": 1.0 + half,
        "qlike": qlike(r[use], f[use]),
    }
    return {name: value if math.isfinite(value) else None for name, value in figures.items()} | {"days": n}
