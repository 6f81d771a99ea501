"""The pictures of a report, each made from the frames of a run's files.

Colours are readable on light and on dark paper; backgrounds are transparent. Every picture says its unit, and the
number of observations stands in its caption (samgraph.report).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

INK = "#808792"
COLOURS = {
    "product": "#2a78d6",
    "industry": "#d9822b",
    "gru": "#8a63d2",
    "concept": "#2a78d6",
    "hidden": "#1f9e89",
    "individual": "#c8463c",
    "score": "#808792",
}
Z95 = 1.959964  # two-sided 95% of the normal distribution


def _layout(figure: go.Figure, y_title: str, *, height: int = 380, percent: bool = False) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 16, "t": 36, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    axis = {"gridcolor": "rgba(128,135,146,0.25)", "zerolinecolor": "rgba(128,135,146,0.6)"}
    figure.update_xaxes(**axis)
    figure.update_yaxes(title_text=y_title, tickformat=".0%" if percent else None, **axis)
    return figure


def _line(x: object, y: object, name: str, *, width: float = 2, percent: bool = True) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        mode="lines",
        line={"color": COLOURS.get(name, INK), "width": width},
        hovertemplate="%{y:.2%}" if percent else "%{y:.4f}",
    )


def excess_curves(portfolio: pd.DataFrame) -> go.Figure:
    """Cumulated daily excess return over the benchmark after costs, one line a variant."""
    figure = go.Figure()
    for variant, daily in portfolio.groupby("variant", sort=False):
        figure.add_trace(_line(daily["date"], daily["excess_return"].cumsum(), str(variant)))
    return _layout(figure, "cumulated excess return", percent=True)


def difference_curve(difference: pd.Series, half_width: float) -> go.Figure:
    """Cumulated daily difference of two variants, with the band that 95% of paths without one would stay in.

    Args:
        difference: [n_dates] product minus industry, indexed by date
        half_width: of the bootstrap's 95% interval of the whole period's mean day; it grows as the root of time
    """
    days = np.arange(1, len(difference) + 1)
    band = half_width * np.sqrt(len(difference) * days)
    figure = go.Figure()
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=difference.index, y=band, **edge))
    figure.add_trace(
        go.Scatter(
            x=difference.index,
            y=-band,
            **(edge | {"showlegend": True}),
            fill="tonexty",
            fillcolor="rgba(128,135,146,0.22)",
            name="95% of paths without a difference",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=difference.index,
            y=difference.cumsum(),
            name="product − industry",
            mode="lines",
            line={"color": COLOURS["product"], "width": 2},
            hovertemplate="%{y:.2%}",
        )
    )
    return _layout(figure, "cumulated difference", percent=True)


def rank_ic_by_horizon(decay: pd.DataFrame, parts: tuple[str, ...]) -> go.Figure:
    """Mean neutralised Rank IC by horizon, with its Newey-West 95% interval, one line a part of the score."""
    figure = go.Figure()
    for part in parts:
        rows = decay[decay["factor"] == part].sort_values("horizon")
        spread = Z95 * (rows["rank_ic"] / rows["tstat_nw"]).abs()
        figure.add_trace(
            go.Scatter(
                x=rows["horizon"].astype(str),
                y=rows["rank_ic"],
                error_y={"type": "data", "array": spread, "thickness": 1.2},
                name=part,
                mode="lines+markers",
                line={"color": COLOURS.get(part, INK), "width": 2},
                hovertemplate="%{y:.4f}",
            )
        )
    _layout(figure, "mean Rank IC")
    figure.update_xaxes(title_text="horizon (trading days)", type="category")
    return figure


def quantile_returns(quantiles: pd.DataFrame, parts: tuple[str, ...], horizon: int) -> go.Figure:
    """Mean forward return over `horizon` days less the day's mean over quantiles, by quantile of each part."""
    figure = go.Figure()
    at = quantiles[quantiles["horizon"] == horizon]
    for part in parts:
        daily = at[at["factor"] == part].pivot_table(index="date", columns="quantile", values="mean_return")
        means = daily.sub(daily.mean(axis=1), axis=0).mean()
        figure.add_trace(
            go.Bar(
                x=means.index.astype(str),
                y=means,
                name=part,
                marker={"color": COLOURS.get(part, INK)},
                hovertemplate="%{y:.3%}",
            )
        )
    _layout(figure, f"return over {horizon} days less the mean")
    figure.update_yaxes(tickformat=".2%")
    figure.update_xaxes(title_text="quantile (1 = lowest)", type="category")
    return figure


def learning_curves(curves: pd.DataFrame) -> go.Figure:
    """Validation Rank IC by epoch: a panel a variant, a line a seed and window."""
    variants = list(dict.fromkeys(curves["variant"]))
    figure = make_subplots(rows=1, cols=len(variants), subplot_titles=variants, shared_yaxes=True)
    for column, variant in enumerate(variants, start=1):
        for (seed, window), rows in curves[curves["variant"] == variant].groupby(["seed", "window"]):
            trace = _line(rows["epoch"], rows["valid_ic"], variant, width=1.4, percent=False)
            trace.name = f"seed {seed}, window {window}"
            trace.showlegend = False
            trace.mode = "lines+markers"
            trace.marker.size = 4
            figure.add_trace(trace, row=1, col=column)
    _layout(figure, "", height=300)
    figure.update_yaxes(title_text="validation Rank IC", col=1)
    figure.update_xaxes(title_text="epoch")
    return figure


def window_bars(windows: pd.DataFrame) -> go.Figure:
    """The walk-forward windows as bars along the calendar: train, validate, test."""
    colours = {"train": "#9aa3ae", "validate": "#e3b341", "test": "#2a78d6"}
    figure = go.Figure()
    for part, colour in colours.items():
        rows = windows[windows["part"] == part]
        figure.add_trace(
            go.Bar(
                y=["window " + str(number) for number in rows["window"]],
                x=(rows["last"] - rows["first"]).dt.total_seconds() * 1000,
                base=rows["first"],
                orientation="h",
                name=part,
                marker={"color": colour},
                customdata=np.stack([rows["first"].dt.date, rows["last"].dt.date, rows["days"]], axis=-1),
                hovertemplate="%{customdata[0]} to %{customdata[1]}: %{customdata[2]} days",
            )
        )
    _layout(figure, "", height=120 + 36 * windows["window"].nunique())
    figure.update_layout(barmode="overlay", hovermode="closest")
    figure.update_xaxes(type="date")
    figure.update_yaxes(autorange="reversed")
    return figure


def exposure_tree(exposure: pd.DataFrame) -> go.Figure:
    """Product exposure of the portfolio through the taxonomy: area is the share of revenue-weighted holdings.

    Args:
        exposure: product_id, name, parent_id (empty for a root), weight (subtree), active_weight (less the universe)
    """
    largest = max(float(exposure["active_weight"].abs().max()), 1e-9)
    figure = go.Figure(
        go.Treemap(
            ids=exposure["product_id"],
            labels=exposure["name"],
            parents=exposure["parent_id"].fillna(""),
            values=exposure["weight"],
            branchvalues="total",
            maxdepth=3,
            marker={
                "colors": exposure["active_weight"],
                "colorscale": [[0, "#c8463c"], [0.5, "#8f969f"], [1, "#2a78d6"]],
                "cmin": -largest,
                "cmax": largest,
                "colorbar": {"title": "active", "tickformat": ".1%"},
            },
            customdata=exposure["active_weight"],
            hovertemplate="%{label}<br>weight %{value:.2%}<br>less the universe %{customdata:+.2%}<extra></extra>",
        )
    )
    _layout(figure, "", height=460)
    return figure
