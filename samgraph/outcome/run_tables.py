"""Tables of a run by subject: factors, regressions, portfolios, exposures, risk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.config import RunConfig
from samgraph.factors.evaluation.evaluate import Evaluation
from samgraph.factors.portfolio.topk_portfolio import PortfolioResult
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.outcome.benchmarks import benchmark_table
from samgraph.outcome.books import Books
from samgraph.outcome.exposure import exposure_table, sellers_table
from samgraph.outcome.factor_study import Study
from samgraph.outcome.risk import model_tables, risk_backcast
from samgraph.outcome.risk_contest import contest_of_run
from samgraph.outcome.risk_sources import risk_sources
from samgraph.outcome.stress import stress_table
from samgraph.outcome.tilts import (
    chain_table,
    concentration_table,
    tilt_history,
    tilt_table,
)
from samgraph.outcome.traded import (
    costs_by_cause,
)
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]


def factor_tables(
    inputs: Inputs, named: Mapping[str, FloatArray], evaluation: Evaluation, found: Study
) -> dict[str, pd.DataFrame]:
    """Every factor's values, what they are worth on the test days, and what is left of it beside styles."""
    return {
        "factors": factor_table(inputs, named, evaluation),
        **{name: getattr(evaluation, name) for name in ("ic", "decay", "quantiles", "turnover")},
        **{name: getattr(found, name) for name in ("orthogonal", "breakdown", "premia")},
    }


def regression_tables(regressions: Mapping[str, Regression]) -> dict[str, pd.DataFrame]:
    """Daily fits, factor returns, and the columns that could not be fitted, by model."""
    return {
        "regression": by_model({name: fit.days for name, fit in regressions.items()}, "model"),
        "factor_returns": by_model(
            {name: fit.factor_returns() for name, fit in regressions.items()}, "model"
        ),
        "deficiencies": by_model({name: fit.deficiencies for name, fit in regressions.items()}, "model"),
    }


def portfolio_tables(
    config: RunConfig, inputs: Inputs, kept: Books, books: Mapping[str, PortfolioResult], year: float
) -> dict[str, pd.DataFrame]:
    """What each book held, traded and cost, and the benchmarks of the same days."""
    return {
        "benchmarks": benchmark_table(inputs, kept.first(BASE).daily, config.trading.price),
        "portfolio": by_model({name: book.daily for name, book in books.items()}, "variant"),
        "costs": costs_by_cause(books, year),
        "trades": by_model({name: book.trades for name, book in books.items()}, "variant"),
        "blocked": by_model({name: book.blocked for name, book in books.items()}, "variant"),
        "holdings": by_model({name: book.holdings for name, book in books.items()}, "variant"),
    }


def exposure_tables(
    inputs: Inputs, main: pd.DataFrame, styles: Mapping[str, FloatArray]
) -> dict[str, pd.DataFrame]:
    """What the main portfolio is exposed to: products and their sellers, styles, the value chain, shocks."""
    return {
        "exposure": exposure_table(inputs, main),
        "sellers": sellers_table(inputs, main),
        "tilts": tilt_table(inputs, main, styles),
        "tilt_history": tilt_history(inputs, main, styles),
        "concentration": concentration_table(inputs, main),
        "chain": chain_table(inputs),
        "stress": stress_table(inputs, main),
    }


def risk_tables(
    inputs: Inputs,
    forecasts: RiskForecasts | None,
    books: Mapping[str, PortfolioResult],
    styles: Mapping[str, FloatArray],
) -> dict[str, pd.DataFrame]:
    """Forecasts of risk held against what came, where the run has them, and the contest of risk models."""
    tables: dict[str, pd.DataFrame] = {}
    if forecasts is not None:
        tables |= {"risk": risk_backcast(inputs, forecasts, books)} | model_tables(inputs, forecasts)
        tables["risk_sources"] = risk_sources(inputs, forecasts, books)
    contest = contest_of_run(inputs, styles)
    if contest is not None:
        tables["risk_contest"] = contest
    return tables


def factor_table(inputs: Inputs, named: Mapping[str, FloatArray], evaluation: Evaluation) -> pd.DataFrame:
    """date, company_id, factor, value, neutralised: a row for every stock-day with a value."""
    dates, stocks = inputs.market.dates[inputs.test], np.asarray(inputs.market.stocks, dtype=object)
    frames = []
    for name, values in named.items():
        raw = values[inputs.test]
        t, i = np.nonzero(np.isfinite(raw))
        frames.append(
            pd.DataFrame(
                {
                    "date": dates[t],
                    "company_id": stocks[i],
                    "factor": name,
                    "value": raw[t, i],
                    "neutralised": evaluation.neutralised[name][t, i],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def by_model(frames: Mapping[str, pd.DataFrame], column: str) -> pd.DataFrame:
    """Frames of several models under each other, with the model's name in the first column."""
    named = []
    for name, frame in frames.items():
        copy = frame.copy()
        copy.insert(0, column, name)
        named.append(copy)
    return pd.concat(named, ignore_index=True)
