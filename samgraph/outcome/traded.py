"""The score that is traded: as it is, or neutral as it was measured, smoothed or not; and how good that score is.

The figures are of the traded score itself, at the label's horizon on the test days: a portfolio that trades another
score than the report measures answers another question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.inference import mean_test
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.portfolio.transfer import transfer_coefficient
from samgraph.files import json_figures
from samgraph.hist.market import Market
from samgraph.outcome.constructions import Portfolio
from samgraph.outcome.decision import DecisionInputs
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]
Score = Literal["raw", "neutral", "styles"]
IN_WORDS: dict[str, str] = {
    "raw": "the raw score",
    "neutral": "the score less what industry and log market cap explain of it that day",
    "styles": "the score less what industry and styles explain of it that day",
}
TOP = 0.1  # of the scored members: the top whose return less the universe's mean is told


def traded_scores(
    inputs: DecisionInputs,
    scores: Mapping[str, FloatArray],
    styles: Mapping[str, FloatArray],
    kind: Score,
    half_life: float,
) -> dict[str, FloatArray]:
    """What the portfolios follow, by arm [n_dates, n_stocks]; NaN where the arm has no score, outside the test days.

    Args:
        inputs: the run's.
        scores: by arm, as the models gave them.
        styles: name -> [n_dates, n_stocks] exposures.
        kind: see `IN_WORDS`.
        half_life: trading days after which a score counts half in the smoothed one; 0 does not smooth.
    """
    test, market = inputs.test, inputs.market
    out = {}
    for arm, score in scores.items():
        found = np.full(score.shape, np.nan)
        if kind == "raw":
            found[test] = score[test]
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                cap = np.where(market.market_cap > 0, np.log(market.market_cap), np.nan)
            beside = [values[test] for values in styles.values()] if kind == "styles" else []
            log_cap = cap[test] if kind == "neutral" and np.isfinite(cap[test]).any() else None
            found[test] = neutralise(score[test], inputs.sectors[test], log_cap, covariates=beside)
        out[arm] = smoothed(found, half_life) if half_life else found
    return out


def smoothed(score: FloatArray, half_life: float) -> FloatArray:
    """Mean of each stock's standardised scores up to the day, older ones weighing half every `half_life` days.

    NaN where the day itself has no score. Row t is made from rows up to t; a day without any score ages nothing.
    """
    out = np.full(score.shape, np.nan)
    above, below = np.zeros(score.shape[1]), np.zeros(score.shape[1])
    decay = 0.5 ** (1.0 / half_life)
    for t in range(len(score)):
        known = np.isfinite(score[t])
        if not known.any():
            continue
        own = score[t, known]
        spread = float(own.std())
        z = (own - own.mean()) / spread if spread > 0.0 else np.zeros(len(own))
        above, below = above * decay, below * decay
        above[known] += z
        below[known] += 1.0
        out[t, known] = above[known] / below[known]
    return out


def signal_figures(
    inputs: Inputs, traded: Mapping[str, FloatArray], forward: FloatArray, horizon: int
) -> dict[str, dict[str, float | None]]:
    """By arm: IC, Rank IC with its t, spread of top and bottom fifth, top tenth less the universe's mean with its t,
    and the rank autocorrelation over a day and over the horizon. Returns are over the horizon.

    `forward` [n_days, n_stocks]: what can be earned after each test day.
    """
    test, market = inputs.test, inputs.market
    own = {arm: score[test] for arm, score in traded.items()}
    lags = sorted({1, horizon})
    found = evaluate(own, {horizon: forward}, market.dates[test], market.stocks, turnover_lags=lags)
    memory = found.turnover.groupby(["factor", "lag"])["rank_autocorrelation"].mean()
    out = {}
    for row in found.decay.to_dict("records"):
        arm = str(row["factor"])
        top = mean_test(top_less_universe(own[arm], forward, TOP), horizon)
        figures = {
            "ic": row["ic"],
            "rank_ic": row["rank_ic"],
            "rank_ic_tstat_nw": row["tstat_nw"],
            "spread": row["spread"],
            "top_less_universe": top.mean,
            "top_less_universe_tstat_nw": top.t,
            "rank_autocorrelation_1": float(memory.get((arm, 1), math.nan)),
            "rank_autocorrelation_horizon": float(memory.get((arm, horizon), math.nan)),
        }
        out[arm] = json_figures({name: float(value) for name, value in figures.items()})
    return out


def top_less_universe(score: FloatArray, forward: FloatArray, share: float) -> FloatArray:
    """Mean return of the top `share` of a day's scores less that of all that have both [n_days]; NaN below 5."""
    out = np.full(len(score), np.nan)
    for t in range(len(score)):
        known = np.flatnonzero(np.isfinite(score[t]) & np.isfinite(forward[t]))
        if len(known) >= 5:
            order = known[np.argsort(-score[t, known], kind="stable")]
            top = order[: math.ceil(share * len(order))]
            out[t] = forward[t, top].mean() - forward[t, known].mean()
    return out


