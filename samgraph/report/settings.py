"""The report's sections on how a run was made: what was asked, what it cost, what was missing, how to run it again."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from samgraph.report.html import (
    details,
    figure,
    given,
    number,
    percent,
    section,
    table,
    text,
    variant_link,
)
from samgraph.report.pictures import figures
from samgraph.run.folder import RunFolder
from samgraph.words import many

_PATH = re.compile(r"""(["'])((?:[A-Za-z]:[\\/]|[\\/]|~[\\/]|file:/)[^"'\n]*)\1""")  # absolute, in quotes
WRITTEN_OFF = 8  # write-offs of a portfolio that are named


def asked(run: RunFolder) -> str:
    """What was run on what, known when and traded when."""
    summary, manifest = run.summary, run.manifest
    config = manifest["config"]
    trading = config.get("trading", {})
    steps = "".join(f"<li>{text(step)}</li>" for step in manifest.get("timeline", []))
    known = str(manifest.get("known") or "")[:19].replace("T", " ")
    picture = figure(
        figures.day_in_steps(
            int(trading.get("lag", 1)), int(summary["label_horizon"]), str(trading.get("price", "close"))
        ),
        "A day: known, decided, traded, earned",
        "Trading days around the day t of a score; a is the calendar day on which a report is announced. The "
        "same on each "
        f"of {summary['days']} test days.",
    )
    return section(
        "asked",
        "What was run, known when and traded when",
        picture,
        f"<p>{summary['companies']} companies of universe {text(summary['universe'])}, {summary['days']} trading days "
        f"of testing, {summary['test_start']} to {summary['end']}, after training from {summary['start']}; "
        f"{many(summary['seeds'], 'seed')} a variant. Concepts: {text(config['concepts']['cut'])}. Every "
        "snapshot is "
        f"read as of its day, with what the graph had recorded by {text(known)} UTC.</p>",
        f"<ol class='timeline'>{steps}</ol>",
    )


def costs(run: RunFolder) -> str:
    """What trading cost, and what could not be traded."""
    return section("costs", "What it cost", given(run, ("portfolio", "trades"), _Costs(run).show, "Costs"))


class _Costs:
    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def show(self, portfolio: pd.DataFrame, trades: pd.DataFrame) -> str:
        run, rows = self.run, []
        for variant, daily in portfolio.groupby("variant", sort=False):
            years = len(daily) / run.days_a_year
            mine = trades[trades["variant"] == variant]
            rows.append(
                [
                    variant_link(run, str(variant)),
                    f"{len(mine):,}",
                    number(float(run.summary["variants"][variant]["turnover"])),
                    percent(float(figures.cost_shares(daily).sum()) / years),
                    f"{mine['cost'].sum():,.0f}",
                ]
            )
        shown = table(
            ["variant", "trades", "turnover a year", "costs a year", "costs in money"],
            rows,
            f"Turnover is one-sided; costs a year as a share of value; {run.traded_days} days.",
        )
        picture = figure(
            figures.cost_curves(portfolio, run.portfolios),
            "Costs of trading",
            f"Cumulated daily costs as a share of the value of the day before; {run.traded_days} days, "
            f"{many(len(trades), 'trade')}.",
        )
        return (
            picture
            + shown
            + (_by_cause(run.table("costs")) if run.has("costs") else "")
            + _written_off(run.summary.get("write_offs", {}))
            + given(run, ("blocked",), self._blocked, "Orders that could not be filled")
        )

    def _blocked(self, blocked: pd.DataFrame) -> str:
        if blocked.empty:
            return "<p>Every order could be filled on its day.</p>"
        count = blocked.pivot_table(
            index=["side", "reason"], columns="variant", values="date", aggfunc="count", fill_value=0
        )
        rows = [
            [str(side), str(reason).replace("_", " "), *(f"{n:,}" for n in counts)]
            for (side, reason), counts in zip(count.index, count.to_numpy(), strict=True)
        ]
        return table(
            ["side", "reason", *map(str, count.columns)],
            rows,
            f"Orders that were not filled on their day, by variant; {len(blocked):,} in all.",
            words=2,
        )


def _by_cause(found: pd.DataFrame) -> str:
    rows = [
        [
            str(row["variant"]),
            str(row["cause"]).replace("_", " "),
            f"{row['trades']:,}",
            f"{row['amount']:,.0f}",
            f"{row['cost']:,.0f}",
            percent(row["cost_a_year"]),
        ]
        for row in found.to_dict("records")
    ]
    return table(
        ["variant", "cause", "trades", "traded", "costs in money", "costs a year"],
        rows,
        "By what a trade was done for: score; membership (what left the universe); drift (what prices, lots and "
        "blocked orders moved away from the target); bounds (what the optimiser traded against its view); write-off.",
        words=2,
    )


def _written_off(found: dict[str, Any]) -> str:
    """How many holdings were written off, and which."""
    if not found:
        return ""
    told = []
    for name, one in found.items():
        if one["count"]:
            listed = ", ".join(
                f"{row['company_id']} on {row['date']} ({percent(row['loss'])})"
                for row in one["holdings"][:WRITTEN_OFF]
            )
            more = ", …" if one["count"] > WRITTEN_OFF else ""
            told.append(
                f"{name}: {many(one['count'], 'holding')}, {percent(one['loss'])} of the value ({listed}{more})"
            )
    words = "; ".join(told) if told else "no holding"
    return f"<p>Written off as delisted, at the recovery that the rules state: {text(words)}.</p>"


def missing(run: RunFolder) -> str:
    """Coverage by cause."""
    return section(
        "missing",
        "Which data were missing, and why",
        given(run, ("coverage",), lambda coverage: _coverage(run, coverage), "Coverage"),
    )


def _coverage(run: RunFolder, coverage: pd.DataFrame) -> str:
    rows = [
        [r["what"], r["cause"], f"{r['count']:,}", percent(r["share"])] for r in coverage.to_dict("records")
    ]
    faults = ""
    if run.has("deficiencies"):
        found = run.table("deficiencies")
        faults = (
            "<p>No column of a daily regression was a combination of others.</p>"
            if found.empty
            else f"<p>{len(found):,} times a column of a daily regression was a combination of others on its "
            "day and had no "
            f"return of its own: {text(', '.join(sorted(set(found['name'].map(str)))[:8]))}.</p>"
        )
    total = f"{int(coverage['count'].iloc[0]):,}" if len(coverage) else "0"
    return (
        table(
            ["stock-days of the test period", "cause", "number", "share"],
            rows,
            f"Coverage by cause, of {total} stock-days of members; a stock-day may lack more than one thing.",
            words=2,
        )
        + faults
    )


def learned(run: RunFolder) -> str:
    """Learning curves and walk-forward windows."""
    return section(
        "learned",
        "How the models learned",
        given(run, ("curves",), _curves, "Learning curves"),
        given(run, ("windows",), _windows, "Walk-forward windows"),
    )


def _curves(curves: pd.DataFrame) -> str:
    models = len(curves.groupby(["variant", "seed", "window"]))
    return figure(
        figures.learning_curves(curves),
        "Learning curves",
        f"Rank IC on the validation days after each epoch, a line a seed and window; {models} models, {len(curves)} "
        "epochs in all. The kept parameters are the mean of the epochs around the best one.",
    )


def _windows(windows: pd.DataFrame) -> str:
    days = windows.groupby("part")["days"].sum()
    return figure(
        figures.window_bars(windows),
        "Walk-forward windows",
        "A model is fitted on the first part, stopped by the second and applied to the third. Labels that "
        "reach past the "
        f"end of a part are left out. Trading days in all: {', '.join(f'{part} {n:,}' for part, n in days.items())}.",
    )


def again(run: RunFolder) -> str:
    """How to run it again, on which versions, and how long it took."""
    manifest = run.manifest
    versions = ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items())
    rows = [[name, f"{value:,.1f}"] for name, value in manifest.get("seconds", {}).items()]
    peak = manifest.get("peak_memory_gib")
    caption = "Time of each stage" + (f"; {peak:.1f} GiB at most." if peak is not None else ".")
    config = run.folder / "config.toml"
    return section(
        "again",
        "How to run it again",
        "<pre>samgraph backtest --config RUN/config.toml --out ANOTHER\nsamgraph report RUN      # this page "
        "anew, from RUN's files alone</pre>",
        details(
            "The resolved settings", f"<pre>{text(without_paths(config.read_text(encoding='utf-8')))}</pre>"
        )
        if config.exists()
        else "",
        f"<p class='soft'>{text(versions)}; {text(manifest.get('machine', ''))}.</p>",
        table(["stage", "seconds"], rows, caption) if rows else "",
    )


def without_paths(words: str) -> str:
    """A text with the folders of absolute paths in quotes left out: a page that is passed on tells of no machine."""

    def short(found: re.Match[str]) -> str:
        quote, path = found.groups()
        return f"{quote}…/{_last_part(path)}{quote}"

    return _PATH.sub(short, words)


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
