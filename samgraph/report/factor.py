"""The page of `samgraph evaluate`: a user's factors, in tables; a script sorts and downloads them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from samgraph.report.glossary import terms
from samgraph.report.html import fine, number, percent, section, table, text
from samgraph.report.page import beside, document

YARDSTICKS = {
    "nothing": "as it is",
    "industry_size": "industry, market cap",
    "styles": "styles",
    "styles_industries": "styles, industries",
    "styles_industries_products": "styles, industries, products",
}


def factor_page(tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> str:
    """The whole page as HTML, of the tables and the summary of `samgraph.desk.evaluate`."""
    title = f"{', '.join(summary['factors'])}: {summary['universe']}, {summary['start']} to {summary['end']}"
    parts = [
        section("ic", "Information coefficient by horizon", _decay(tables["decay"], summary)),
        section("quantiles", "Returns by quantile", _quantiles(tables["quantiles"])),
        section("groups", "When and where", _groups(tables["breakdown"], summary)),
        section("plain", "Beside plain factors", _plain(tables, summary)),
        section("portfolios", "Portfolios", _portfolios(summary)),
        section("coverage", "Coverage", _coverage(tables["coverage"])),
        section("glossary", "Glossary", terms()),
    ]
    body = (
        f"<main><header><p class='soft'>samgraph evaluate</p><h1>{text(title)}</h1><p>The factor of day t is taken to "
        f"be known by the close of t and is traded at the {text(summary['price'])} of t+{summary['lag']}.</p></header>"
        + "\n".join(parts)
        + "</main>"
    )
    return document(title, body, [beside("tables.js")])


def _decay(decay: pd.DataFrame, summary: dict[str, Any]) -> str:
    rows = [
        [
            row["factor"],
            YARDSTICKS[row["against"]],
            str(row["horizon"]),
            fine(row["ic"]),
            fine(row["rank_ic"]),
        ]
        + [number(row[key]) for key in ("rank_icir", "tstat_nw")]
        + [fine(row["q_value"]), percent(row["spread"]), number(row["spread_tstat_nw"]), str(row["n_days"])]
        for row in decay.to_dict("records")
    ]
    head = [
        "factor",
        "neutral to",
        "days ahead",
        "IC",
        "Rank IC",
        "Rank ICIR",
        "t",
        "q",
        "spread",
        "t",
        "days",
    ]
    caption = (
        "Means of daily figures; t of the mean Rank IC keeps its size where returns overlap (1.96 is the 5% critical "
        f"value); q is the false discovery rate over all {len(rows)} rows; spread is the mean return of the top less "
        "the bottom quantile over the horizon, before costs."
    )
    return table(head, rows, caption, words=2)


def _quantiles(quantiles: pd.DataFrame) -> str:
    means = quantiles[quantiles["against"] == "nothing"].pivot_table(
        index=["factor", "horizon"], columns="quantile", values="mean_return", sort=False
    )
    rows = [
        [str(name), str(h), *map(percent, line)]
        for (name, h), line in zip(means.index, means.to_numpy(), strict=True)
    ]
    head = ["factor", "days ahead", *(f"quantile {q}" for q in means.columns)]
    return table(
        head, rows, "Mean return over the horizon of the factor as it is, equal weights; 1 is the lowest."
    )


def _groups(breakdown: pd.DataFrame, summary: dict[str, Any]) -> str:
    own = breakdown[
        (breakdown["against"] == "industry_size") & (breakdown["horizon"] == summary["label_horizon"])
    ]
    rows = [
        [
            row["factor"],
            row["by"],
            str(row["group"]),
            fine(row["rank_ic"]),
            number(row["tstat_nw"]),
            str(row["n_days"]),
        ]
        for row in own.to_dict("records")
    ]
    caption = f"Rank IC at {summary['label_horizon']} days, neutral to industry and market cap."
    return table(["factor", "by", "group", "Rank IC", "t", "days"], rows, caption, words=3)


def _plain(tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> str:
    plain = tables["plain_factors"]
    own = plain[(plain["against"] == "nothing") & (plain["horizon"] == summary["label_horizon"])]
    rows = [
        [row["factor"], fine(row["rank_ic"]), number(row["tstat_nw"]), percent(row["spread"])]
        for row in own.sort_values("rank_ic", ascending=False, kind="stable").to_dict("records")
    ]
    pairs = [
        [row["a"], row["b"], number(row["rank_correlation"])]
        for row in tables["correlations"].to_dict("records")
    ]
    caption = (
        f"As they are, at {summary['label_horizon']} days, on the stock-days of {summary['factors'][0]}. The best of "
        "them is the best in hindsight."
    )
    return table(["factor", "Rank IC", "t", "spread"], rows, caption) + table(
        ["factor", "with", "rank correlation"], pairs, "Mean daily rank correlations.", words=2
    )


def _portfolios(summary: dict[str, Any]) -> str:
    """Compounded and arithmetic figures, each in a table of their own."""
    books = summary["portfolios"].items()
    compounded = [
        [name, one["construction"]]
        + [percent(one[key]) for key in ("return", "benchmark_return", "max_drawdown")]
        for name, one in books
    ]
    arithmetic = [
        [name, one["construction"], percent(one["excess_return"])]
        + [number(one[key]) for key in ("information_ratio", "turnover")]
        for name, one in books
    ]
    head = ["portfolio", "construction"]
    return table(
        [*head, "return, compounded", "benchmark, compounded", "drawdown of the excess"],
        compounded,
        f"Growth a year after costs; {summary['days']} days.",
        words=2,
    ) + table(
        [*head, "excess, arithmetic", "IR", "turnover"],
        arithmetic,
        "Mean daily excess times the days of a year, after costs.",
        words=2,
    )


def _coverage(coverage: pd.DataFrame) -> str:
    rows = [[row["factor"], row["what"], f"{row['stock_days']:,}"] for row in coverage.to_dict("records")]
    return table(
        ["factor", "what", "stock-days"], rows, "Rows of the files, and members that lack a value.", words=2
    )
