"""The pictures of where a return came from: parts of the score by horizon, year, group, yardstick and quantile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from samgraph.arms.registry import BASE
from samgraph.report.pictures.figures import BAD, GOOD, Z95, colour, layout, line, plain, quantile_colours

YARDSTICKS = {
    "industry_size": "industry, size",
    "styles": "styles",
    "styles_industries": "styles, industries",
}


def intervals(
    rows: Mapping[str, pd.DataFrame],
    at: str,
    value: str,
    t: str,
    *,
    y_title: str,
    places: Sequence[object],
    x_title: str = "",
    percent: bool = False,
    height: int = 360,
) -> go.Figure:
    """Points with 95% intervals, side by side at each place of a category axis, a colour a name.

    Args:
        rows: name -> frame with the columns `at` (place), `value`, `t` (its t statistic) and n_days
        at: name of the column of places
        value: name of the column of values
        t: name of the column of their t statistics
        y_title: title, with the unit
        places: in the order in which they stand; a name may lack some
        x_title: title, with the unit
        percent: the values are fractions to be shown as percent
        height: pixels
    """
    form = ".3%" if percent else ".4f"
    figure = go.Figure()
    for name, frame in rows.items():
        spread = Z95 * (frame[value] / frame[t]).abs()
        figure.add_trace(
            go.Scatter(
                x=[plain(place) for place in frame[at]],
                y=frame[value],
                error_y={"type": "data", "array": spread, "thickness": 1.3, "width": 3},
                name=plain(name),
                mode="markers",
                marker={"color": colour(name), "size": 7},
                customdata=pd.concat([frame[value] - spread, frame[value] + spread, frame["n_days"]], axis=1),
                hovertemplate=f"%{{y:{form}}} (%{{customdata[0]:{form}}} to %{{customdata[1]:{form}}}; "
                "%{customdata[2]} days)",
            )
        )
    layout(figure, y_title, height=height)
    figure.update_layout(scattermode="group", scattergap=0.45)
    figure.update_xaxes(
        title_text=x_title,
        type="category",
        categoryorder="array",
        categoryarray=[plain(place) for place in places],
        showgrid=False,
    )
    if percent:
        figure.update_yaxes(tickformat=".2%")
    return figure


def by_part(frame: pd.DataFrame, parts: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Part of the score -> its rows; parts without any left out."""
    found = {part: frame[frame["factor"] == part] for part in parts}
    return {part: rows for part, rows in found.items() if len(rows)}


def rank_ic_by_horizon(decay: pd.DataFrame, parts: Sequence[str]) -> go.Figure:
    """Mean neutralised Rank IC by horizon, with its 95% interval."""
    return intervals(
        by_part(decay.sort_values("horizon"), parts),
        "horizon",
        "rank_ic",
        "tstat_nw",
        y_title="mean Rank IC",
        places=sorted(decay["horizon"].unique()),
        x_title="horizon (trading days)",
    )


def spread_decay(decay: pd.DataFrame, parts: Sequence[str]) -> go.Figure:
    """Return of the top less the bottom quantile for each day held, by horizon: how fast the return fades."""
    daily = decay.assign(spread=decay["spread"] / decay["horizon"]).sort_values("horizon")
    return intervals(
        by_part(daily, parts),
        "horizon",
        "spread",
        "spread_tstat_nw",
        y_title="return a day held",
        places=sorted(decay["horizon"].unique()),
        x_title="horizon (trading days)",
        percent=True,
    )


def rank_memory(turnover: pd.DataFrame, parts: Sequence[str]) -> go.Figure:
    """Mean correlation of a part's ranks with those of so many days before."""
    figure = go.Figure()
    for part, rows in by_part(turnover, parts).items():
        means = rows.groupby("lag")["rank_autocorrelation"].agg(["mean", "count"])
        figure.add_trace(
            go.Scatter(
                x=means.index.astype(str),
                y=means["mean"],
                name=part,
                mode="lines+markers",
                line={"color": colour(part), "width": 2},
                customdata=means["count"],
                hovertemplate="%{y:.3f} (%{customdata} days)",
            )
        )
    layout(figure, "rank autocorrelation")
    figure.update_xaxes(title_text="lag (trading days)", type="category", showgrid=False)
    return figure


def quantile_returns(quantiles: pd.DataFrame, parts: Sequence[str], horizon: int) -> go.Figure:
    """Mean forward return over `horizon` days less the day's mean over quantiles, by quantile of each part."""
    figure = go.Figure()
    for part, rows in by_part(quantiles[quantiles["horizon"] == horizon], parts).items():
        daily = rows.pivot_table(index="date", columns="quantile", values="mean_return")
        means = daily.sub(daily.mean(axis=1), axis=0).mean()
        figure.add_trace(
            go.Bar(
                x=means.index.astype(str),
                y=means,
                name=part,
                marker={"color": colour(part)},
                hovertemplate="%{y:.3%}",
            )
        )
    layout(figure, f"return over {horizon} days less the mean")
    figure.update_yaxes(tickformat=".2%")
    figure.update_xaxes(title_text="quantile (1 = lowest)", type="category", showgrid=False)
    return figure


