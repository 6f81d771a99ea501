"""What a run found: from predictions to factors, regressions, portfolios, their comparison and the summary.

The order of things on one day: features and snapshot of day t -> score of t -> orders decided at the close of t ->
traded at t + lag. Factors of day t meet returns that start at t + lag; exposures of day t meet the return of t + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.hist import PARTS
from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.config import RunConfig
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.arrays import one_thread
from samgraph.factors.evaluation.evaluate import Evaluation, evaluate
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.regression.cross_sectional import Regression, compare_families, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.factors.signals.plain import plain_factors
from samgraph.factors.signals.product_momentum import product_momentum
from samgraph.factors.signals.styles import style_exposures
from samgraph.files import json_figures
from samgraph.hist.labels import forward_returns
from samgraph.outcome.against import against
from samgraph.outcome.attribution import attribution_tables
from samgraph.outcome.benchmarks import benchmark_in_words, benchmark_summary
from samgraph.outcome.books import construction_in_words, keep_books, path_of, trading_rules
from samgraph.outcome.capacity import capacity_tables, net_spreads, round_trip
from samgraph.outcome.caps import caps_sentence
from samgraph.outcome.crowding import crowding_table
from samgraph.outcome.exposure import coverage_table
from samgraph.outcome.factor_study import BOTH, NEUTRAL, STYLES, study
from samgraph.outcome.plain import best_plain, plain_table
from samgraph.outcome.risk import risk_forecasts, risk_summary
from samgraph.outcome.run_figures import compare, period, portfolio_figures
from samgraph.outcome.run_tables import (
    exposure_tables,
    factor_tables,
    portfolio_tables,
    regression_tables,
    risk_tables,
)
from samgraph.outcome.tilts import (
    last_concentration,
)
from samgraph.outcome.traded import (
    IN_WORDS,
    traded_scores,
)
from samgraph.run.inputs import Inputs
from samgraph.run.seeds import averaged
from samgraph.run.table import Schedule
from samgraph.run.table_registry import with_return_dates

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The tables and figures of a run, named as its files."""

    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    timeline: list[str]


STEPS = 6  # that `assess` tells of
RESAMPLES = 999  # of the block bootstrap beside each factor's p-value


@one_thread()
def assess(
    config: RunConfig,
    inputs: Inputs,
    predictions: pd.DataFrame,
    progress: Callable[[], None] = lambda: None,
) -> Outcome:
    """Everything after the models: `predictions` holds variant, seed, window, date, company_id and the parts.

    `progress` is called after each of `STEPS` steps.
    """
    horizon = config.model.hist(config.trading).horizon
    scores = {str(name): _average(rows, inputs) for name, rows in predictions.groupby("variant", sort=False)}
    named = _named_factors(inputs, scores)
    forward = {h: _forward(config, inputs, h) for h in config.horizons}
    factors = _evaluate_factors(inputs, named, forward, config.seed)
    label = _forward(config, inputs, horizon)
    raw = _evaluate_raw(inputs, scores, horizon, label)
    progress()
    styles = style_exposures(inputs.market)
    regressions = _regress(inputs, styles)
    progress()
    found = study(
        named,
        forward,
        factors,
        inputs.market,
        styles,
        (inputs.sectors, inputs.sector_ids),
        days=inputs.test,
        label=(horizon, label),
    )
    progress()
    rules, forecasts = (
        trading_rules(config, inputs),
        risk_forecasts(inputs, styles, config.risk.covariances()),
    )
    progress()
    own = {name: parts["score"] for name, parts in scores.items()}
    traded = traded_scores(inputs, own, styles, config.trading.score, config.trading.smoothing)
    kept = keep_books(config, inputs, traded, rules, forecasts)
    progress()
    books, year = kept.named(), days_a_year(inputs.market.dates)
    plain = plain_factors(inputs.market, inputs.products)
    beside, beside_ic = plain_table(inputs, plain, own[BASE], forward)
    tables = {
        **factor_tables(inputs, named, factors, found),
        "plain_factors": beside,
        **regression_tables(regressions),
        **portfolio_tables(config, inputs, kept, books, year),
        **exposure_tables(inputs, kept.first(BASE).holdings, styles),
        "crowding": crowding_table(inputs, kept.of_arm(BASE), plain, rules, path_of(config)),
        "net_spreads": net_spreads(
            factors.quantiles,
            factors.turnover,
            round_trip(inputs.market, rules, inputs.test),
            config.trading.borrow,
            year,
        ),
        "coverage": coverage_table(inputs, scores[BASE]["score"]),
        **capacity_tables(config, inputs, kept, traded, rules, year),
    }
    tables |= attribution_tables(
        inputs, books, tables["benchmarks"], regressions["both"], config.trading.price
    )
    if not kept.decisions.empty:
        tables["optimiser"] = kept.decisions
    tables |= risk_tables(inputs, forecasts, books, styles)
    near = min(config.horizons, key=lambda h: abs(h - horizon))
    summary = {
        **period(config, inputs, scores[BASE]["score"], year),
        **portfolio_figures(config, inputs, kept, traded, raw, label, year),
        "benchmarks": benchmark_summary(inputs, tables["benchmarks"], year),
        "best_plain_factor": best_plain(beside, beside_ic, near),
        "horizons": found.figures[NEUTRAL],
        "orthogonal": {against: found.figures[against] for against in (STYLES, BOTH)},
        "tests": len(factors.decay) + len(found.orthogonal),
        "regression": {name: json_figures(fit.summary()) for name, fit in regressions.items()},
        "concentration": last_concentration(tables["concentration"], config.concepts.regression_cut),
        "against": against(tables["portfolio"], seed=config.seed, days_a_year=year),
    }
    difference = compare(kept, raw, horizon, config.seed, year)
    if difference is not None:
        summary[f"{BASE}_minus_{CONTROL}"] = difference
    if "optimiser" in tables:
        summary["optimiser"] = kept.optimiser()
    if "risk" in tables:
        summary["risk"] = risk_summary(tables["risk"])
    progress()
    tables = with_return_dates(tables, Schedule(inputs.market.dates, config.trading.lag))
    told = [benchmark_in_words(inputs), caps_sentence(inputs.market, inputs.test)]
    return Outcome(tables, summary, [*_timeline(config, rules), *filter(None, told)])


