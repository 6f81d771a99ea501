"""A user's own factors in the light of a run: the same days, stocks, returns, tests, yardsticks and constructions.

The factor of day t is taken to be known by the close of t; it is traded `lag` trading days later, as a run's score is.
Whether that is so, nobody but the factor's maker knows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.config import RunConfig
from samgraph.errors import DatasetError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.evaluation.beside_products import beside_products
from samgraph.factors.evaluation.evaluate import Evaluation, evaluate
from samgraph.factors.evaluation.ic import information_coefficient
from samgraph.factors.evaluation.inference import q_values
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.signals.plain import plain_factors
from samgraph.factors.signals.styles import style_exposures
from samgraph.files import json_figures
from samgraph.hist.labels import forward_returns
from samgraph.outcome.books import keep_books, trading_rules
from samgraph.outcome.factor_study import NEUTRAL, study
from samgraph.outcome.plain import RAW, best_plain, plain_table
from samgraph.outcome.risk import risk_forecasts
from samgraph.outcome.traded import traded_scores
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]
PRODUCTS = "styles_industries_products"
RESAMPLES = 999  # of the block bootstrap beside each p-value


@dataclass(frozen=True, eq=False)
class FactorStudy:
    """What was found, one table each, and the figures of summary.json.

    Attributes:
        tables: ic, quantiles, turnover (against, then the columns of `Evaluation`), decay (the same of every yardstick,
            q_value over all its rows), breakdown, premia, plain_factors (of the first factor's stock-days),
            correlations (a, b, rank_correlation, n_days), coverage, portfolio and trades (variant, then those of
            `PortfolioResult`).
        summary: universe, days, factors, portfolios.
    """

    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]


def panels_of(inputs: Inputs, factors: Mapping[str, pd.Series]) -> tuple[dict[str, FloatArray], pd.DataFrame]:
    """Factors on the test days and members [n_dates, n_stocks], and what of each was not used, by cause.

    Raises:
        DatasetError: a factor without a value for a member on a test day
    """
    market, test = inputs.market, inputs.test
    inside = np.zeros(market.member.shape, dtype=bool)
    inside[test] = market.member[test]
    panels, rows = {}, []
    for name, values in factors.items():
        day = market.dates.as_unit("s").get_indexer(values.index.get_level_values(0))
        stock = pd.Index(market.stocks).get_indexer(values.index.get_level_values(1))
        dated = (day >= test.start) & (day < test.stop)
        placed = dated & (stock >= 0)
        used = np.zeros(len(values), dtype=bool)
        used[placed] = inside[day[placed], stock[placed]]
        panel = np.full(inside.shape, np.nan)
        panel[day[used], stock[used]] = values.to_numpy(dtype=np.float64)[used]
        causes = {
            "used": used,
            "no trading day of the period": ~dated,
            "never a member": dated & (stock < 0),
            "no member on the day": placed & ~used,
        }
        rows += [(name, cause, int(mask.sum())) for cause, mask in causes.items()]
        rows.append((name, "members without a value", int(inside.sum() - used.sum())))
        if not used.any():
            raise DatasetError(
                f"factor {name} has no value for a member of the universe from {market.dates[test][0].date()} to "
                f"{market.dates[test][-1].date()}; check its days and company ids"
            )
        panels[name] = panel
    return panels, pd.DataFrame(rows, columns=["factor", "what", "stock_days"])


def evaluate_factors(
    config: RunConfig,
    inputs: Inputs,
    factors: Mapping[str, pd.Series],
    *,
    quantiles: int = 5,
    others: Mapping[str, FloatArray] | None = None,
) -> FactorStudy:
    """Evaluate factors as a run's are.

    Args:
        config: horizons, trading and constructions.
        inputs: of the period.
        factors: name -> values by (date, company_id); higher is better.
        quantiles: how many portfolios.
        others: further panels [n_dates, n_stocks] to correlate with, such as a run's parts.

    Raises:
        DatasetError: a factor without a value for a member
    """
    market, test = inputs.market, inputs.test
    named, coverage = panels_of(inputs, factors)
    dates, stocks = market.dates[test], market.stocks
    horizon = config.model.hist(config.trading).horizon
    trading = config.trading
    forward = {
        h: forward_returns(market, h, lag=trading.lag, price=trading.price)[test]
        for h in sorted({*config.horizons, horizon})
    }
    styles, plain = style_exposures(market), plain_factors(market, inputs.products)
    own = {name: values[test] for name, values in named.items()}
    log_cap = market.log_caps()[test]
    raw = evaluate(own, forward, dates, stocks, quantiles=quantiles, n_resamples=RESAMPLES, seed=config.seed)
    neutral = evaluate(
        own,
        forward,
        dates,
        stocks,
        labels=inputs.sectors[test],
        log_cap=log_cap,
        quantiles=quantiles,
        n_resamples=RESAMPLES,
        seed=config.seed,
    )
    found = study(
        named,
        forward,
        neutral,
        market,
        styles,
        (inputs.sectors, inputs.sector_ids),
        days=test,
        label=(horizon, forward[horizon]),
    )
    edges, looks = inputs.coarse_products.between(test), [values[test] for values in styles.values()]
    beside = {
        name: beside_products(values, inputs.sectors[test], looks, edges) for name, values in own.items()
    }
    last = evaluate(beside, forward, dates, stocks, quantiles=quantiles)
    decay = pd.concat(
        [
            _against(raw.decay, RAW),
            _against(neutral.decay, NEUTRAL),
            found.orthogonal,
            _against(last.decay, PRODUCTS),
        ],
        ignore_index=True,
    )
    decay["q_value"] = q_values(decay["p_value"])
    first = next(iter(named))
    beside_first, beside_ic = plain_table(inputs, plain, named[first], forward, name=first)
    books, figures = _books(config, inputs, named, styles)
    tables = {
        **_daily(raw, neutral, last),
        "decay": decay,
        "breakdown": found.breakdown,
        "premia": found.premia,
        "plain_factors": beside_first,
        "correlations": correlations(own, {**plain, **(others or {})}, test),
        "coverage": coverage,
        **books,
    }
    summary = {
        "universe": config.universe,
        "start": str(dates[0].date()),
        "end": str(dates[-1].date()),
        "days": len(dates),
        "label_horizon": horizon,
        "lag": trading.lag,
        "price": trading.price,
        "quantiles": quantiles,
        "factors": list(named),
        "best_plain_factor": best_plain(beside_first, beside_ic, horizon, name=first),
        "portfolios": figures,
    }
    return FactorStudy(tables, summary)


def correlations(
    own: Mapping[str, FloatArray], others: Mapping[str, FloatArray], test: slice
) -> pd.DataFrame:
    """Mean daily rank correlation of each factor with every other: a, b, rank_correlation, n_days.

    `own` [n_days, n_stocks] of the test days, `others` [n_dates, n_stocks] of all.
    """
    beside = {name: values[test] for name, values in others.items() if name not in own}
    pairs = [*itertools.combinations(own, 2), *itertools.product(own, beside)]
    every, rows = {**own, **beside}, []
    for a, b in pairs:
        series = information_coefficient(own[a], every[b], rank=True)
        known = series[np.isfinite(series)]
        rows.append((a, b, float(known.mean()) if len(known) else math.nan, len(known)))
    return pd.DataFrame(rows, columns=["a", "b", "rank_correlation", "n_days"])


def _against(frame: pd.DataFrame, against: str) -> pd.DataFrame:
    out = frame.copy()
    out.insert(0, "against", against)
    return out


def _daily(raw: Evaluation, neutral: Evaluation, products: Evaluation) -> dict[str, pd.DataFrame]:
    every = {RAW: raw, NEUTRAL: neutral, PRODUCTS: products}
    return {
        table: pd.concat(
            [_against(getattr(one, table), name) for name, one in every.items()], ignore_index=True
        )
        for table in ("ic", "quantiles", "turnover")
    }


def _books(
    config: RunConfig, inputs: Inputs, named: Mapping[str, FloatArray], styles: Mapping[str, FloatArray]
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Portfolios by the constructions of the settings, and their figures a year."""
    traded = traded_scores(inputs, named, styles, config.trading.score, config.trading.smoothing)
    forecasts = risk_forecasts(inputs, styles, config.risk.covariances())
    kept = keep_books(config, inputs, traded, trading_rules(config, inputs), forecasts)
    year = days_a_year(inputs.market.dates)
    tables = {
        "portfolio": pd.concat([_named(book.daily, one.name) for one, book in kept.results.items()]),
        "trades": pd.concat([_named(book.trades, one.name) for one, book in kept.results.items()]),
    }
    figures = {
        one.name: one.as_dict() | json_figures(performance(book.daily, year).as_dict())
        for one, book in kept.results.items()
    }
    return {name: table.reset_index(drop=True) for name, table in tables.items()}, figures


def _named(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    out = frame.copy()
    out.insert(0, "variant", name)
    return out
