"""The report's answer to: did it beat the benchmark and the industry control, by how much, how surely?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import BASE, CONTROL
from samgraph.report.html import (
    chance,
    figure,
    fine,
    given,
    number,
    percent,
    points,
    section,
    table,
    variant_link,
)
from samgraph.report.pictures import figures
from samgraph.run.folder import RunFolder
from samgraph.words import many

KINDS = {"total_return": "total return", "price": "price index, without dividends"}
COMPOUNDED = {
    "return": ("return, compounded", percent),
    "benchmark_return": ("benchmark, compounded", percent),
    "compound_excess_return": ("excess, compounded", percent),
    "max_drawdown": ("drawdown of the excess", percent),
}
ARITHMETIC = {
    "excess_return": ("excess, arithmetic", percent),
    "information_ratio": ("IR", number),
    "tracking_error": ("tracking error", percent),
    "turnover": ("turnover", number),
    "ic": ("IC", fine),
    "rank_ic": ("Rank IC", fine),
    "rank_icir": ("Rank ICIR", number),
    "rank_ic_tstat_nw": ("t", number),
}


def better(run: RunFolder) -> str:
    """Figures, curves, the difference from the control, and how much of it may be the reward of trying."""
    return section(
        "better",
        "Did it beat the benchmark and the industry control?",
        given(run, ("portfolio",), lambda daily: _difference(run, daily), "Curve of the difference"),
        _difference_in_words(run.summary.get(f"{BASE}_minus_{CONTROL}")),
        _benchmarks(run),
        _traded(run),
        _variants(run),
        _tried(run),
    )


def yearly(portfolio: pd.DataFrame) -> pd.DataFrame:
    """variant, year, days, return and benchmark (compounded), excess (sum of daily excess returns)."""
    rows = []
    for (variant, year), days in portfolio.groupby(["variant", portfolio["date"].dt.year], sort=False):
        grown = [float(np.prod(1.0 + days[name].to_numpy())) - 1.0 for name in ("return", "benchmark_return")]
        rows.append((variant, year, len(days), *grown, float(days["excess_return"].sum())))
    return pd.DataFrame(rows, columns=["variant", "year", "days", "return", "benchmark", "excess"])


def _benchmarks(run: RunFolder) -> str:
    """What the portfolios are held against, total return or price said of each."""
    found = run.summary.get("benchmarks")
    if not found:
        return ""
    kinds = {
        name: KINDS[row["kind"]] + (f"; {row['weights']}" if "weights" in row else "")
        for name, row in found["rows"].items()
    }
    return table(
        ["held against", "kind", "return, compounded"],
        [[name, kinds[name], percent(row["return"])] for name, row in found["rows"].items()],
        f"The benchmark of this run is {found['main']}, {KINDS[found['rows'][found['main']]['kind']]}. Growth a year, "
        f"without costs; {run.traded_days} days.",
        words=2,
    ) + table(
        ["held against", "over the benchmark, arithmetic", "tracking error"],
        [
            [name, *(percent(row[figure]) for figure in ("excess_return", "tracking_error"))]
            for name, row in found["rows"].items()
        ],
        "The universe by cap weights is the optimiser's benchmark: its tracking error is how far from the benchmark "
        "that is. A year, without costs.",
    )


SCORES = {
    "raw": "the raw score",
    "neutral": "the score neutral to industry and market cap",
    "styles": "the score neutral to industry and styles",
}
SIGNAL = {
    "ic": ("IC", fine),
    "rank_ic": ("Rank IC", fine),
    "rank_ic_tstat_nw": ("t", number),
    "spread": ("top less bottom fifth", percent),
    "top_less_universe": ("top tenth less universe", percent),
    "top_less_universe_tstat_nw": ("t of it", number),
    "rank_autocorrelation_1": ("rank memory, a day", number),
    "rank_autocorrelation_horizon": ("the label's days", number),
}


def _traded(run: RunFolder) -> str:
    """How good the traded score is, and how much of it reaches each portfolio."""
    found = run.summary.get("traded")
    if not found:
        return ""
    coefficients: dict[str, list[str]] = {}
    for name, one in run.portfolios.items():
        value = found["transfer_coefficient"].get(name)
        coefficients.setdefault(one.arm, []).append(f"{one.construction} {number(value)}")
    rows = [
        [arm, "; ".join(coefficients.get(arm, []))]
        + [show(figures[key]) for key, (_, show) in SIGNAL.items()]
        for arm, figures in found["arms"].items()
    ]
    smooth = f", averaged with a half-life of {found['smoothing']:g} days" if found["smoothing"] else ""
    return table(
        ["traded score of", "transfer coefficient", *(title for title, _ in SIGNAL.values())],
        rows,
        f"What is traded is {SCORES[found['score']]}{smooth}: its figures at {run.summary['label_horizon']} days, "
        "before costs. The transfer coefficient is the correlation of active risk with the score that decided it. Rank "
        "memory is the correlation of ranks with those of so many days before.",
        words=2,
    )


def _difference_in_words(difference: dict[str, Any] | None) -> str:
    if not difference:
        return "<p>The run has no industry control to be held against, or too few days for a test.</p>"
    sure = "excludes zero" if difference["ci_low"] > 0 or difference["ci_high"] < 0 else "includes zero"
    return (
        f"<p>Products over industries: {points(difference['excess_return'])} a year; 95% interval "
        f"{points(difference['ci_low'])} to {points(difference['ci_high'])}, p = {chance(difference['p_value'])} "
        f"(paired stationary bootstrap of the t-statistic, {difference['n_days']} days, mean block "
        f"{difference['block_length']:.1f} days). The interval {sure}. Rank IC of the score: "
        f"{difference['rank_ic']:+.4f} over the control's (t = {number(difference['rank_ic_tstat_nw'])}).</p>"
    )


def _difference(run: RunFolder, portfolio: pd.DataFrame) -> str:
    difference = run.summary.get(f"{BASE}_minus_{CONTROL}")
    daily = portfolio.pivot_table(index="date", columns="variant", values="excess_return")
    if not difference or not {BASE, CONTROL} <= set(daily):
        return ""
    half_width = (difference["ci_high"] - difference["ci_low"]) / 2 / run.days_a_year
    return figure(
        figures.difference_curve((daily[BASE] - daily[CONTROL]).dropna(), half_width),
        "Products less industries",
        "Product portfolio less the industry control's, same days and seeds, cumulated; the band grows with the root "
        f"of time from the bootstrap's interval; {difference['n_days']} days.",
    )


def _variants(run: RunFolder) -> str:
    """The portfolios' figures, compounded and arithmetic ones in tables of their own."""

    def shown(columns: Mapping[str, tuple[str, Callable[[float | None], str]]], caption: str) -> str:
        rows = [
            [variant_link(run, name), *(show(values.get(key)) for key, (_, show) in columns.items())]
            for name, values in run.summary["variants"].items()
        ]
        return table(["variant", *(title for title, _ in columns.values())], rows, caption)

    return shown(
        COMPOUNDED,
        f"Portfolios after costs, {run.traded_days} days: growth a year, and its difference. Drawdown: of the "
        "portfolio's value over the benchmark's.",
    ) + shown(
        ARITHMETIC,
        f"The same portfolios: the mean daily excess times the days of a year ({run.days_a_year:.1f} by the data's own "
        "calendar). Turnover is one-sided; t is that of the mean Rank IC, with 1.96 as its 5% critical value; IC and "
        f"Rank IC of the raw score at {run.summary['label_horizon']} days.",
    )


