"""What a risk manager asks of a factor beyond its mean: is it only style, only luck of a date, only small caps?

Every factor is evaluated against three yardsticks, each day by a regression of its own cross-section:

    industry_size      industry dummies and log market cap (the run's files ic, decay, quantiles, turnover)
    styles             the style risk model alone: size, beta, momentum, reversal, volatility, liquidity, value if given
    styles_industries  the same with industries added

and each result is read by rebalance offset and calendar year; those neutral to industry and size also within groups of
companies by size and by industry. Premia are Fama and MacBeth's, of all factors and styles side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.evaluation.breakdown import FIGURES, by_group, by_offset, by_year, size_groups
from samgraph.factors.evaluation.evaluate import Evaluation, evaluate
from samgraph.factors.evaluation.inference import q_values
from samgraph.factors.regression.fama_macbeth import fama_macbeth
from samgraph.factors.signals.styles import standardise
from samgraph.files import json_figures
from samgraph.hist.market import Market

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NEUTRAL, STYLES, BOTH = "industry_size", "styles", "styles_industries"
SIZES = ("small", "middle", "large")
BREAKDOWN = ("against", "factor", "horizon", "by", "group", *FIGURES)
SHOWN = ("rank_icir", "p_value", "p_bootstrap", "q_value", "spread", "spread_tstat_nw", "monotonicity")
SUM_OF_OTHERS = "score"  # of concept, hidden and individual part: beside them it has no slope of its own


@dataclass(frozen=True, eq=False)
class Study:
    """Tables under the names of a run's files, and figures by yardstick, factor and horizon.

    Attributes:
        orthogonal: against, then the columns of `Evaluation.decay`; q_value over all its rows.
        breakdown: against, factor, horizon, by (offset, year, size, industry), group, rank_ic, rank_icir, tstat_nw,
            positive (share of days), n_days. At one offset returns do not overlap, so its t is the plain one.
        premia: factor, premium (mean return over the horizon for one standard deviation), se, t, p_value, n_days,
            horizon, freedom.
        figures: yardstick -> factor -> horizon -> figures, for the summary.
    """

    orthogonal: pd.DataFrame
    breakdown: pd.DataFrame
    premia: pd.DataFrame
    figures: dict[str, dict[str, dict[str, dict[str, float]]]]


def study(
    named: Mapping[str, FloatArray],
    forward: Mapping[int, FloatArray],
    neutral: Evaluation,
    market: Market,
    styles: Mapping[str, FloatArray],
    sectors: tuple[IntArray, tuple[str, ...]],
    *,
    days: slice,
    label: tuple[int, FloatArray],
) -> Study:
    """Study the factors of a run on its test days.

    Args:
        named: factor -> [n_dates, n_stocks], day t from data known by t.
        forward: horizon in trading days -> return that starts after each test day [n_days, n_stocks].
        neutral: the evaluation of the test days, neutral to industry and log market cap.
        market: bars and members [n_dates, n_stocks].
        styles: name -> [n_dates, n_stocks] standardised styles.
        sectors: industry of each stock [n_dates, n_stocks], below 0 = none, and the industries' ids.
        days: the test days.
        label: horizon of the premia and its returns [n_days, n_stocks].
    """
    dates, looks = market.dates[days], [values[days] for values in styles.values()]
    labels, ids = sectors
    found = {NEUTRAL: neutral}
    for against, classes in ((STYLES, None), (BOTH, labels[days])):
        raw = {name: values[days] for name, values in named.items()}
        found[against] = evaluate(raw, forward, dates, market.stocks, classes, covariates=looks)
    orthogonal = pd.concat(
        [found[against].decay.assign(against=against) for against in (STYLES, BOTH)], ignore_index=True
    )
    orthogonal.insert(0, "against", orthogonal.pop("against"))
    orthogonal["q_value"] = q_values(orthogonal["p_value"])
    parts = [part for against, one in found.items() for part in _in_time(one, against)]
    cap = size_groups(market.market_cap[days], len(SIZES), member=market.member[days])
    for by, groups, names in (("size", cap, SIZES), ("industry", labels[days], ids)):
        parts += _in_groups(neutral, forward, by, groups, names)
    breakdown = pd.concat(parts, ignore_index=True)[list(BREAKDOWN)]
    tables = {NEUTRAL: neutral.decay.assign(against=NEUTRAL)} | {
        against: orthogonal[orthogonal["against"] == against] for against in (STYLES, BOTH)
    }
    return Study(
        orthogonal,
        breakdown,
        _premia(named, styles, label, market, days),
        {against: _figures(table, breakdown) for against, table in tables.items()},
    )


def _in_time(found: Evaluation, against: str) -> list[pd.DataFrame]:
    """By offset and by year; an offset's figures do not overlap."""
    offset = by_offset(found.ic).rename(columns={"tstat": "tstat_nw", "n": "n_days", "offset": "group"})
    year = by_year(found.ic).rename(columns={"year": "group"})
    parts = []
    for by, part in (("offset", offset), ("year", year)):
        parts.append(part.assign(against=against, by=by, group=part["group"].astype(str)))
    return parts