def transfer_coefficients(
    market: Market, results: Mapping[Portfolio, PortfolioResult], traded: Mapping[str, FloatArray]
) -> dict[str, float | None]:
    """By portfolio (see `samgraph.factors.portfolio.transfer`)."""
    benchmark = universe_weights(market)
    out: dict[str, float | None] = {}
    for one, book in results.items():
        found = transfer_coefficient(book.holdings, traded[one.arm], benchmark, market, book.rules.lag)
        out[one.name] = found if math.isfinite(found) else None
    return out


def costs_by_cause(books: Mapping[str, PortfolioResult], year: float) -> pd.DataFrame:
    """What trading cost, by what it was done for.

    Returns:
        variant, cause (score; membership: what left the universe; drift: what prices, lots and blocked orders moved
        away from the target; bounds: what the optimiser traded against its view; write_off), trades, amount, cost
        (money), cost_a_year (share of the value of the day before, as the summary's `cost`, which these add up to).
    """
    rows = []
    for name, book in books.items():
        daily = book.daily
        before = (daily["value"] / (1.0 + daily["return"])).set_axis(pd.DatetimeIndex(daily["date"]))
        trades = book.trades.assign(cause=book.trades["reason"].map(CAUSES))
        share = trades["cost"].to_numpy() / before.reindex(trades["date"]).to_numpy()
        for cause, own in trades.assign(share=share).groupby("cause", sort=True):
            a_year = float(own["share"].sum()) / len(daily) * year
            rows.append((name, cause, len(own), float(own["amount"].sum()), float(own["cost"].sum()), a_year))
    return pd.DataFrame(rows, columns=["variant", "cause", "trades", "amount", "cost", "cost_a_year"])


CAUSES = {
    "enter": "score",
    "drop": "score",
    "score": "score",
    "left_universe": "membership",
    "drift": "drift",
    "bounds": "bounds",
    "delisted": "write_off",
}
"""What a trade's reason comes from."""


def write_offs(books: Mapping[str, PortfolioResult]) -> dict[str, dict[str, Any]]:
    """By portfolio: how many holdings were written off, of which companies on which day, and what they lost.

    `loss` is a share of the portfolio's value on the day before, summed over the write-offs.
    """
    out = {}
    for name, book in books.items():
        mine = book.trades[book.trades["reason"] == "delisted"]
        loss, told = 0.0, []
        for row in mine.to_dict("records"):
            held = book.holdings[
                (book.holdings["company_id"] == row["company_id"]) & (book.holdings["date"] < row["date"])
            ]
            last = held.iloc[-1] if len(held) else None
            share = (
                0.0 if last is None else float(last["weight"]) * (1.0 - row["amount"] / float(last["value"]))
            )
            loss += share
            told.append({"company_id": row["company_id"], "date": str(row["date"].date()), "loss": share})
        out[name] = {"count": len(told), "loss": loss, "holdings": told}
    return out
