"""The pictures of a desk's pages: rolling figures, cumulated effects, exposures over time, crowding, capacity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from samgraph.report.pictures.figures import BAD, GOOD, layout, line, lines, plain

WINDOW = 120  # trading days of a rolling figure
LINES = 8  # of one picture


def rolling(daily: pd.DataFrame, year: float) -> pd.DataFrame:
    """date, ir, tracking_error, beta and both volatilities over the last `WINDOW` days; from the first with as many.

    Args:
        daily: date, return, benchmark_return, excess_return.
        year: trading days in a year.
    """
    excess = daily["excess_return"].rolling(WINDOW)
    both = daily[["return", "benchmark_return"]]
    spread = both["benchmark_return"].rolling(WINDOW)
    covariance = both["return"].rolling(WINDOW).cov(both["benchmark_return"])
    deviation = excess.std()
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = pd.DataFrame(
            {
                "date": daily["date"],
                "ir": excess.mean() / deviation.where(deviation > 1e-12) * year**0.5,
                "tracking_error": deviation * year**0.5,
                "beta": covariance / spread.var().where(spread.var() > 1e-18),
                "volatility": both["return"].rolling(WINDOW).std() * year**0.5,
                "benchmark_volatility": spread.std() * year**0.5,
            }
        )
    return frame.iloc[WINDOW - 1 :].reset_index(drop=True)


def rolling_lines(found: pd.DataFrame, column: str, title: str, *, percent: bool = False) -> go.Figure:
    """One rolling figure over time."""
    figure = go.Figure(line(found["date"], found[column], title, form=".2%" if percent else ".2f"))
    return layout(figure, title, height=260, percent=percent)


def rolling_volatility(found: pd.DataFrame) -> go.Figure:
    """The portfolio's and its benchmark's volatility over time."""
    columns = {"portfolio": found["volatility"], "benchmark": found["benchmark_volatility"]}
    figure = lines(go.Figure(), found["date"], columns)
    return layout(figure, "volatility", height=260, percent=True)


def underwater(daily: pd.DataFrame) -> go.Figure:
    """How far value, and value over the benchmark, stand below their highest so far."""
    curve = (1.0 + daily["return"]).cumprod()
    relative = curve / (1.0 + daily["benchmark_return"]).cumprod()
    curves = {"value": curve, "value over the benchmark": relative}
    below = {name: values / values.cummax().clip(lower=1.0) - 1.0 for name, values in curves.items()}
    figure = lines(go.Figure(), daily["date"], below)
    return layout(figure, "below the highest so far", height=300, percent=True)


def cumulated(effects: pd.DataFrame) -> go.Figure:
    """Cumulated daily effects: a column an effect, indexed by date; the largest ones."""
    largest = effects.abs().sum().sort_values(ascending=False, kind="stable").index[:LINES]
    figure = lines(go.Figure(), effects.index, {str(name): effects[name].cumsum() for name in largest})
    return layout(figure, "cumulated effect", percent=True)


def active_lines(history: pd.DataFrame, *, percent: bool) -> go.Figure:
    """Active exposures over time, a line a style or industry: the ones that are largest on average."""
    wide = history.pivot_table(index="date", columns="factor", values="active").fillna(0.0)
    largest = wide.abs().mean().sort_values(ascending=False, kind="stable").index[:LINES]
    columns = {str(name): wide[name] for name in largest}
    figure = lines(go.Figure(), wide.index, columns, form=".1%" if percent else ".2f")
    return layout(figure, "less universe" + ("" if percent else " (st. dev.)"), percent=percent)


def overlap_lines(crowding: pd.DataFrame) -> go.Figure:
    """Overlap with a plain factor's portfolio over time, beside that by chance."""
    columns = {"overlap": crowding["overlap"], "with the whole universe": crowding["by_chance"]}
    figure = lines(go.Figure(), crowding["date"], columns, form=".1%")
    return layout(figure, "share of what is invested", height=300, percent=True)


def monthly_bars(months: pd.DataFrame, column: str, title: str) -> go.Figure:
    """A figure of each month as bars: month, and the column."""
    figure = go.Figure(
        go.Bar(
            x=months["month"],
            y=months[column],
            name=plain(title),
            marker={"color": [GOOD if value >= 0 else BAD for value in months[column]]},
            hovertemplate="%{y:.2%}",
        )
    )
    layout(figure, title, height=260, percent=True)
    figure.update_xaxes(type="category", nticks=12)
    return figure


def capacity_curve(capacity: pd.DataFrame) -> go.Figure:
    """Annualised excess return by the money at the start, on a log axis."""
    columns = {"excess, arithmetic": capacity["excess_return"], "costs": capacity["cost"]}
    figure = lines(go.Figure(), capacity["capital"], columns)
    figure.update_traces(mode="lines+markers")
    layout(figure, "a year", height=300, percent=True)
    figure.update_xaxes(type="log", title_text="money at the start")
    return figure
