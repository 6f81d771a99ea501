"""Covariance forecasts from daily series: exponentially weighted, Newey-West, shrunk.

Daily returns x_t (of factors, or specific ones) with weights w_t that halve every `half_life` days and sum
to one over the days used. Means are taken as zero, as is usual for daily returns. With y_t = sqrt(w_t) x_t,
missing values 0,

    G_l = sum_t y_t y_{t-l}',   S = G_0 + sum_{l=1..L} (1 - l/(L+1)) (G_l + G_l')

which is positive semi-definite whatever is missing (Newey and West 1987). Variances use a half-life of their
own and each series' known days only; correlations come from S, so that days missing from one of two series
pull their correlation toward zero, and are then shrunk toward zero by the intensity of Schaefer and Strimmer
(2005), "A Shrinkage Approach to Large-Scale Covariance Matrix Estimation", on the weighted
sample. L covers the serial correlation of daily returns, so that the forecast holds over a few weeks when
scaled by the number of days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats

RANGES = {
    **{name: {"gt": 0} for name in ("variance_half_life", "correlation_half_life", "specific_half_life")},
    **{name: {"ge": 0} for name in ("lags", "specific_prior")},
    "shrinkage": {"ge": 0, "le": 1},
    "least": {"ge": 1},
}  # of the settings below, for the settings of a run


@dataclass(frozen=True)
class CovarianceSettings:
    """How covariances are forecast; half-lives in trading days.

    Attributes:
        variance_half_life: of factor variances, trading days
        correlation_half_life: of factor correlations, trading days
        lags: of Newey-West's correction, trading days
        shrinkage: of correlations toward zero, 0 to 1; empty: estimated
        least: fewest days of a factor for a variance of its own; others take the median factor's
        specific_half_life: of specific variances, trading days
        specific_prior: days that the typical specific variance counts for beside the stock's own days
    """

    variance_half_life: float = 84.0
    correlation_half_life: float = 252.0
    lags: int = 5
    shrinkage: float | None = None
    least: int = 20
    specific_half_life: float = 84.0
    specific_prior: float = 40.0

    def __post_init__(self) -> None:
        lives = (self.variance_half_life, self.correlation_half_life, self.specific_half_life)
        if min(lives) <= 0.0 or self.lags < 0 or not 0.0 <= (self.shrinkage or 0.0) <= 1.0:
            raise ModelError(f"half-lives {lives} must be above 0, lags 0 or more, shrinkage within 0..1.")


def decay_weights(n_dates: int, half_life: float) -> Floats:
    """Weights that halve every `half_life` days into the past; the last day's is 1. Shapes: [n_dates]."""
    out: Floats = 0.5 ** (np.arange(n_dates - 1, -1, -1) / half_life)
    return out


def autocovariances(values: Floats, half_life: float, lags: int) -> Floats:
    """S of the module's text, weights summing to one over all days.

    Shapes: values [n_dates, n_series], NaN = missing; result [n_series, n_series].
    """
    weight = decay_weights(len(values), half_life)
    y = np.nan_to_num(values) * np.sqrt(weight / weight.sum())[:, None]
    total: Floats = y.T @ y
    for lag in range(1, min(lags, len(y) - 1) + 1):
        cross = y[lag:].T @ y[:-lag]
        total = total + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return total


def variances(values: Floats, half_life: float, lags: int) -> tuple[Floats, Floats]:
    """Variance of each series over its own known days, and how many (weighted) days that is.

    A series that turns against itself from day to day can get a Newey-West variance near zero; it is never
    less than a quarter of the plain one.
    Shapes: values [n_dates, n_series], NaN = missing; both results [n_series], variance NaN where nothing
    known.
    """
    weight = decay_weights(len(values), half_life)[:, None]
    known = ~np.isnan(values)
    mass = (weight * known).sum(axis=0)
    y = np.nan_to_num(values) * np.sqrt(weight)
    plain = (y**2).sum(axis=0)
    total = plain.copy()
    for lag in range(1, min(lags, len(y) - 1) + 1):
        total = total + 2.0 * (1.0 - lag / (lags + 1.0)) * (y[lag:] * y[:-lag]).sum(axis=0)
    total = np.maximum(total, 0.25 * plain)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0.0, total / mass, np.nan), mass


