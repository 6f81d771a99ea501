"""The evaluation of factors: information coefficients, decay over horizons, quantiles, turnover.

The timeline. A factor's row of day t uses data known by t. The forward return of horizon h at t runs from
the execution after t to h trading days later (see `samgraph.hist.labels.forward_returns`); nothing here
shifts anything, so a forward return handed in must already start after t. Quantiles are formed of all stocks
that have the factor at t, whether or not their return is known later.

Returns over h days that are measured every day overlap; t-statistics and p-values are those of
`samgraph.factors.evaluation.inference`, which keep their size: 1.96 is the 5% critical
value. The columns keep the name `tstat_nw`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Bools, Floats, class_labels, day_blocks, panel
from samgraph.factors.evaluation.ic import (
    MIN_STOCKS,
    correlation_by_day,
    information_coefficient,
    lagged_correlation,
    rank_autocorrelation,
)
from samgraph.factors.evaluation.inference import bootstrap_test, mean_test, q_values
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.factors.evaluation.newey_west import newey_west
from samgraph.factors.evaluation.quantiles import (
    Classes,
    class_means,
    monotonicity,
    quantile_returns,
    quantile_turnover,
    spread,
)
from samgraph.factors.evaluation.ranks import DayOrder, quantile_classes
from samgraph.factors.labels import Axes, axes_of
from samgraph.rounding import varies

__all__ = [
    "HORIZONS",
    "Evaluation",
    "decay",
    "evaluate",
    "information_coefficient",
    "newey_west",
    "quantile_returns",
    "quantile_turnover",
    "rank_autocorrelation",
]

HORIZONS = (1, 5, 10, 20, 40, 60)  # trading days
TURNOVER_COLUMNS = ("date", "factor", "lag", "rank_autocorrelation", "turnover_low", "turnover_high")


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Horizons and lags are trading days; returns are fractions over the horizon.

    Attributes:
        ic: date, factor, horizon, ic, rank_ic, n (stocks with both factor and return).
        decay: factor, horizon, ic, rank_ic (means over days), icir, rank_icir (mean by standard deviation of
            the daily figures, not annualised), tstat_nw, p_value, p_bootstrap, q_value (of the mean Rank IC;
            p_bootstrap is the block bootstrap's; q_value the Benjamini-Yekutieli adjusted p_value over all rows),
            ic_tstat_nw, positive (share of days with Rank IC > 0), spread, spread_tstat_nw (top less bottom
            quantile), monotonicity, freedom (of tstat_nw), n_days. Tests are NaN below `least_days(horizon)` days.
        quantiles: date, factor, horizon, quantile (1 is the lowest), mean_return, n.
        turnover: date, factor, lag, rank_autocorrelation, turnover_low, turnover_high (share of the lowest
            and highest quantile's stocks that were not in it `lag` days before).
        neutralised: factor -> [n_dates, n_stocks] as it was evaluated; empty if nothing was neutralised.
    """

    ic: pd.DataFrame
    decay: pd.DataFrame
    quantiles: pd.DataFrame
    turnover: pd.DataFrame
    neutralised: dict[str, Floats] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Evaluation of\n{self._shown.to_string(index=False, float_format='{:.4f}'.format)}"

    def _repr_html_(self) -> str:
        return self._shown.to_html(index=False, float_format="{:.4f}".format, border=0)

    @property
    def _shown(self) -> pd.DataFrame:
        columns = ["factor", "horizon", "rank_ic", "rank_icir", "tstat_nw", "q_value", "spread", "n_days"]
        return self.decay[columns]