def _tried(run: RunFolder) -> str:
    """Deflated Sharpe ratios, the number of trials, and the probability of overfitting."""
    found = run.summary.get("overfitting")
    if not found:
        return "<p class='soft'>How many trials stand behind the result: the run kept no count.</p>"
    rows = [
        [variant_link(run, name)]
        + [
            number(None if value is None else value * run.days_a_year**0.5)
            for value in (v["sharpe"], v["threshold"])
        ]
        + [chance(v["deflated_sharpe"])]
        for name, v in found["variants"].items()
    ]
    shown = table(
        ["variant", "Sharpe ratio", "expected best of skill-less trials", "deflated Sharpe"],
        rows,
        f"Ratios of daily excess returns, a year; {run.traded_days} days. The deflated Sharpe ratio is "
        "the probability "
        f"that the true ratio is above the best that {found['trials']} skill-less trials would give.",
    )
    odds = found["probability_of_overfitting"].get("trials")
    words = (
        f"Probability of overfitting: {odds['probability']:.2f}: how often the best of {odds['trials']} "
        "trials on one half of "
        f"the {odds['days']} days fell below the median on the other half ({odds['splits']:,} ways to halve "
        "them). It judges "
        "the choice among the trials, not whether they beat the benchmark."
        if odds
        else "Too few trials or days for a probability of overfitting."
    )
    return (
        f"<p>Made on the same data, universe and period: {many(found['trials'], 'trial')} "
        f"({many(found['configurations'], 'configuration')}). {words}</p>{shown}"
    )