def shrinkage_intensity(values: Floats, half_life: float) -> float:
    """How far correlations should go toward zero, 0 to 1: their sampling variance by their size.

    Shapes: values [n_dates, n_series], NaN = missing (taken as 0).
    """
    weight = decay_weights(len(values), half_life)
    weight = weight / weight.sum()
    x = np.nan_to_num(values)
    size = np.sqrt(weight @ x**2)
    z = x / np.where(size > 0.0, size, 1.0)
    correlation = (z * weight[:, None]).T @ z
    second = ((z**2) * weight[:, None]).T @ (z**2)
    concentration = float((weight**2).sum())
    sampling = concentration / (1.0 - concentration) * (second - correlation**2)
    away = ~np.eye(len(correlation), dtype=bool)
    squares = float((correlation[away] ** 2).sum())
    return float(np.clip(sampling[away].sum() / squares, 0.0, 1.0)) if squares > 0.0 else 1.0


def factor_covariance(returns: Any, settings: CovarianceSettings | None = None) -> Floats:
    """Forecast covariance of one day's factor returns.

    Args:
        returns: [n_dates, n_factors] daily factor returns known by the day of the forecast, the latest last;
            NaN where a factor had none.
        settings: half-lives, lags, shrinkage.

    Returns:
        [n_factors, n_factors], positive semi-definite, in squared returns a day.

    Raises:
        ModelError: fewer than 20 days, or not a single factor with enough of them.
    """
    rule = settings or CovarianceSettings()
    x = np.asarray(returns, dtype=np.float64)
    if x.ndim != 2 or len(x) < rule.least:
        raise ModelError(
            f"factor returns of shape {x.shape} are too few for a forecast of {rule.least} days."
        )
    # Factors without a return yet have no say, not even in the order of a sum: later days may bring any number.
    seen = ~np.isnan(x).all(axis=0)
    own, _ = variances(x[:, seen], rule.variance_half_life, rule.lags)
    enough = (~np.isnan(x[:, seen])).sum(axis=0) >= rule.least
    if not enough.any():
        raise ModelError(f"no factor has {rule.least} days of returns; begin the regression earlier.")
    typical = float(np.median(own[enough]))
    spread = np.full(x.shape[1], typical)
    spread[seen] = np.where(enough, own, typical)
    correlation = np.eye(x.shape[1])
    correlation[np.ix_(seen, seen)] = _correlation(np.ascontiguousarray(x[:, seen]), rule)
    out: Floats = correlation * np.sqrt(spread)[:, None] * np.sqrt(spread)
    return (out + out.T) / 2.0


def _correlation(x: Floats, rule: CovarianceSettings) -> Floats:
    """Shrunk correlations of daily returns [n_dates, n_factors], NaN = missing; [n_factors, n_factors]."""
    whole = autocovariances(x, rule.correlation_half_life, rule.lags)
    size = np.sqrt(np.maximum(np.diag(whole), 0.0))
    correlation = whole / np.where(size > 0.0, size, 1.0)[:, None] / np.where(size > 0.0, size, 1.0)
    away = rule.shrinkage
    if away is None:
        away = shrinkage_intensity(x, rule.correlation_half_life)
    correlation = (1.0 - away) * correlation
    np.fill_diagonal(correlation, 1.0)
    return correlation


def specific_variance(specific: Any, settings: CovarianceSettings | None = None) -> Floats:
    """Forecast variance of one day's specific return of each stock.

    A stock's own weighted variance and the typical one (the median) are averaged by their days, the typical
    one counting `specific_prior` days; a stock without history has the typical one.

    Args:
        specific: [n_dates, n_stocks] specific returns known by the day of the forecast, NaN = missing.
        settings: half-life, lags, prior.

    Returns:
        [n_stocks], in squared returns a day.

    Raises:
        ModelError: no specific return at all.
    """
    rule = settings or CovarianceSettings()
    own, mass = variances(np.asarray(specific, dtype=np.float64), rule.specific_half_life, rule.lags)
    steady = mass >= min(rule.least, float(mass.max(initial=0.0)))
    if not (steady & ~np.isnan(own)).any():
        raise ModelError("there is no specific return to forecast a variance from.")
    typical = float(np.median(own[steady & ~np.isnan(own)]))
    out: Floats = (np.nan_to_num(own) * mass + typical * rule.specific_prior) / (mass + rule.specific_prior)
    return out
