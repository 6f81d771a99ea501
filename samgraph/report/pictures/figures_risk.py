"""The pictures of risk: what was forecast beside what came, and how far an optimised portfolio went."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from samgraph.outcome.constructions import Portfolio
from samgraph.report.pictures.figures import BAD, INK, layout, line, plain, portfolio_line

WINDOW = 60  # trading days of a point


def rolled(backcast: pd.DataFrame, days_a_year: float) -> pd.DataFrame:
    """Volatility a year over the last `WINDOW` days of one portfolio: date, forecast and realised (root mean squares).

    Args:
        backcast: date, forecast (of the day after, daily), realised (that day's return), in the order of days
        days_a_year: trading days in a year
    """
    squares = backcast[["forecast", "realised"]] ** 2
    means = squares.rolling(WINDOW, min_periods=min(WINDOW, max(2, len(backcast) // 2))).mean()
    return (means * days_a_year).pow(0.5).assign(date=backcast["date"]).dropna()


def forecast_and_realised(backcast: pd.DataFrame, kind: Portfolio, days_a_year: float) -> go.Figure:
    """`rolled` as two lines."""
    found = rolled(backcast, days_a_year)
    figure = go.Figure()
    figure.add_trace(portfolio_line(found["date"], found["forecast"], kind))
    figure.data[-1].name = "forecast"
    figure.add_trace(line(found["date"], found["realised"], "score"))
    figure.data[-1].name = "realised"
    figure.data[-1].meta = {"variant": kind.name}
    layout(figure, "volatility a year", height=300, percent=True, time="level")
    figure.update_yaxes(rangemode="tozero")
    return figure


def tracking_errors(decisions: pd.DataFrame, kinds: Mapping[str, Portfolio], bound: float) -> go.Figure:
    """Forecast tracking error of each decision, its bound, and the days on which a bound was dropped.

    Args:
        decisions: variant, date, relaxed ("" where every bound held), tracking_error (a year)
        kinds: the portfolios by name
        bound: of the tracking error
    """
    figure = go.Figure()
    for variant, rows in decisions.groupby("variant", sort=False):
        figure.add_trace(portfolio_line(rows["date"], rows["tracking_error"], kinds[str(variant)]))
    dropped = decisions[decisions["relaxed"] != ""]
    if len(dropped):
        figure.add_trace(
            go.Scatter(
                x=dropped["date"],
                y=dropped["tracking_error"],
                mode="markers",
                name="a bound dropped",
                marker={"color": BAD, "size": 6},
                customdata=[plain(name) for name in dropped["relaxed"]],
                hovertemplate="%{y:.2%} without: %{customdata}",
            )
        )
    first, last = decisions["date"].min(), decisions["date"].max()
    figure.add_trace(
        go.Scatter(
            x=[first, last],
            y=[bound, bound],
            mode="lines",
            name="bound",
            line={"color": INK, "width": 1.3, "dash": "dash"},
            hovertemplate="%{y:.2%}",
        )
    )
    layout(figure, "forecast tracking error a year", height=300, time="level")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    return figure
