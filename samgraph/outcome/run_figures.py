"""Figures of a run's summary: its period, its portfolios, the comparison with the control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.registry import BASE, CONTROL
from samgraph.config import RunConfig
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.evaluate import Evaluation
from samgraph.factors.evaluation.inference import FEWEST_DAYS, mean_test
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.portfolio.topk_portfolio import PortfolioResult
from samgraph.files import json_figures
from samgraph.outcome.books import Books
from samgraph.outcome.capacity import break_even
from samgraph.outcome.caps import known_caps
from samgraph.outcome.traded import (
    signal_figures,
    transfer_coefficients,
    write_offs,
)
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]


def period(config: RunConfig, inputs: Inputs, score: FloatArray, year: float) -> dict[str, Any]:
    """What was run: universe, test days, companies, seeds."""
    days = inputs.market.dates[inputs.test]
    return {
        "universe": config.universe,
        "start": config.start.isoformat(),
        "test_start": days[0].date().isoformat(),
        "end": days[-1].date().isoformat(),
        "days": len(days),
        "days_a_year": year,
        "market_cap_known": known_caps(inputs.market, inputs.test),
        "companies": int(np.isfinite(score).any(axis=0).sum()),
        "seeds": config.seeds,
        "label_horizon": config.model.hist(config.trading).horizon,
    }


def portfolio_figures(
    config: RunConfig,
    inputs: Inputs,
    kept: Books,
    traded: Mapping[str, FloatArray],
    raw: Evaluation,
    label: FloatArray,
    year: float,
) -> dict[str, Any]:
    """Each portfolio's figures, the predictive power of the traded score, and how far the portfolio follows it.

    `label`: the return over the label's horizon after each test day [n_days, n_stocks].
    """
    horizon = config.model.hist(config.trading).horizon
    return {
        "variants": {
            one.name: variant_summary(raw.decay, one.arm, book, year) for one, book in kept.results.items()
        },
        "portfolios": {one.name: one.as_dict() for one in kept.results},
        "traded": {
            "score": config.trading.score,
            "smoothing": config.trading.smoothing,
            "arms": signal_figures(inputs, traded, label, horizon),
            "transfer_coefficient": transfer_coefficients(inputs.market, kept.results, traded),
        },
        "write_offs": write_offs(kept.named()),
        "break_even": break_even(kept.named()),
    }


def compare(kept: Books, raw: Evaluation, horizon: int, seed: int, year: float) -> dict[str, Any] | None:
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


def variant_summary(decay: pd.DataFrame, name: str, book: PortfolioResult, year: float) -> dict[str, Any]:
    row = decay[decay["factor"] == name].iloc[0]
    figures = {column: float(row[column]) for column in ("ic", "rank_ic", "icir", "rank_icir")}
    figures["rank_ic_tstat_nw"] = float(row["tstat_nw"])
    return json_figures(figures) | performance(book.daily, year).as_dict()
