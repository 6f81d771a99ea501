"""The report's section on where the excess return and the tracking error came from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.report.html import details, figure, given, number, percent, section, table
from samgraph.report.pictures import figures_desk
from samgraph.report.why import Reasons, factor_names
from samgraph.run.folder import RunFolder
from samgraph.words import many

WORDS = {
    "cash": "money not invested",
    "timing": "trades at another price than the close",
    "write_off": "write-offs",
    "cost": "costs",
    "dividends": "dividends that the price index lacks",
    "benchmark": "members by their weights over the index",
    "equal_weight": "equal weights over the universe's",
    "beyond_equal": "everything else",
    "outside": "stocks outside the regression",
}
MOST = 12  # rows of a list from either end
STOCKS = 10  # that brought or took most


def attribution(run: RunFolder) -> str:
    """Of the product arm's first portfolio; empty where the run keeps no such table."""
    if not run.has("attribution", "attribution_linked"):
        return ""
    return section(
        "attribution",
        "What brought the excess return",
        given(
            run,
            ("attribution", "attribution_linked"),
            lambda daily, linked: _attribution(run, daily, linked),
            "Attribution",
        ),
        _risk(run),
    )


def _attribution(run: RunFolder, daily: pd.DataFrame, linked: pd.DataFrame) -> str:
    mine = linked[(linked["variant"] == BASE) & (linked["period"] == "all")]
    days = daily[daily["variant"] == BASE]
    count = f"{days['date'].nunique()} days"
    return (
        _views(mine, count)
        + _curves(days, count)
        + _years(linked[linked["variant"] == BASE])
        + _groups(mine, "industry", "Industries", count)
        + _groups(mine, "product", "Products, first level", count)
        + _below(mine, count)
        + _stocks(run, mine, count)
    )


def _named(row: Mapping[Hashable, object]) -> str:
    return WORDS.get(str(row["group"]), str(row["name"]).replace("_", " "))


def _views(mine: pd.DataFrame, count: str) -> str:
    """Each view's effects, the common ones, and their sum."""
    common = mine[mine["by"] == "common"]
    rows = []
    for by in ("industry", "product"):
        own = mine[(mine["by"] == by) & (mine["level"] == 1)]
        for effect in ("allocation", "selection"):
            rows.append([by, effect, percent(own[effect].sum())])
    for by in ("factor", "weighting"):
        own = mine[(mine["by"] == by) & (mine["level"] == 1)]
        rows += [[by, _named(row), percent(row["contribution"])] for row in own.to_dict("records")]
    rows += [["every view", _named(row), percent(row["contribution"])] for row in common.to_dict("records")]
    whole = float(mine.loc[mine["by"].isin(("common", "weighting")), "contribution"].sum())
    return table(
        ["view", "effect", "contribution"],
        rows,
        f"Four ways to split what {BASE} brought over the benchmark's members, and what is common to all: each view "
        f"and the common effects add up to the compounded excess return, {percent(whole)}. Linked by Carino's "
        f"coefficients; selection holds the interaction; {count}.",
        words=2,
    )


def _curves(days: pd.DataFrame, count: str) -> str:
    own = days[days["by"].isin(("factor", "common"))].assign(
        label=lambda frame: frame["group"].map(lambda name: WORDS.get(name, name.replace("_", " ")))
    )
    effects = own.pivot_table(index="date", columns="label", values="contribution", aggfunc="sum").fillna(0.0)
    return figure(
        figures_desk.cumulated(effects),
        "Effects by factor, cumulated",
        f"Daily effects by kind of factor and style, and the common ones, added up; the largest "
        f"{min(figures_desk.LINES, effects.shape[1])} of {effects.shape[1]}; {count}.",
    )