def evaluate(
    factors: Mapping[str, Any],
    forward: Mapping[int, Any],
    dates: Any,
    stocks: Sequence[str],
    labels: Any | None = None,
    log_cap: Any | None = None,
    *,
    weights: Any | None = None,
    covariates: Sequence[Any] = (),
    quantiles: int = 5,
    min_stocks: int = MIN_STOCKS,
    turnover_lags: Sequence[int] | None = None,
    n_resamples: int = 0,
    seed: int = 0,
) -> Evaluation:
    """Evaluate every factor at every horizon, neutral to industry and log market cap where these are given.

    Args:
        factors: name -> [n_dates, n_stocks], NaN = missing; day t uses data known by t. Here and below a frame (days by
            stocks) or a series by (day, stock) is put in its place by its labels.
        forward: horizon in trading days -> [n_dates, n_stocks] return that starts after t.
        dates: [n_dates] days, as dates or ISO text; only these are evaluated.
        stocks: [n_stocks].
        labels: industries as integers [n_dates, n_stocks], below 0 = none; with `log_cap`, `covariates` and
            `weights` as in `neutralise`. Without labels, log_cap and covariates factors stay as they are.
        log_cap: [n_dates, n_stocks].
        weights: [n_dates, n_stocks] regression weights of the neutralisation.
        covariates: further panels to be neutral to, such as styles.
        quantiles: how many portfolios.
        min_stocks: a day with fewer stocks has no IC.
        turnover_lags: lags for turnover and rank autocorrelation; the horizons if None.
        n_resamples: of the block bootstrap; p_bootstrap is NaN with 0.
        seed: of the bootstrap.

    Raises:
        ModelError: a panel of another shape, a horizon below 1, or nothing to evaluate.
    """
    axes = Axes.of(dates, stocks)
    dates, shape = axes.dates, (len(axes.dates), len(axes.stocks))
    if not factors or not forward:
        raise ModelError(
            f"nothing to evaluate: {len(factors)} factors and {len(forward)} horizons were given."
        )
    horizons = sorted(forward)
    lags = horizons if turnover_lags is None else list(turnover_lags)
    if horizons[0] < 1 or min(lags, default=1) < 1:
        raise ModelError(f"horizons {horizons} and turnover lags {lags} must be 1 trading day or more.")
    if not 2 <= quantiles <= 100:
        raise ModelError(f"{quantiles} quantiles cannot be formed; ask for 2 to 100.")
    returns = {h: panel(forward[h], f"the forward return of horizon {h}", shape, axes) for h in horizons}
    names = list(factors)
    panels = {name: panel(factors[name], f"factor {name}", shape, axes) for name in names}
    neutral = labels is not None or log_cap is not None or len(covariates) > 0
    if neutral:
        classes_of = None if labels is None else class_labels(labels, shape, axes)
        log_cap, weights = (
            None if values is None else panel(values, name, shape, axes)
            for name, values in (("log_cap", log_cap), ("weights", weights))
        )
        covariates = [panel(values, f"covariate {j}", shape, axes) for j, values in enumerate(covariates)]
        panels = {
            name: neutralise(values, classes_of, log_cap, weights, covariates=covariates)
            for name, values in panels.items()
        }
    daily = _Daily.empty(len(names), len(horizons), shape[0], quantiles)
    classes = [np.zeros(shape, dtype=np.int8) for _ in names]
    ranked = [np.empty(shape, dtype=np.float32) for _ in names]  # exact: ranks are whole or half numbers
    for days in day_blocks(*shape):
        block = [_Sorted.of(panels[name][days], quantiles) for name in names]
        for a, one in enumerate(block):
            classes[a][days], ranked[a][days] = one.classes, one.order.ranks()
        for b, horizon in enumerate(horizons):
            _measure(daily, days, b, returns[horizon][days], block, least=min_stocks)
    turnover = [
        part.assign(factor=name)
        for name, held, order in zip(names, classes, ranked, strict=True)
        for part in _turnover(held, order, dates, lags, quantiles=quantiles, least=min_stocks)
    ]
    return Evaluation(
        ic=_ic_frame(daily, names, horizons, dates),
        decay=_decay_frame(daily, names, horizons, n_resamples, seed),
        quantiles=_quantile_frame(daily, names, horizons, dates, quantiles),
        turnover=pd.concat(turnover, ignore_index=True)[list(TURNOVER_COLUMNS)],
        neutralised=panels if neutral else {},
    )


def decay(factor: Any, forward: Mapping[int, Any], **settings: Any) -> pd.DataFrame:
    """The decay table of one factor (see `Evaluation.decay`). Shapes: [n_dates, n_stocks] each."""
    axes = axes_of(factor, "the factor")
    if axes is None:
        shape = np.asarray(factor).shape
        dates = pd.date_range("2000-01-03", periods=shape[0])  # the table does not show them
        axes = Axes.of(dates, range(shape[1]))
    found = evaluate({"factor": factor}, forward, axes.dates, list(axes.stocks), **settings)
    return found.decay.drop(columns="factor")


@dataclass
class _Daily:
    """Figures by factor, horizon and day."""

    ic: Floats
    rank_ic: Floats
    count: Floats
    means: Floats
    sizes: Floats

    @classmethod
    def empty(cls, n_factors: int, n_horizons: int, n_dates: int, quantiles: int) -> _Daily:
        shape = (n_factors, n_horizons, n_dates)
        return cls(
            ic=np.full(shape, np.nan),
            rank_ic=np.full(shape, np.nan),
            count=np.zeros(shape),
            means=np.full((*shape, quantiles), np.nan),
            sizes=np.zeros((*shape, quantiles)),
        )


@dataclass(frozen=True, eq=False)
class _Sorted:
    """A factor's values on a block of days, sorted once for ranks and quantiles."""

    values: Floats
    order: DayOrder
    classes: Classes

    @classmethod
    def of(cls, values: Floats, quantiles: int) -> _Sorted:
        order = DayOrder.of(values)
        return cls(values, order, quantile_classes(values, quantiles, order))