def _in_groups(
    found: Evaluation, forward: Mapping[int, FloatArray], by: str, groups: IntArray, names: tuple[str, ...]
) -> list[pd.DataFrame]:
    return [
        by_group(values, returns, groups, names, horizon=h).assign(
            against=NEUTRAL, factor=factor, horizon=h, by=by
        )
        for factor, values in found.neutralised.items()
        for h, returns in forward.items()
    ]


def _premia(
    named: Mapping[str, FloatArray],
    styles: Mapping[str, FloatArray],
    label: tuple[int, FloatArray],
    market: Market,
    days: slice,
) -> pd.DataFrame:
    """Fama-MacBeth premia of standardised factors and styles together; empty where no day can tell them apart."""
    horizon, forward = label
    member, cap = market.member[days], market.weights()[days]
    columns = {
        name: standardise(values[days], member, cap, fill=True)
        for name, values in named.items()
        if not name.endswith(SUM_OF_OTHERS) and not name.startswith("industry_")
    }
    columns = {
        name: values for name, values in columns.items() if np.nanmax(np.abs(values), initial=0.0) > 0.0
    }
    columns |= {name: values[days] for name, values in styles.items()}
    try:
        found = fama_macbeth(forward, columns, horizon=horizon)
    except ModelError:  # fewer stocks than columns, on every day
        names = ["factor", "premium", "se", "t", "p_value", "n_days", "horizon", "freedom"]
        return pd.DataFrame(columns=names)
    return found.premia.reset_index().assign(horizon=horizon, freedom=found.freedom)


def _figures(decay: pd.DataFrame, breakdown: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Factor -> horizon -> figures; of offsets and years how many there are and in how many the Rank IC is above 0."""
    against = str(decay["against"].iloc[0])
    mine = breakdown[(breakdown["against"] == against) & (breakdown["n_days"] > 0)]
    above = mine.assign(positive=mine["rank_ic"] > 0.0).groupby(["by", "factor", "horizon"])["positive"]
    count: dict[Any, int] = above.size().to_dict()
    positive: dict[Any, int] = above.sum().to_dict()
    out: dict[str, dict[str, dict[str, float]]] = {}
    for row in decay.to_dict("records"):
        factor, h = row["factor"], row["horizon"]
        figures = {"rank_ic": row["rank_ic"], "rank_ic_tstat_nw": row["tstat_nw"], "days": row["n_days"]}
        figures |= {name: row[name] for name in SHOWN}
        for by in ("offset", "year"):
            figures[f"{by}s"] = int(count.get((by, factor, h), 0))
            figures[f"{by}s_positive"] = int(positive.get((by, factor, h), 0))
        out.setdefault(factor, {})[str(h)] = json_figures(figures)
    return out
