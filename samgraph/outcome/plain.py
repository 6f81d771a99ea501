"""Plain factors beside a score, on its days and stocks: what a model must beat to be worth its trouble."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.inference import q_values
from samgraph.files import json_figures
from samgraph.outcome.against import rank_ic_over
from samgraph.outcome.factor_study import NEUTRAL
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]
RAW = "nothing"


def plain_table(
    inputs: Inputs,
    plain: Mapping[str, FloatArray],
    score: FloatArray,
    forward: Mapping[int, FloatArray],
    *,
    name: str = "score",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The score and every plain factor at each horizon, as they are and neutral to industry and log market cap.

    Args:
        inputs: the run's.
        plain: name -> [n_dates, n_stocks] (`samgraph.factors.signals.plain`); looked at where the score is known.
        score: [n_dates, n_stocks].
        forward: horizon -> return that starts after each test day [n_days, n_stocks].
        name: what the score's rows are called.

    Returns:
        against (nothing, industry_size), then the columns of `Evaluation.decay`; q_value over all rows. And the
        daily `Evaluation.ic` of the factors as they are.
    """
    test, market = inputs.test, inputs.market
    scored = np.isfinite(score[test])
    panels = {name: score[test]} | {
        one: np.where(scored, values[test], np.nan) for one, values in plain.items() if one != name
    }
    dates = market.dates[test]
    raw = evaluate(panels, forward, dates, market.stocks)
    neutral = evaluate(
        panels,
        forward,
        dates,
        market.stocks,
        labels=inputs.sectors[test],
        log_cap=market.log_caps()[test],
    )
    table = pd.concat(
        [raw.decay.assign(against=RAW), neutral.decay.assign(against=NEUTRAL)], ignore_index=True
    )
    table.insert(0, "against", table.pop("against"))
    table["q_value"] = q_values(table["p_value"])
    return table, raw.ic


def best_plain(
    table: pd.DataFrame, ic: pd.DataFrame, horizon: int, *, name: str = "score"
) -> dict[str, Any] | None:
    """The plain factor with the highest Rank IC at a horizon, as it is: for summary.json; None where none has one.

    It is the best in hindsight of `among`, so its Rank IC flatters it; that of the score stands beside it, and under
    `score_less_factor` the mean of their daily difference with its test (`samgraph.outcome.against.rank_ic_over`).
    """
    rows = table[(table["against"] == RAW) & (table["horizon"] == horizon)]
    figures = {str(row["factor"]): row for row in rows.to_dict("records")}
    score = figures.pop(name, {})
    ranked = {one: row for one, row in figures.items() if math.isfinite(row["rank_ic"])}
    if not ranked:
        return None
    best = max(ranked, key=lambda one: float(ranked[one]["rank_ic"]))
    told = {
        "rank_ic": float(ranked[best]["rank_ic"]),
        "rank_ic_tstat_nw": float(ranked[best]["tstat_nw"]),
        "score_rank_ic": float(score.get("rank_ic", math.nan)),
    }
    return (
        {"factor": best, "horizon": horizon, "among": len(ranked)}
        | json_figures(told)
        | {"score_less_factor": rank_ic_over(ic, best, horizon, name=name)}
    )
