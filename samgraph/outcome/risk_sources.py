"""Where each portfolio's forecast tracking error comes from, over time: by kind of factor, factor, style and stock.

Of active weights h, exposures X, factor covariance F and specific variances D, a factor's share is x_k (F x)_k over the
variance, with x = X' h, and a stock's h_i (X F x + D h)_i: both kinds of shares add up to 1 (Euler's theorem).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.factors.risk.model import RiskModel
from samgraph.run.inputs import Inputs
from samgraph.sums import total

FloatArray = npt.NDArray[np.float64]

EVERY = 20  # trading days from one row's day to the next
MOST = 20  # stocks and factors that are named; the others stand together
OTHERS = "(others)"
COLUMNS = ["variant", "date", "by", "group", "kind", "exposure", "share"]


def risk_sources(
    inputs: Inputs, forecasts: RiskForecasts, books: Mapping[str, PortfolioResult]
) -> pd.DataFrame:
    """Shares of the variance of each portfolio less the universe's weights, on every 20th day with a forecast.

    Returns:
        variant, date, by (kind, factor, stock), group, kind, exposure (active; of a stock its active weight), share of
        the variance; of factors and stocks the 20 with the largest shares and `(others)`.
    """
    market, fit = inputs.market, forecasts.regression
    benchmark = universe_weights(market)
    place = pd.Index(fit.stocks)
    first = max(forecasts.first, int(fit.dates.searchsorted(market.dates[inputs.test.start])))
    rows: list[tuple[object, ...]] = []
    for t in range(first, len(fit.dates), EVERY):
        date, model = fit.dates[t], forecasts.at(t)
        against = benchmark[int(market.dates.get_indexer(pd.DatetimeIndex([date]))[0])]
        for name, book in books.items():
            held = book.holdings[book.holdings["date"] == date]
            if len(held):
                active = -against
                active[place.get_indexer(pd.Index(held["company_id"]))] += held["weight"].to_numpy()
                rows += [(name, date, *row) for row in _shares(model, active)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(model: RiskModel, active: FloatArray) -> Iterator[tuple[str, str, str, float, float]]:
    x, there = model.behind(active)
    held = np.flatnonzero(active)
    pull = model.factor_covariance[np.ix_(there, there)] @ x[there]
    factors = x[there] * pull
    own = model.specific_variance[held] * active[held] ** 2
    whole = total(factors) + total(own)
    if not whole > 0.0:
        return
    kinds = [model.kinds[k] for k in there]
    for kind in dict.fromkeys(model.kinds):
        mask = np.array([one == kind for one in kinds], dtype=bool)
        if mask.any():
            yield "kind", kind, kind, float("nan"), total(factors[mask]) / whole
    yield "kind", "specific", "specific", float("nan"), total(own) / whole
    names = [(model.columns[k], kind) for k, kind in zip(there, kinds, strict=True)]
    yield from _largest(
        "factor",
        [*names, ("specific", "specific")],
        np.append(x[there], np.nan),
        np.append(factors, total(own)) / whole,
    )
    systematic = np.ascontiguousarray(model.exposures[held][:, there]) @ pull
    yield from _largest(
        "stock",
        [(model.stocks[i], "stock") for i in held],
        active[held],
        (active[held] * systematic + own) / whole,
    )


def _largest(
    by: str, names: list[tuple[str, str]], exposure: FloatArray, share: FloatArray
) -> Iterator[tuple[str, str, str, float, float]]:
    order = np.argsort(-np.abs(share), kind="stable")
    for place in order[:MOST]:
        group, kind = names[place]
        yield by, group, kind, float(exposure[place]), float(share[place])
    if len(order) > MOST:
        yield by, OTHERS, OTHERS, float("nan"), total(share[np.sort(order[MOST:])])
