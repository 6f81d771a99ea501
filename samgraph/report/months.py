"""The report's section on returns: growth, key figures, months, drawdowns with their days, rolling figures, trading."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.report.html import Html, details, figure, given, number, pair, percent, section, table, text
from samgraph.report.key_figures import curves, key_tables
from samgraph.report.pictures import figures_desk
from samgraph.report.pictures.figures import cost_shares
from samgraph.report.verdict import benchmark_name
from samgraph.run.folder import RunFolder
from samgraph.words import many

DEEPEST = 5  # drawdowns that are listed
NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def months(run: RunFolder) -> str:
    """Of the product arm's first portfolio."""
    return section(
        "months",
        "Returns, months and drawdowns",
        given(run, ("portfolio",), lambda frame: _months(run, frame), "Months"),
    )


def monthly(daily: pd.DataFrame) -> pd.DataFrame:
    """A row per month (YYYY-MM): days; return, benchmark (compounded); excess (the difference); turnover, cost (sums).

    Args:
        daily: date, return, benchmark_return, value, turnover, cost.
    """
    own = daily.assign(month=daily["date"].dt.strftime("%Y-%m"), share=cost_shares(daily))
    rows = []
    for month, days in own.groupby("month", sort=True):
        gain, market = (
            float(np.prod(1.0 + days[name].to_numpy())) - 1.0 for name in ("return", "benchmark_return")
        )
        sums = float(days["turnover"].sum()), float(days["share"].sum())
        rows.append((month, len(days), gain, market, gain - market, *sums))
    columns = ["month", "days", "return", "benchmark", "excess", "turnover", "cost"]
    return pd.DataFrame(rows, columns=columns)


def drawdowns(dates: pd.Series, curve: pd.Series, count: int = DEEPEST) -> pd.DataFrame:
    """The deepest falls of a curve that begins at 1: top, bottom, recovered (NaT: not yet), depth, days to the bottom.

    The top of one that begins with the first day is that day.
    """
    values, highest = curve.to_numpy(), np.maximum(np.maximum.accumulate(curve.to_numpy()), 1.0)
    below, rows, t = values < highest, [], 0
    while t < len(values):
        if not below[t]:
            t += 1
            continue
        end = t
        while end < len(values) and below[end]:
            end += 1
        low = t + int(np.argmin(values[t:end]))
        back = dates.iloc[end] if end < len(values) else pd.NaT
        start = max(t - 1, 0)
        rows.append((dates.iloc[start], dates.iloc[low], back, values[low] / highest[low] - 1.0, low - start))
        t = end
    found = pd.DataFrame(rows, columns=["top", "bottom", "recovered", "depth", "days"])
    return found.sort_values("depth", kind="stable").head(count).reset_index(drop=True)


def _months(run: RunFolder, portfolio: pd.DataFrame) -> str:
    daily = portfolio[portfolio["variant"] == BASE].reset_index(drop=True)
    by_month = monthly(daily)
    curve = (1.0 + daily["return"]).cumprod()
    relative = curve / (1.0 + daily["benchmark_return"]).cumprod()
    falls = [
        [of, *_fall(row)]
        for of, values in (("value", curve), ("value over the benchmark", relative))
        for row in drawdowns(daily["date"], values).to_dict("records")
    ]
    return (
        curves(daily, by_month, benchmark_name(run))
        + key_tables(daily, by_month, run.days_a_year)
        + _calendar(by_month)
        + figure(
            figures_desk.underwater(daily),
            "Drawdowns",
            f"Value of {BASE}, and its value over the benchmark's, below their highest so far; {len(daily)} days.",
        )
        + table(
            ["of", "top", "bottom", "recovered", "depth", "days to the bottom"],
            falls,
            f"The {DEEPEST} deepest falls of each, compounded; {len(daily)} days.",
            words=4,
        )
        + _rolling(run, daily)
        + _trading(by_month)
    )


def _fall(row: dict[object, object]) -> list[str]:
    days = [
        "not yet" if pd.isna(row[name]) else str(pd.Timestamp(str(row[name])).date())  # type: ignore[call-overload]
        for name in ("top", "bottom", "recovered")
    ]
    return [*days, percent(float(str(row["depth"]))), str(row["days"])]


def _calendar(by_month: pd.DataFrame) -> str:
    """A line a year and kind, a column a month."""
    own = by_month.assign(year=by_month["month"].str[:4], place=by_month["month"].str[5:].astype(int))
    most = {kind: float(own[kind].abs().max()) for kind in ("return", "benchmark", "excess")}
    rows = []
    for year, of_year in own.groupby("year", sort=True):
        months = of_year.set_index("place")
        whole = {name: float(np.prod(1.0 + months[name])) - 1.0 for name in ("return", "benchmark")}
        whole["excess"] = whole["return"] - whole["benchmark"]
        for kind, shown in (("return", BASE), ("benchmark", "benchmark"), ("excess", "excess")):
            cells = [
                shown,
                *(_heat(months[kind].get(place), most[kind]) for place in range(1, 13)),
                percent(whole[kind]),
            ]
            rows.append([str(year), *(map(_strong, cells) if kind == "excess" else cells)])
    return table(
        ["year", "of", *NAMES, "year"],
        rows,
        f"Compounded returns of {BASE} after costs and of the benchmark, and their difference; months and years that "
        f"the test cuts are parts; blue above zero, orange below. {many(len(by_month), 'month')}.",
        words=2,
    )


def _heat(value: float | None, most: float) -> Html:
    """A return whose ground is the darker, the larger it is: blue above zero, orange below."""
    if value is None or not most > 0.0:
        return Html(text(percent(value)))
    ground = "--up" if value >= 0.0 else "--down"
    return Html(
        f"<span class='heat' style='background:rgb(var({ground}) / {0.42 * abs(value) / most:.2f})'>"
        f"{text(percent(value))}</span>"
    )


def _strong(cell: str) -> Html:
    return Html(f"<b>{text(cell)}</b>")


def _rolling(run: RunFolder, daily: pd.DataFrame) -> str:
    found = figures_desk.rolling(daily, run.days_a_year)
    if found.empty:
        return f"<p class='soft'>Rolling figures: left out, for they need {figures_desk.WINDOW} days.</p>"
    said = f"Over the last {figures_desk.WINDOW} days each; {len(found)} days."
    return pair(
        figure(
            figures_desk.rolling_lines(found, "ir", "information ratio"), "Rolling information ratio", said
        ),
        figure(
            figures_desk.rolling_lines(found, "tracking_error", "tracking error", percent=True),
            "Rolling tracking error",
            f"A year, realised. {said}",
        ),
    ) + pair(
        figure(
            figures_desk.rolling_volatility(found),
            "Rolling volatility",
            f"A year, of {BASE} and of the benchmark. {said}",
        ),
        figure(
            figures_desk.rolling_lines(found, "beta", "beta"), "Rolling beta", f"To the benchmark. {said}"
        ),
    )


def _trading(by_month: pd.DataFrame) -> str:
    rows = [
        [str(row["month"]), str(row["days"]), number(row["turnover"]), percent(row["cost"])]
        for row in by_month.to_dict("records")
    ]
    return details(
        "Turnover and cost by month",
        table(
            ["month", "days", "turnover", "cost"],
            rows,
            "One-sided turnover and costs as shares of the value of the day before, summed over the month.",
        ),
    )
