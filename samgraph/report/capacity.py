"""The report's section on what the portfolio can bear: costs, capital, and spreads net of costs."""

from __future__ import annotations

import pandas as pd

from samgraph.report.html import figure, given, number, percent, section, table
from samgraph.report.pictures import figures_desk
from samgraph.run.folder import RunFolder


def capacity(run: RunFolder) -> str:
    """Empty where the run keeps none of it."""
    if not run.has("net_spreads"):
        return ""
    return section(
        "capacity",
        "What it can bear: costs and capital",
        _break_even(run),
        _multiples(run),
        _capitals(run),
        given(run, ("net_spreads",), _spreads, "Spreads net of costs"),
    )


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{1e4 * value:.1f}"


def _break_even(run: RunFolder) -> str:
    found = run.summary.get("break_even")
    if not found:
        return ""
    rows = [
        [name, number(row["multiple"]), _rate(row["rate"]), _rate(row["paid"])] for name, row in found.items()
    ]
    return table(
        ["variant", "break-even: times the costs", "basis points of the traded amount", "paid"],
        rows,
        "How much trading may cost until the mean daily excess return is nothing, at unchanged trades. Less than one "
        "time: a loss against the benchmark; below zero: one before costs.",
    )


def _multiples(run: RunFolder) -> str:
    if not run.has("cost_multiples"):
        return (
            "<p class='soft'>Other costs and capitals: left out, for the test is short, or its portfolios are "
            "optimised ones, which are not simulated again.</p>"
        )
    frame = run.table("cost_multiples")
    rows = [
        [f"{row['multiple']:g}"]
        + [percent(row[key]) for key in ("return", "excess_return")]
        + [
            number(row["information_ratio"]),
            percent(row["max_drawdown"]),
            number(row["turnover"]),
            percent(row["cost"]),
        ]
        for row in frame.to_dict("records")
    ]
    return table(
        [
            "times the costs",
            "return, compounded",
            "excess, arithmetic",
            "IR",
            "drawdown of the excess",
            "turnover",
            "cost",
        ],
        rows,
        f"Portfolio {frame['variant'].iloc[0]}, simulated again with these costs, impact among them; a year, "
        f"{run.traded_days} days.",
    )


def _capitals(run: RunFolder) -> str:
    if not run.has("capacity"):
        return ""
    frame = run.table("capacity")
    rows = [
        [f"{row['capital']:,.0f}"]
        + [percent(row[key]) for key in ("return", "excess_return")]
        + [number(row["information_ratio"])]
        + [percent(row[key]) for key in ("cost", "impact", "invested", "cut")]
        for row in frame.to_dict("records")
    ]
    said = (
        f"Portfolio {frame['variant'].iloc[0]}, simulated again with other money, square-root impact and the cap on "
        f"participation; a year, {run.traded_days} days."
    )
    return figure(figures_desk.capacity_curve(frame), "Capacity", said) + table(
        [
            "money at the start",
            "return, compounded",
            "excess, arithmetic",
            "IR",
            "cost",
            "impact",
            "invested",
            "orders cut",
        ],
        rows,
        "The same; invested is the mean share of the value, orders cut are those that the day's trade "
        "let only a part of.",
    )


def _spreads(frame: pd.DataFrame) -> str:
    shown = [name for name in ("score", "concept", "hidden", "individual") if name in set(frame["factor"])]
    rows = [
        [str(row["factor"]), str(row["horizon"])]
        + [percent(row[key]) for key in ("spread", "costs", "borrow", "net", "top", "top_costs", "top_net")]
        for row in frame[frame["factor"].isin(shown)].to_dict("records")
    ]
    return table(
        ["factor", "days", "spread", "costs", "borrowing", "net", "top less mean", "costs", "net"],
        rows,
        "Highest less lowest quantile over each horizon, long and short, and the highest less the mean of all, long "
        "alone; costs of the names that are replaced by then, dated rates without impact; the short side pays for its "
        "shares.",
        words=2,
    )