def _measure(
    daily: _Daily, days: slice, b: int, forward: Floats, block: list[_Sorted], *, least: int
) -> None:
    """Fill one horizon's figures of a block of days, sorting the returns once for all factors."""
    return_order = DayOrder.of(forward)
    quantiles = daily.means.shape[-1]
    last_mask: Bools | None = None
    for a, one in enumerate(block):
        mask = one.order.known & return_order.known
        if last_mask is None or not np.array_equal(mask, last_mask):
            return_ranks, last_mask = return_order.ranks(mask), mask
        daily.ic[a, b, days] = correlation_by_day(one.values, forward, mask, least)
        daily.rank_ic[a, b, days] = correlation_by_day(one.order.ranks(mask), return_ranks, mask, least)
        daily.count[a, b, days] = mask.sum(axis=1)
        daily.means[a, b, days], daily.sizes[a, b, days] = class_means(one.classes, forward, quantiles)


def _turnover(
    classes: Any, ranked: Any, dates: pd.DatetimeIndex, lags: Sequence[int], *, quantiles: int, least: int
) -> list[pd.DataFrame]:
    return [
        pd.DataFrame(
            {
                "date": dates,
                "lag": lag,
                "rank_autocorrelation": lagged_correlation(ranked, lag, least),
                "turnover_low": quantile_turnover(classes, 1, lag),
                "turnover_high": quantile_turnover(classes, quantiles, lag),
            }
        ).iloc[lag:]
        for lag in lags
    ]


def _ic_frame(daily: _Daily, names: list[str], horizons: list[int], dates: pd.DatetimeIndex) -> pd.DataFrame:
    n_dates = len(dates)
    return pd.DataFrame(
        {
            "date": np.tile(dates.to_numpy(), len(names) * len(horizons)),
            "factor": np.repeat(np.asarray(names, dtype=object), len(horizons) * n_dates),
            "horizon": np.tile(np.repeat(horizons, n_dates), len(names)),
            "ic": daily.ic.ravel(),
            "rank_ic": daily.rank_ic.ravel(),
            "n": daily.count.ravel().astype(np.int64),
        }
    ).astype({"factor": "str"})


def _quantile_frame(
    daily: _Daily, names: list[str], horizons: list[int], dates: pd.DatetimeIndex, quantiles: int
) -> pd.DataFrame:
    n_dates, n_pairs = len(dates), len(names) * len(horizons)
    return pd.DataFrame(
        {
            "date": np.tile(np.repeat(dates.to_numpy(), quantiles), n_pairs),
            "factor": np.repeat(np.asarray(names, dtype=object), len(horizons) * n_dates * quantiles),
            "horizon": np.tile(np.repeat(horizons, n_dates * quantiles), len(names)),
            "quantile": np.tile(np.arange(1, quantiles + 1), n_pairs * n_dates),
            "mean_return": daily.means.ravel(),
            "n": daily.sizes.ravel().astype(np.int64),
        }
    ).astype({"factor": "str"})


def _ratio(series: Floats) -> float:
    known = series[~np.isnan(series)]
    return float(known.mean() / known.std(ddof=1)) if varies(known) else math.nan


def _decay_frame(
    daily: _Daily, names: list[str], horizons: list[int], n_resamples: int, seed: int
) -> pd.DataFrame:
    rows = []
    for a, name in enumerate(names):
        for b, horizon in enumerate(horizons):
            rank_ic = daily.rank_ic[a, b]
            by_rank = mean_test(rank_ic, horizon)
            by_value = mean_test(daily.ic[a, b], horizon)
            gap = mean_test(spread(daily.means[a, b]), horizon)
            resampled = math.nan
            if n_resamples:
                resampled = bootstrap_test(rank_ic, horizon, n_resamples=n_resamples, seed=seed).p_value
            known = rank_ic[~np.isnan(rank_ic)]
            rows.append(
                {
                    "factor": name,
                    "horizon": horizon,
                    "ic": by_value.mean,
                    "rank_ic": by_rank.mean,
                    "icir": _ratio(daily.ic[a, b]),
                    "rank_icir": _ratio(rank_ic),
                    "tstat_nw": by_rank.t,
                    "p_value": by_rank.p_value,
                    "p_bootstrap": resampled,
                    "ic_tstat_nw": by_value.t,
                    "positive": float((known > 0).mean()) if len(known) else math.nan,
                    "spread": gap.mean,
                    "spread_tstat_nw": gap.t,
                    "monotonicity": monotonicity(daily.means[a, b]),
                    "freedom": by_rank.freedom,
                    "n_days": by_rank.n,
                }
            )
    frame = pd.DataFrame(rows)
    frame["q_value"] = q_values(frame["p_value"])
    return frame