def ic_by_month(ic: pd.DataFrame) -> go.Figure:
    """Mean Rank IC of each calendar month of one factor at one horizon: date, rank_ic."""
    months = ic.groupby(ic["date"].dt.to_period("M").dt.to_timestamp())["rank_ic"].agg(["mean", "count"])
    figure = go.Figure(
        go.Bar(
            x=months.index,
            y=months["mean"],
            marker={"color": [GOOD if value >= 0 else BAD for value in months["mean"]]},
            customdata=months["count"],
            hovertemplate="%{y:.4f} (%{customdata} days)<extra></extra>",
        )
    )
    layout(figure, "mean Rank IC of the month", time="level")
    figure.update_xaxes(type="date", nticks=7)
    return figure


def ic_cumulated(ic: pd.DataFrame, parts: Sequence[str]) -> go.Figure:
    """Sum of daily Rank IC of each part at one horizon: a straight line is a factor that works evenly."""
    figure = go.Figure()
    for part, rows in by_part(ic.sort_values("date"), parts).items():
        figure.add_trace(line(rows["date"], rows["rank_ic"].cumsum(), part, form=".2f"))
    return layout(figure, "cumulated daily Rank IC", time="cumulated")


def quantile_curves(quantiles: pd.DataFrame, factor: str, horizon: int) -> go.Figure:
    """Return of each quantile of a factor less the mean of all, a day, cumulated by addition.

    Args:
        quantiles: date, factor, horizon, quantile, mean_return
        factor: whose
        horizon: whose returns; each counts a `horizon`-th on its day, for those of as many days overlap
    """
    rows = quantiles[(quantiles["factor"] == factor) & (quantiles["horizon"] == horizon)]
    daily = rows.pivot_table(index="date", columns="quantile", values="mean_return") / horizon
    curves = daily.sub(daily.mean(axis=1), axis=0).cumsum()
    figure = go.Figure()
    for name, ink in zip(curves, quantile_colours(curves.shape[1]), strict=True):
        trace = line(curves.index, curves[name], f"quantile {name}")
        trace.line.color = ink
        figure.add_trace(trace)
    return layout(figure, "cumulated, less the mean", percent=True, time="cumulated")


def offset_boxes(breakdown: pd.DataFrame, parts: Sequence[str]) -> go.Figure:
    """Mean Rank IC at each rebalance offset, a point each, a box a part.

    Args:
        breakdown: rows of one horizon and yardstick by offset
        parts: parts of the score
    """
    figure = go.Figure()
    for part, rows in by_part(breakdown, parts).items():
        figure.add_trace(
            go.Box(
                y=rows["rank_ic"],
                name=part,
                marker={"color": colour(part), "size": 5},
                boxpoints="all",
                jitter=0.5,
                pointpos=0,
                fillcolor="rgba(0,0,0,0)",
                line={"width": 1.3},
                text=["offset " + str(group) for group in rows["group"]],
                showlegend=False,
            )
        )
    layout(figure, "mean Rank IC")
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(showgrid=False)
    return figure


def industry_dots(rows: pd.DataFrame, names: Mapping[str, str]) -> go.Figure:
    """Rank IC of the score within each industry, the best on top, with 95% intervals.

    Args:
        rows: of one factor and horizon by industry: group, rank_ic, tstat_nw, n_days
        names: of industries by id
    """
    rows = rows[rows["n_days"] > 0].sort_values("rank_ic")
    spread = Z95 * (rows["rank_ic"] / rows["tstat_nw"]).abs()
    shown = [plain(names.get(group, group)) for group in rows["group"]]
    figure = go.Figure(
        go.Scatter(
            x=rows["rank_ic"],
            y=rows["group"].map(plain),
            error_x={"type": "data", "array": spread, "thickness": 1.3, "width": 3},
            mode="markers",
            marker={"color": colour(BASE), "size": 7},
            text=shown,
            customdata=rows["n_days"],
            hovertemplate="%{text}: %{x:.4f} (%{customdata} days)<extra></extra>",
        )
    )
    layout(figure, height=90 + 24 * len(rows))
    figure.update_layout(hovermode="closest", margin={"t": 10, "l": 8, "r": 8, "b": 8})
    figure.update_xaxes(title_text="mean Rank IC", nticks=6)
    figure.update_yaxes(
        type="category", tickmode="array", tickvals=[plain(group) for group in rows["group"]], ticktext=shown
    )
    return figure
