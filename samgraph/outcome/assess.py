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
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.evaluate import Evaluation, evaluate
from samgraph.factors.evaluation.inference import FEWEST_DAYS, mean_test
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import PortfolioResult
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
from samgraph.outcome.benchmarks import benchmark_in_words, benchmark_summary, benchmark_table
from samgraph.outcome.books import Books, construction_in_words, keep_books, path_of, trading_rules
from samgraph.outcome.capacity import break_even, capacity_tables, net_spreads, round_trip
from samgraph.outcome.caps import caps_sentence, known_caps
from samgraph.outcome.crowding import crowding_table
from samgraph.outcome.exposure import coverage_table, exposure_table, sellers_table
from samgraph.outcome.factor_study import BOTH, NEUTRAL, STYLES, study
from samgraph.outcome.plain import best_plain, plain_table
from samgraph.outcome.risk import model_tables, risk_backcast, risk_forecasts, risk_summary
from samgraph.outcome.risk_contest import contest_of_run
from samgraph.outcome.risk_sources import risk_sources
from samgraph.outcome.stress import stress_table
from samgraph.outcome.tilts import (
    chain_table,
    concentration_table,
    last_concentration,
    tilt_history,
    tilt_table,
)
from samgraph.outcome.traded import (
    IN_WORDS,
    costs_by_cause,
    signal_figures,
    traded_scores,
    transfer_coefficients,
    write_offs,
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
    raw = _evaluate_raw(config, inputs, scores, horizon)
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
        label=(horizon, _forward(config, inputs, horizon)),
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
    books, main = kept.named(), kept.first(BASE).holdings
    year = days_a_year(inputs.market.dates)
    plain = plain_factors(inputs.market, inputs.products)
    beside, beside_ic = plain_table(inputs, plain, own[BASE], forward)
    difference = _compare(kept, raw, horizon, config.seed, year)
    exposure = exposure_table(inputs, main)
    tables = {
        "factors": _factor_table(inputs, named, factors),
        "ic": factors.ic,
        "decay": factors.decay,
        "quantiles": factors.quantiles,
        "turnover": factors.turnover,
        "orthogonal": found.orthogonal,
        "breakdown": found.breakdown,
        "premia": found.premia,
        "plain_factors": beside,
        "regression": _by_model({name: fit.days for name, fit in regressions.items()}, "model"),
        "factor_returns": _by_model(
            {name: fit.factor_returns() for name, fit in regressions.items()}, "model"
        ),
        "deficiencies": _by_model({name: fit.deficiencies for name, fit in regressions.items()}, "model"),
        "benchmarks": benchmark_table(inputs, kept.first(BASE).daily, config.trading.price),
        "portfolio": _by_model({name: book.daily for name, book in books.items()}, "variant"),
        "costs": costs_by_cause(books, year),
        "trades": _by_model({name: book.trades for name, book in books.items()}, "variant"),
        "blocked": _by_model({name: book.blocked for name, book in books.items()}, "variant"),
        "holdings": _by_model({name: book.holdings for name, book in books.items()}, "variant"),
        "exposure": exposure,
        "sellers": sellers_table(inputs, main),
        "tilts": tilt_table(inputs, main, styles),
        "tilt_history": tilt_history(inputs, main, styles),
        "concentration": concentration_table(inputs, main),
        "chain": chain_table(inputs),
        "stress": stress_table(inputs, main),
        "crowding": crowding_table(
            inputs,
            {one: book for one, book in kept.results.items() if one.arm == BASE},
            plain,
            rules,
            path_of(config),
        ),
        "net_spreads": net_spreads(
            factors.quantiles,
            factors.turnover,
            round_trip(inputs.market, rules, inputs.test),
            config.trading.borrow,
            year,
        ),
        "coverage": coverage_table(inputs, scores[BASE]["score"]),
    }
    days = inputs.market.dates[inputs.test]
    summary: dict[str, Any] = {
        "universe": config.universe,
        "start": config.start.isoformat(),
        "test_start": days[0].date().isoformat(),
        "end": days[-1].date().isoformat(),
        "days": len(days),
        "days_a_year": year,
        "market_cap_known": known_caps(inputs.market, inputs.test),
        "companies": int(np.isfinite(scores[BASE]["score"]).any(axis=0).sum()),
        "seeds": config.seeds,
        "label_horizon": horizon,
        "variants": {
            one.name: _variant_summary(raw.decay, one.arm, book, year) for one, book in kept.results.items()
        },
        "portfolios": {one.name: one.as_dict() for one in kept.results},
        "traded": {
            "score": config.trading.score,
            "smoothing": config.trading.smoothing,
            "arms": signal_figures(inputs, traded, _forward(config, inputs, horizon), horizon),
            "transfer_coefficient": transfer_coefficients(inputs.market, kept.results, traded),
        },
        "write_offs": write_offs(books),
        "break_even": break_even(books),
        "benchmarks": benchmark_summary(inputs, tables["benchmarks"], year),
        "best_plain_factor": best_plain(
            beside, beside_ic, min(config.horizons, key=lambda h: abs(h - horizon))
        ),
        "horizons": found.figures[NEUTRAL],
        "orthogonal": {against: found.figures[against] for against in (STYLES, BOTH)},
        "tests": len(factors.decay) + len(found.orthogonal),
        "regression": {name: json_figures(fit.summary()) for name, fit in regressions.items()},
        "concentration": last_concentration(tables["concentration"], config.concepts.regression_cut),
        "against": against(tables["portfolio"], seed=config.seed, days_a_year=year),
    }
    tables |= capacity_tables(config, inputs, kept, traded, rules, year)
    tables |= attribution_tables(
        inputs, books, tables["benchmarks"], regressions["both"], config.trading.price
    )
    if difference is not None:
        summary[f"{BASE}_minus_{CONTROL}"] = difference
    if not kept.decisions.empty:
        tables["optimiser"] = kept.decisions
        summary["optimiser"] = kept.optimiser()
    if forecasts is not None:
        tables |= {"risk": risk_backcast(inputs, forecasts, books)} | model_tables(inputs, forecasts)
        tables["risk_sources"] = risk_sources(inputs, forecasts, books)
        summary["risk"] = risk_summary(tables["risk"])
    contest = contest_of_run(inputs, styles)
    if contest is not None:
        tables["risk_contest"] = contest
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
    config: RunConfig, inputs: Inputs, scores: Mapping[str, Mapping[str, FloatArray]], horizon: int
) -> Evaluation:
    """Each variant's score as it is, at the label's horizon."""
    test, market = inputs.test, inputs.market
    raw = {name: parts["score"][test] for name, parts in scores.items()}
    return evaluate(raw, {horizon: _forward(config, inputs, horizon)}, market.dates[test], market.stocks)


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