def _average(predictions: pd.DataFrame, inputs: Inputs) -> dict[str, FloatArray]:
    """Each part, standardised by day and averaged over seeds, [n_dates, n_stocks]; NaN where there is none."""
    market, table = inputs.market, averaged(predictions)
    row = market.dates.get_indexer(pd.DatetimeIndex(table["date"]).as_unit("s"))
    column = pd.Index(market.stocks).get_indexer(pd.Index(table["company_id"]))
    parts = {}
    for part in PARTS:
        parts[part] = np.full((market.n_dates, market.n_stocks), np.nan)
        parts[part][row, column] = table[part]
    return parts


def _named_factors(inputs: Inputs, scores: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """The factors of a run: the base arm's parts under their own names, the other arms' and references beside."""
    named = dict(scores[BASE])
    for name, parts in scores.items():
        if name != BASE:
            named |= {f"{name}_{part}": parts[part] for part in ARMS[name].parts}
    reference = product_momentum(inputs.market.returns(), inputs.products)
    named |= {name: np.where(inputs.market.member, values, np.nan) for name, values in reference.items()}
    return named


def _forward(config: RunConfig, inputs: Inputs, horizon: int) -> FloatArray:
    """What can be earned after each test day [n_days, n_stocks]."""
    every = forward_returns(inputs.market, horizon, lag=config.trading.lag, price=config.trading.price)
    return every[inputs.test]


def _evaluate_factors(
    inputs: Inputs, named: Mapping[str, FloatArray], forward: Mapping[int, FloatArray], seed: int
) -> Evaluation:
    """Factors neutral to industry and log market cap, at every horizon, on the test days."""
    test, market = inputs.test, inputs.market
    return evaluate(
        {name: values[test] for name, values in named.items()},
        forward,
        market.dates[test],
        market.stocks,
        labels=inputs.sectors[test],
        log_cap=market.log_caps()[test],
        n_resamples=RESAMPLES,
        seed=seed,
    )


def _evaluate_raw(
    inputs: Inputs, scores: Mapping[str, Mapping[str, FloatArray]], horizon: int, label: FloatArray
) -> Evaluation:
    """Each variant's score as it is, at the label's horizon."""
    test, market = inputs.test, inputs.market
    raw = {name: parts["score"][test] for name, parts in scores.items()}
    return evaluate(raw, {horizon: label}, market.dates[test], market.stocks)


def _regress(inputs: Inputs, styles: Mapping[str, FloatArray]) -> dict[str, Regression]:
    """Returns of the day after on exposures of the day: products, industries, both; market and styles beside them."""
    test, market = inputs.test, inputs.market
    cap = market.weights()[test]
    parents = dict(zip(inputs.first_tree["product_id"], inputs.first_tree["parent_id"], strict=True))
    return compare_families(
        next_day(market.returns())[test],
        cap,
        market.dates[test],
        market.stocks,
        product=Membership.from_series(inputs.coarse_products.between(test), kind="product", parents=parents),
        industry=Membership.from_series(inputs.coarse_industries.between(test), kind="industry"),
        universe=market.member[test],
        styles={name: values[test] for name, values in styles.items()},
        ridge=Ridge(kinds=("product", "industry")),
    )


def _timeline(config: RunConfig, rules: Rules) -> list[str]:
    """When things are known and done, in the order of a day, in words."""
    model = config.model.hist(config.trading)
    done, days = f"t+{rules.lag}", config.trading.smoothing
    smooth = f", averaged over past days with a half-life of {days:g}" if days else ""
    return [
        "A report announced on day a is used from the calendar day after a.",
        "At the close of t: the bars of t, and reports, memberships and labels valid on t, give the score of t.",
        f"What is traded is {IN_WORDS[config.trading.score]}{smooth}.",
        *construction_in_words(config, rules),
        f"At the {rules.price} of {done}: the orders that the score decided are filled.",
        *rules.trading_in_words(),
        f"From the {rules.price} of {done} on: the returns that factors of t are measured by; a model learns from "
        f"those of {model.horizon} days.",
        f"A label of t is used in training only where t+{rules.lag + model.horizon} lies within the training days.",
    ]
