"""A run's forecasts of risk: made on past days only, held against what came, and kept for other tools.

Factor returns of market, styles, products and industries are regressed from `HISTORY_DAYS` before the first test
day on. Each day's forecast of each portfolio, whole and against the benchmark, meets the return of the day after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.regression.cross_sectional import cross_sectional_regression, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.factors.risk.covariance import CovarianceSettings
from samgraph.factors.risk.forecasts import FEWEST_DAYS, RiskForecasts, backcast, forecast_quality
from samgraph.outcome.decision import DecisionInputs
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]

HISTORY_DAYS = 500  # trading days of factor returns before the first test day
EVERY = 10  # trading days from one estimate of the covariances to the next


def risk_forecasts(
    inputs: DecisionInputs, styles: Mapping[str, FloatArray], settings: CovarianceSettings
) -> RiskForecasts | None:
    """The forecasts of the test days; None where fewer than `FEWEST_DAYS` trading days stand before their last.

    `styles`: name -> [n_dates, n_stocks] exposures known by each day (`samgraph.factors.signals.styles`); `settings`:
    of the covariances.
    """
    market, test = inputs.market, inputs.test
    days = slice(max(0, test.start - HISTORY_DAYS), test.stop)
    first = max(FEWEST_DAYS, test.start - days.start)
    if days.start + first >= test.stop:
        return None
    parents = dict(zip(inputs.first_tree["product_id"], inputs.first_tree["parent_id"], strict=True))
    fit = cross_sectional_regression(
        next_day(market.returns())[days],
        market.weights()[days],
        market.dates[days],
        market.stocks,
        memberships=[
            Membership.from_series(inputs.coarse_products.between(days), kind="product", parents=parents),
            Membership.from_series(inputs.coarse_industries.between(days), kind="industry"),
        ],
        styles={name: values[days] for name, values in styles.items()},
        universe=market.member[days],
        ridge=Ridge(kinds=("product", "industry")),
        folds=0,
    )
    return RiskForecasts(fit, settings, every=EVERY, first=first)


def risk_backcast(
    inputs: Inputs, forecasts: RiskForecasts, books: Mapping[str, PortfolioResult]
) -> pd.DataFrame:
    """Forecast and realised return of every portfolio and day.

    Returns:
        variant, against (`nothing`: the whole portfolio; `benchmark`: less the universe's weights), and the
        columns of `samgraph.factors.risk.forecasts.backcast`; date is the day of the forecast, realised the return
        of the day after.
    """
    market, dates = inputs.market, forecasts.regression.dates
    days = market.dates.get_indexer(dates)
    returns = next_day(market.returns())[days]
    benchmark = universe_weights(market)[days]
    place = pd.Index(market.stocks)
    frames = []
    for name, book in books.items():
        held = book.holdings
        rows, columns = (
            dates.get_indexer(pd.DatetimeIndex(held["date"])),
            place.get_indexer(pd.Index(held["company_id"])),
        )
        weights = np.zeros(returns.shape)
        weights[rows[rows >= 0], columns[rows >= 0]] = held["weight"].to_numpy()[rows >= 0]
        known = [t for t in np.unique(rows[rows >= forecasts.first]) if t < len(dates) - 1]
        for against, own in (("nothing", weights), ("benchmark", weights - benchmark)):
            frame = backcast(forecasts, own, returns, known)
            frame.insert(0, "variant", name)
            frame.insert(1, "against", against)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def risk_summary(table: pd.DataFrame) -> dict[str, Any]:
    """By variant, total and active: bias statistic with its band, QLIKE and days (see `forecast_quality`)."""
    names = {"nothing": "total", "benchmark": "active"}
    found: dict[str, Any] = {}
    for (variant, against), rows in table.groupby(["variant", "against"], sort=False):
        found.setdefault(str(variant), {})[names[str(against)]] = forecast_quality(
            rows["realised"], rows["forecast"]
        )
    return found


def model_tables(inputs: Inputs, forecasts: RiskForecasts) -> dict[str, pd.DataFrame]:
    """The risk model of the test days, for other tools (`samgraph export`).

    Returns:
        exposures: first, last (days), company_id, kind, factor, exposure: what a stock's exposure was from the first
        to the last day; the market factor's is 1 and left out. covariance: date, factor_a, factor_b, covariance, of a
        day's factor returns, one triangle, as estimated on that day. specific_risk: date, company_id, variance.
        factors: factor, kind, name, in the model's order.
    """
    fit = forecasts.regression
    dates, stocks = fit.dates, np.asarray(fit.stocks, dtype=object)
    days = range(forecasts.first, len(dates))
    columns = np.asarray(fit.columns, dtype=object)
    estimates = sorted({forecasts.estimated(t) for t in days})
    a, b = np.triu_indices(len(columns))
    covariance, specific = [], []
    for day in estimates:
        factors, own = forecasts.covariances(day)
        covariance.append(
            pd.DataFrame(
                {
                    "date": dates[day],
                    "factor_a": columns[a],
                    "factor_b": columns[b],
                    "covariance": factors[a, b],
                }
            )
        )
        specific.append(pd.DataFrame({"date": dates[day], "company_id": stocks, "variance": own}))
    return {
        "exposures": _exposures(forecasts, stocks),
        "covariance": pd.concat(covariance, ignore_index=True),
        "specific_risk": pd.concat(specific, ignore_index=True),
        "risk_factors": pd.DataFrame({"factor": columns, "kind": fit.kinds, "name": fit.names}),
    }


def _exposures(forecasts: RiskForecasts, stocks: Any) -> pd.DataFrame:
    fit = forecasts.regression
    dates, designs = fit.dates, fit.designs
    frames = []
    for name, values in designs.styles.items():
        kept = values[forecasts.first :]
        t, i = np.nonzero(np.isfinite(kept))
        day = dates[t + forecasts.first]
        frames.append(_rows(day, day, stocks[i], "style", name, kept[t, i]))
    for family in designs.memberships:
        versions = family.day_version[forecasts.first :]
        starts = np.flatnonzero(np.diff(versions, prepend=-1))
        ends = np.append(starts[1:], len(versions)) - 1
        names = np.asarray(family.columns, dtype=object)
        for start, end in zip(starts + forecasts.first, ends + forecasts.first, strict=True):
            edges = family.edges(int(start))
            frames.append(
                _rows(
                    dates[int(start)],
                    dates[int(end)],
                    stocks[edges.stock],
                    family.kind,
                    names[edges.concept],
                    edges.weight.astype(np.float64),
                )
            )
    return pd.concat(frames, ignore_index=True)


def _rows(first: Any, last: Any, company: Any, kind: str, factor: Any, exposure: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "first": first,
            "last": last,
            "company_id": company,
            "kind": kind,
            "factor": factor,
            "exposure": exposure,
        }
    )
