"""The pictures of a report: what they share, and those of when, how much and how the models learned.

Every picture is made from the frames of a run's files. Backgrounds are transparent, lines readable on light and dark
paper; text and grid take the page's colours (report.css). Every picture says its unit, and the number of observations
stands in its caption. Names from outside pass through `plain`: plotly reads some markup in labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.outcome.constructions import CONSTRUCTIONS, Portfolio

INK = "#808792"
GOOD, BAD, MIDDLE = "#1f6fd0", "#c04030", "#6b737e"  # white words are readable on all three
FONT = (
    'system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", '
    '"PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Zen Hei", sans-serif'
)
COLOURS = {
    **{name: arm.colour for name, arm in ARMS.items()},
    "concept": "#2277dd",
    "hidden": "#dd7733",
    "individual": "#5544ff",
    "score": "#666666",
    "products": "#2277dd",
    "industries": "#dd7733",
    "companies": "#666f7a",
}
SERIES = ("#2277dd", "#dd7733", "#449966", "#994499")  # of lines that COLOURS has no names of, in their order
DASHES = ("solid", "dot")  # of the first lines, and of those that have their colours again
PERIODS = {"train": "#8a93a0", "validate": "#c08a00", "test": "#2277dd"}
LOWEST, BETWEEN, HIGHEST = (179, 88, 6), (138, 143, 150), (33, 102, 192)  # of quantiles
Z95 = 1.959964  # two-sided 95% of the normal distribution


def plain(text: object) -> str:
    """A text that plotly shows as it is: its labels take `<b>`, `<a href=...>` and entities for markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(name: str) -> str:
    """Of an arm, a part or a kind."""
    return COLOURS.get(name) or SERIES[sum(map(ord, name)) % len(SERIES)]


def quantile_colours(count: int) -> list[str]:
    """From orange over grey to blue, told apart in every common kind of colour vision while there are few."""
    found = []
    for place in np.linspace(0.0, 1.0, count):
        low, high, part = (LOWEST, BETWEEN, 2 * place) if place < 0.5 else (BETWEEN, HIGHEST, 2 * place - 1)
        mixed = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
        found.append("#" + "".join(f"{value:02x}" for value in mixed))
    return found


def layout(
    figure: go.Figure, y_title: str = "", *, height: int = 360, percent: bool = False, time: str = ""
) -> go.Figure:
    """What all pictures share; `percent` is for the y axis.

    `time` says what the page's filter by date does: "cumulated" lines begin at zero on the first day that is shown,
    "level" ones keep their values, "" leaves the picture alone.
    """
    figure.update_layout(
        meta={"time": time},
        template="none",
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 13, "family": FONT},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "bgcolor": "rgba(0,0,0,0)"},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#1d2530", "bordercolor": "#5d6773", "font": {"color": "#f2f4f7"}},
    )
    axis = {
        "gridcolor": "rgba(128,135,146,0.25)",
        "zerolinecolor": "rgba(128,135,146,0.6)",
        "zerolinewidth": 1,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12.5}},
    }
    figure.update_annotations(font_size=13)
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_yaxes(title_text=y_title, tickformat=".2~%" if percent else None)
    return figure


def line(x: object, y: object, name: str, *, width: float = 2, form: str = ".2%") -> go.Scatter:
    """A line with its name's colour."""
    return go.Scatter(
        x=x,
        y=y,
        name=plain(name),
        mode="lines",
        line={"color": colour(name), "width": width},
        hovertemplate=f"%{{y:{form}}}",
    )


def lines(figure: go.Figure, x: object, columns: Mapping[str, object], *, form: str = ".2%") -> go.Figure:
    """Lines that are told apart by their place: no two of the first eight have colour and dashes in common."""
    for place, (name, y) in enumerate(columns.items()):
        trace = line(x, y, name, form=form)
        again, at = divmod(place, len(SERIES))
        trace.line.color, trace.line.dash = SERIES[at], DASHES[again % len(DASHES)]
        figure.add_trace(trace)
    return figure


def portfolio_line(x: object, y: object, one: Portfolio) -> go.Scatter:
    """A line with the colour of the portfolio's arm; with the dashes of its construction if that is not the first."""
    trace = line(x, y, one.arm)
    trace.name = plain(one.name)
    trace.line.dash = None if one.name == one.arm else CONSTRUCTIONS[one.construction].dash or "dot"
    trace.meta = {"variant": one.name}  # for the page's filter
    return trace


def day_in_steps(lag: int, horizon: int, price: str) -> go.Figure:
    """When something is known, decided, traded and earned, in trading days around the day t of a score."""
    steps = ["a", "a+1", "t", f"t+{lag}", f"t+{lag + horizon}"]
    rows = (
        ("report", 0, 1, PERIODS["train"], "announced on day a, used from the calendar day after"),
        (
            "known",
            1,
            4,
            PERIODS["validate"],
            "reports, memberships and labels valid on t, bars up to the close of t",
        ),
        ("score", 2, 2, "#5544ff", "computed at the close of t"),
        ("order", 2, 3, "#dd7733", f"decided at the close of t, filled at the {price} of t+{lag}"),
        ("return", 3, 4, PERIODS["test"], f"from the {price} of t+{lag} to that of t+{lag + horizon}"),
    )
    figure = go.Figure()
    for name, first, last, ink, words in rows:
        figure.add_trace(
            go.Scatter(
                x=[first, last] if last > first else [first],
                y=[name] * (2 if last > first else 1),
                mode="lines+markers",
                line={"color": ink, "width": 9},
                marker={"color": ink, "size": 15},
                name=name,
                hovertemplate=f"{name}: {words}<extra></extra>",
                showlegend=False,
            )
        )
    layout(figure, height=250)
    figure.update_layout(hovermode="closest", margin={"t": 10, "l": 8, "r": 8, "b": 8})
    figure.update_xaxes(
        tickvals=list(range(len(steps))),
        ticktext=steps,
        range=[-0.35, 4.35],
        zeroline=False,
        title_text="day (not to scale)",
        fixedrange=True,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True)
    return figure


