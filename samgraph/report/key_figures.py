"""What a tear sheet tells of daily returns: growth, ratios, tails, best and worst, and the months' distribution."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy import stats

from samgraph.arms.registry import BASE
from samgraph.report.html import Html, figure, number, pair, percent, table
from samgraph.report.html import term as in_glossary
from samgraph.report.pictures.figures import layout, lines, plain
from samgraph.words import many

TAIL = 0.05  # of the worst days, behind VaR and CVaR
BINS = 10  # of the months' distribution, at least
RISK = (
    ("growth", "growth a year, compounded", percent),
    ("volatility", "volatility a year", percent),
    ("sharpe", "Sharpe ratio", number),
    ("sortino", "Sortino ratio", number),
    ("drawdown", "worst drawdown", percent),
    ("calmar", "Calmar ratio", number),
    ("beta", "beta to the benchmark", number),
    ("correlation", "correlation with the benchmark", number),
)
DAYS = (
    ("var", "VaR, 95%, a day", percent),
    ("cvar", "CVaR, 95%, a day", percent),
    ("skew", "skewness of days", number),
    ("kurtosis", "excess kurtosis of days", number),
    ("best_day", "best day", percent),
    ("worst_day", "worst day", percent),
    ("days_up", "days above zero", percent),
    ("best_month", "best month", percent),
    ("worst_month", "worst month", percent),
    ("months_up", "months above zero", percent),
)
EXPLAINED = {"sharpe": "sharpe", "sortino": "sortino", "calmar": "calmar", "var": "var", "cvar": "var"}


def key_figures(daily: pd.Series, growth: pd.Series, months: pd.Series, year: float) -> dict[str, float]:
    """The figures of `RISK` and `DAYS` but beta and correlation; NaN where the days do not give one.

    Args:
        daily: returns of days, for ratios, tails and best and worst days.
        growth: returns of days that are compounded for growth and drawdown: the same, or those over a benchmark.
        months: returns of months.
        year: trading days in a year.

    Ratios take no rate off. Sortino: mean over the root of the mean of squared returns below zero. VaR: minus the 5%
    quantile of days (historical, interpolated); CVaR: minus the mean of the days at or below it. Skewness and kurtosis
    are corrected for the number of days.
    """
    curve = (1.0 + growth).cumprod()
    deepest = float((curve / curve.cummax().clip(lower=1.0)).min()) - 1.0
    rate = float(curve.iloc[-1]) ** (year / len(curve)) - 1.0
    deviation = float(daily.std())
    below = math.sqrt(float((daily.clip(upper=0.0) ** 2).mean()))
    quantile = float(daily.quantile(TAIL))
    mean = float(daily.mean())
    return {
        "growth": rate,
        "volatility": deviation * year**0.5,
        "sharpe": _over(mean, deviation) * year**0.5,
        "sortino": _over(mean, below) * year**0.5,
        "drawdown": deepest,
        "calmar": _over(rate, -deepest),
        "var": -quantile,
        "cvar": -float(daily[daily <= quantile].mean()),
        "skew": float(stats.skew(daily, bias=False)),
        "kurtosis": float(stats.kurtosis(daily, bias=False)),
        "best_day": float(daily.max()),
        "worst_day": float(daily.min()),
        "best_month": float(months.max()),
        "worst_month": float(months.min()),
        "days_up": float((daily > 0.0).mean()),
        "months_up": float((months > 0.0).mean()),
    }


def _over(a: float, b: float) -> float:
    return a / b if b > 1e-12 else math.nan


def key_tables(daily: pd.DataFrame, by_month: pd.DataFrame, year: float) -> str:
    """Of the portfolio, its benchmark, and the one over the other: two tables side by side.

    Args:
        daily: return, benchmark_return, excess_return.
        by_month: days, return, benchmark, excess (`samgraph.report.months.monthly`).
        year: trading days in a year.
    """
    own, market, excess = (daily[name] for name in ("return", "benchmark_return", "excess_return"))
    relative = (1.0 + own) / (1.0 + market) - 1.0
    found = {
        BASE: key_figures(own, own, by_month["return"], year)
        | {
            "beta": _over(float(own.cov(market)), float(market.var())),
            "correlation": float(own.corr(market)),
        },
        "benchmark": key_figures(market, market, by_month["benchmark"], year),
        "excess": key_figures(excess, relative, by_month["excess"], year),
    }
    # a difference of growths, as elsewhere in the report: no ratio of it to a relative drawdown
    found["excess"] |= {"growth": found[BASE]["growth"] - found["benchmark"]["growth"], "calmar": math.nan}
    rows = [
        [
            [_named(key, name), *(show(figures.get(key)) for figures in found.values())]
            for key, name, show in part
        ]
        for part in (RISK, DAYS)
    ]
    said = (
        f"{BASE} after costs, {len(daily)} days. Ratios take no riskless rate off; Sharpe ratio and volatility of the "
        "excess are its information ratio and tracking error; its growth is the difference of both, its drawdown that "
        "of the value over the benchmark's."
    )
    other = (
        f"The same days, and {many(len(by_month), 'calendar month')}, those that the test cuts among them."
    )
    return "<h3>Key figures</h3>" + pair(
        table(["figure", *found], rows[0], said), table(["days and months", *found], rows[1], other)
    )


def _named(key: str, name: str) -> str | Html:
    return in_glossary(EXPLAINED[key], name) if key in EXPLAINED else name


def growth_curves(daily: pd.DataFrame) -> go.Figure:
    """What 1 became in the portfolio and in its benchmark, on a log axis."""
    curves = {
        BASE: (1.0 + daily["return"]).cumprod(),
        "benchmark": (1.0 + daily["benchmark_return"]).cumprod(),
    }
    drawn = lines(go.Figure(), daily["date"], curves, form=".3f")
    layout(drawn, "value of 1 (log)", height=300)
    return drawn.update_yaxes(type="log", nticks=6)


def month_bars(by_month: pd.DataFrame) -> go.Figure:
    """How many months the portfolio's and the benchmark's returns were in each step of a few percent."""
    values = by_month[["return", "benchmark"]].to_numpy()
    wide = _step((float(values.max()) - float(values.min())) / BINS)
    first, last = math.floor(values.min() / wide), math.floor(values.max() / wide)
    edges = np.arange(first, last + 2) * wide
    drawn = go.Figure()
    for column, name in (("return", BASE), ("benchmark", "benchmark")):
        counts, _ = np.histogram(by_month[column], edges)
        drawn.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                name=plain(name),
                customdata=np.stack([edges[:-1], edges[1:]], axis=-1),
                hovertemplate="%{y} months from %{customdata[0]:.1%} to %{customdata[1]:.1%}",
            )
        )
    for trace, line in zip(
        drawn.data, lines(go.Figure(), [0], {BASE: [0], "benchmark": [0]}).data, strict=True
    ):
        trace.marker.color = line.line.color
    layout(drawn, "months", height=300)
    drawn.update_layout(bargap=0.15)
    every = math.ceil(len(edges) / 5)  # as many labels as a phone has room for
    shown = edges[-first % every :: every]  # zero among them
    return drawn.update_xaxes(
        tickvals=shown, tickformat=".1%" if wide * every % 0.01 else ".0%", title_text="return of the month"
    )


def _step(width: float) -> float:
    """The largest of 0.5%, 1%, 2%, 5%, 10%, ... up to a width; 0.5% for narrower ones."""
    steps = [times * 10.0**power for power in range(-3, 3) for times in (1.0, 2.0, 5.0)]
    return max([0.005, *(step for step in steps if step <= width)])


def curves(daily: pd.DataFrame, by_month: pd.DataFrame, benchmark: str) -> str:
    """Growth, and the distribution of months, side by side."""
    return pair(
        figure(
            growth_curves(daily),
            "Growth of 1",
            f"{BASE} after costs, and {benchmark or 'its benchmark'}, compounded; {len(daily)} days.",
        ),
        figure(
            month_bars(by_month),
            "Distribution of months",
            f"Number of months by their compounded return; {many(len(by_month), 'month')}, with those that the "
            f"test cuts; {len(daily)} days.",
        ),
    )