def _years(own: pd.DataFrame) -> str:
    rows = []
    factors = own[(own["by"].isin(("factor", "common"))) & (own["level"] == 1) & (own["period"] != "all")]
    wide = factors.pivot_table(
        index="group", columns="period", values="contribution", aggfunc="sum", sort=False
    )
    for group, values in wide.iterrows():
        rows.append([WORDS.get(str(group), str(group).replace("_", " ")), *map(percent, values)])
    return details(
        "By calendar year",
        table(
            ["effect", *map(str, wide.columns)],
            rows,
            "Kinds of factors and common effects, linked within each year: they add up to its compounded excess.",
        ),
    )


def _groups(mine: pd.DataFrame, by: str, title: str, count: str) -> str:
    own = mine[(mine["by"] == by) & (mine["level"] == 1)].sort_values("contribution", kind="stable")
    return details(
        title,
        _brinson(
            own, f"Mean weights, and effects linked over the period; {many(len(own), 'group')}, {count}."
        ),
    )


def _brinson(own: pd.DataFrame, said: str) -> str:
    shown = own if len(own) <= 2 * MOST else pd.concat([own.head(MOST), own.tail(MOST)])
    rows = [
        [str(row["name"])]
        + [
            percent(row[key])
            for key in ("weight", "benchmark_weight", "allocation", "selection", "contribution")
        ]
        for row in shown.iloc[::-1].to_dict("records")
    ]
    cut = "" if len(shown) == len(own) else f" The best and the worst {MOST} of {len(own)}."
    return table(["group", "weight", "universe", "allocation", "selection", "together"], rows, said + cut)


def _below(mine: pd.DataFrame, count: str) -> str:
    """Deeper levels of the taxonomy."""
    products = mine[mine["by"] == "product"]
    parts = []
    for level in sorted(set(products["level"]) - {1}):
        own = products[products["level"] == level].sort_values("contribution", kind="stable")
        sums = own[["allocation", "selection"]].sum()
        said = (
            f"Level {level}: allocation {percent(sums['allocation'])}, selection {percent(sums['selection'])}; "
            f"{many(len(own), 'group')}, {count}. A level's groups add up to those above them."
        )
        parts.append(_brinson(own, said))
    return details("Products, deeper levels", *parts) if parts else ""


def _stocks(run: RunFolder, mine: pd.DataFrame, count: str) -> str:
    own = mine[mine["by"] == "stock"].sort_values("contribution", kind="stable")
    shown = own if len(own) <= 2 * STOCKS else pd.concat([own.head(STOCKS), own.tail(STOCKS)])
    why = Reasons(run)
    rows = [
        [str(row["group"]), why.link(str(row["group"]))]
        + [percent(row[key]) for key in ("weight", "benchmark_weight", "contribution")]
        for row in shown.iloc[::-1].to_dict("records")
    ]
    return table(
        ["stock", "name", "weight", "universe", "contribution"],
        rows,
        f"The stocks that brought and that cost most: active weight times return over the benchmark, linked; mean "
        f"weights; {many(len(own), 'stock')}, {count}.",
        words=2,
    )


def _risk(run: RunFolder) -> str:
    if not run.has("risk_sources"):
        return ""
    frame = run.table("risk_sources")
    mine = frame[frame["variant"] == BASE]
    if mine.empty:
        return ""
    kinds = mine[mine["by"] == "kind"].groupby("group", sort=False)["share"].mean()
    last = mine[mine["date"] == mine["date"].max()]
    names = run.names | factor_names(run)
    rows = [
        [
            by,
            str(row["group"]),
            names.get(str(row["group"]), "").replace("_", " "),
            number(row["exposure"]),
            percent(row["share"]),
        ]
        for by in ("factor", "stock")
        for row in last[last["by"] == by].head(MOST).to_dict("records")
    ]
    told = ", ".join(f"{group} {percent(share)}" for group, share in kinds.items())
    return (
        f"<p>Where the forecast tracking error comes from, as shares of its variance, mean over "
        f"{mine['date'].nunique()} days: {told}.</p>"
        + table(
            ["of", "factor or stock", "name", "active exposure", "share of the variance"],
            rows,
            f"The largest on {last['date'].iloc[0].date()}; a stock's share has its factors in it.",
            words=3,
        )
    )