def excess_curves(portfolio: pd.DataFrame, kinds: Mapping[str, Portfolio]) -> go.Figure:
    """Cumulated daily excess return over the benchmark after costs, one line per portfolio."""
    figure = go.Figure()
    for name, daily in portfolio.groupby("variant", sort=False):
        figure.add_trace(portfolio_line(daily["date"], daily["excess_return"].cumsum(), kinds[str(name)]))
    return layout(figure, "cumulated excess return", percent=True, time="cumulated")


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
    edge["meta"] = {"whole": True}  # the band holds from the first day on alone
    figure.add_trace(go.Scatter(x=difference.index, y=band, **edge))
    figure.add_trace(
        go.Scatter(
            x=difference.index,
            y=-band,
            **(edge | {"showlegend": True}),
            fill="tonexty",
            fillcolor="rgba(128,135,146,0.22)",
            name="95% band under no difference",
        )
    )
    figure.add_trace(line(difference.index, difference.cumsum(), BASE))
    figure.data[-1].name = f"{BASE} − {CONTROL}"
    return layout(figure, "cumulated difference", percent=True, time="cumulated")


def yearly_excess(yearly: pd.DataFrame, kinds: Mapping[str, Portfolio]) -> go.Figure:
    """Excess return of each calendar year as bars: variant, year, excess."""
    figure = go.Figure()
    for variant, rows in yearly.groupby("variant", sort=False):
        figure.add_trace(
            go.Bar(
                x=rows["year"].astype(str),
                y=rows["excess"],
                name=plain(variant),
                meta={"variant": str(variant)},
                marker={"color": colour(kinds[str(variant)].arm)},
                customdata=rows["days"],
                hovertemplate="%{y:.2%} in %{customdata} days",
            )
        )
    layout(figure, "excess return in the year", percent=True)
    figure.update_xaxes(type="category")
    return figure


def cost_shares(daily: pd.DataFrame) -> pd.Series:
    """Costs of each day as a share of the value before it; the first day's purchase is one of them."""
    before = daily["value"] / (1.0 + daily["return"])
    share: pd.Series = daily["cost"] / before
    return share


def cost_curves(portfolio: pd.DataFrame, kinds: Mapping[str, Portfolio]) -> go.Figure:
    """Cumulated costs of trading as a share of the day's value before, one line per portfolio."""
    figure = go.Figure()
    for variant, daily in portfolio.groupby("variant", sort=False):
        figure.add_trace(portfolio_line(daily["date"], cost_shares(daily).cumsum(), kinds[str(variant)]))
    return layout(figure, "cumulated costs, share of value", height=300, percent=True, time="cumulated")


def learning_curves(curves: pd.DataFrame) -> go.Figure:
    """Validation Rank IC by epoch: a panel a variant, a line a seed and window."""
    variants = list(dict.fromkeys(curves["variant"]))
    figure = make_subplots(
        rows=1, cols=len(variants), subplot_titles=[plain(name) for name in variants], shared_yaxes=True
    )
    for column, variant in enumerate(variants, start=1):
        for (seed, window), rows in curves[curves["variant"] == variant].groupby(["seed", "window"]):
            trace = line(rows["epoch"], rows["valid_ic"], variant, width=1.4, form=".4f")
            trace.name = f"seed {seed}, window {window}"
            trace.showlegend = False
            trace.mode = "lines+markers"
            trace.marker.size = 4
            figure.add_trace(trace, row=1, col=column)
    layout(figure, height=300)
    figure.update_yaxes(title_text="validation Rank IC", col=1)
    figure.update_xaxes(title_text="epoch", nticks=5)
    return figure


def window_bars(windows: pd.DataFrame) -> go.Figure:
    """The walk-forward windows as bars along the calendar: train, validate, test."""
    figure = go.Figure()
    for part, ink in PERIODS.items():
        rows = windows[windows["part"] == part]
        figure.add_trace(
            go.Bar(
                y=["window " + str(number) for number in rows["window"]],
                x=(rows["last"] - rows["first"]).dt.total_seconds() * 1000,
                base=rows["first"],
                orientation="h",
                name=part,
                marker={"color": ink},
                customdata=np.stack([rows["first"].dt.date, rows["last"].dt.date, rows["days"]], axis=-1),
                hovertemplate="%{customdata[0]} to %{customdata[1]}: %{customdata[2]} days",
            )
        )
    layout(figure, height=130 + 34 * windows["window"].nunique())
    figure.update_layout(barmode="overlay", hovermode="closest")
    figure.update_xaxes(type="date", nticks=7)
    figure.update_yaxes(autorange="reversed")
    return figure