def _compare(kept: Books, raw: Evaluation, horizon: int, seed: int, year: float) -> dict[str, Any] | None:
    """The paired differences of base and control, in portfolio return and in Rank IC.

    None without the control, or with too few days for a test.
    """
    if CONTROL not in {one.arm for one in kept.results} or len(kept.first(BASE).daily) < FEWEST_DAYS:
        return None
    daily = [kept.first(arm).daily.set_index("date")["return"] for arm in (BASE, CONTROL)]
    both = pd.concat(daily, axis=1, join="inner")
    first, second = (both.iloc[:, place].to_numpy() for place in (0, 1))
    figures = paired_difference(first, second, seed=seed, days_a_year=year).as_dict()
    rank_ic = raw.ic.pivot_table(index="date", columns="factor", values="rank_ic")
    gap = (rank_ic[BASE] - rank_ic[CONTROL]).to_numpy(dtype=np.float64)
    mean = mean_test(gap, horizon)
    return json_figures(
        {"excess_return": figures.pop("difference")}
        | figures
        | {"rank_ic": mean.mean, "rank_ic_tstat_nw": mean.t, "rank_ic_p_value": mean.p_value}
    )


def _factor_table(inputs: Inputs, named: Mapping[str, FloatArray], evaluation: Evaluation) -> pd.DataFrame:
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


def _variant_summary(decay: pd.DataFrame, name: str, book: PortfolioResult, year: float) -> dict[str, Any]:
    row = decay[decay["factor"] == name].iloc[0]
    figures = {column: float(row[column]) for column in ("ic", "rank_ic", "icir", "rank_icir")}
    figures["rank_ic_tstat_nw"] = float(row["tstat_nw"])
    return json_figures(figures) | performance(book.daily, year).as_dict()


def _by_model(frames: Mapping[str, pd.DataFrame], column: str) -> pd.DataFrame:
    """Frames of several models under each other, with the model's name in the first column."""
    named = []
    for name, frame in frames.items():
        copy = frame.copy()
        copy.insert(0, column, name)
        named.append(copy)
    return pd.concat(named, ignore_index=True)


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
