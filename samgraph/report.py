"""`report.html`: one self-contained page, made from the files of a run alone.

The page answers in this order: what was run on what, known when and traded when; did it beat the benchmark and the
industry control, and how surely; where the return came from; what the portfolio holds; what it cost; which data were
missing; how to run it again. Every text from outside is escaped.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from samgraph import figures
from samgraph.errors import RunError
from samgraph.files import write_text

DAYS_A_YEAR = 252
PARTS = ("concept", "hidden", "individual", "score")
TABLES = ("portfolio", "decay", "quantiles", "curves", "windows", "exposure", "coverage", "trades")


@dataclass(frozen=True)
class RunFiles:
    """What a report is made from: the run's JSON files and those of its tables that the page draws."""

    folder: Path
    summary: dict[str, Any]
    manifest: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @classmethod
    def read(cls, folder: Path) -> RunFiles:
        """Read a finished run.

        Raises:
            RunError: the folder is no finished run, with the file that is missing or unreadable.
        """
        try:
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        except FileNotFoundError as error:
            name = Path(error.filename).name if error.filename else "a file"
            raise RunError(
                f"{folder} is not a finished run: {name} is missing; run samgraph backtest --out {folder} first"
            ) from error
        except (OSError, ValueError) as error:
            raise RunError(f"{folder} cannot be read as a run: {error}; run the backtest again") from error
        return cls(folder, summary, manifest, tables)


def write_report(folder: Path) -> Path:
    """Make `folder`/report.html from the run's files; the path of the page."""
    run = RunFiles.read(folder)
    page = folder / "report.html"
    write_text(page, render(run))
    return page


def render(run: RunFiles) -> str:
    """The whole page as HTML."""
    sections = [
        _what(run),
        _better(run),
        _where_from(run),
        _explained(run),
        _holdings(run),
        _costs(run),
        _missing(run),
        _again(run),
    ]
    css = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    title = f"{run.summary['universe']}, {run.summary['test_start']} to {run.summary['end']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>samgraph: {_text(title)}</title><style>{css}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><main>"
        f'<p class="soft">samgraph backtest</p><h1>{_text(title)}</h1>'
        + "\n".join(sections)
        + "</main></body></html>\n"
    )


def _what(run: RunFiles) -> str:
    summary, manifest = run.summary, run.manifest
    steps = "".join(f"<li>{_text(step)}</li>" for step in manifest["timeline"])
    figure = _figure(
        figures.window_bars(run.tables["windows"]),
        "Walk-forward windows: a model is fitted on the first part, stopped by the second and applied to the third. "
        "Labels that reach past the end of a part are left out.",
    )
    return (
        "<h2>What was run, known when and traded when</h2>"
        f"<p>{summary['companies']} companies of universe {_text(summary['universe'])}, {summary['days']} trading days "
        f"of testing after training from {summary['start']}; {summary['seeds']} seed(s) a variant, averaged. "
        f"Concepts: {_text(manifest['config']['concepts']['cut'])}. Every snapshot is read as of its day, with what "
        f"the graph had recorded by {_text(manifest['known'][:19].replace('T', ' '))} UTC.</p>"
        f"<ol class='timeline'>{steps}</ol>{figure}"
    )


def _better(run: RunFiles) -> str:
    summary = run.summary
    product = summary["variants"]["product"]
    tiles = [("return a year", _percent(product["return"]), product["return"])]
    tiles.append(("over the benchmark", _percent(product["excess_return"]), product["excess_return"]))
    words = ""
    difference = summary.get("product_minus_industry")
    if difference:
        tiles.append(
            ("over the industry control", _points(difference["excess_return"]), difference["excess_return"])
        )
        sure = "does not hold zero" if difference["ci_low"] > 0 or difference["ci_high"] < 0 else "holds zero"
        words = (
            f"<p>Products over industries: {_points(difference['excess_return'])} a year; 95% interval "
            f"{_points(difference['ci_low'])} to {_points(difference['ci_high'])}, p = {difference['p_value']:.3f} "
            f"(paired stationary bootstrap, {difference['n_days']} days, mean block {difference['block_length']:.1f} "
            f"days). The interval {sure}. Rank IC of the score: {difference['rank_ic']:+.4f} over the control's "
            f"(t = {difference['rank_ic_tstat_nw']:.1f}).</p>"
        )
    tiles.append(("information ratio", f"{product['information_ratio']:.2f}", product["information_ratio"]))
    tiles.append(("worst drawdown of the excess", _percent(product["max_drawdown"]), None))
    cells = "".join(
        f'<li><b class="{_sign(value)}">{_text(shown)}</b>{_text(name)}</li>' for name, shown, value in tiles
    )
    pictures = _figure(
        figures.excess_curves(run.tables["portfolio"]),
        f"Excess return over the benchmark after costs, cumulated by simple addition; {summary['days']} days.",
    )
    daily = run.tables["portfolio"].pivot_table(index="date", columns="variant", values="excess_return")
    if difference:
        half_width = (difference["ci_high"] - difference["ci_low"]) / 2 / DAYS_A_YEAR
        pictures += _figure(
            figures.difference_curve((daily["product"] - daily["industry"]).dropna(), half_width),
            f"Product portfolio less industry portfolio, the same days and seeds; {difference['n_days']} days.",
        )
    columns = {
        "return": ("return a year", _percent),
        "benchmark_return": ("benchmark", _percent),
        "excess_return": ("excess", _percent),
        "information_ratio": ("IR", _number),
        "max_drawdown": ("drawdown", _percent),
        "turnover": ("turnover", _number),
        "ic": ("IC", _fine),
        "rank_ic": ("Rank IC", _fine),
        "rank_icir": ("Rank ICIR", _number),
        "rank_ic_tstat_nw": ("t", _number),
    }
    rows = [
        [name] + [show(values[key]) for key, (_, show) in columns.items()]
        for name, values in summary["variants"].items()
    ]
    table = _table(
        ["variant"] + [title for title, _ in columns.values()],
        rows,
        f"Portfolios after costs. Return and benchmark are compounded, excess is the mean daily excess times "
        f"{DAYS_A_YEAR}, drawdown that of the cumulated excess, turnover one-sided a year; t is Newey-West's of the "
        f"Rank IC; IC and Rank IC of the raw score at {summary['label_horizon']} days.",
    )
    head = f"<h2>Did it beat the benchmark and the industry control?</h2><ul class='figures'>{cells}</ul>"
    return head + words + pictures + table


def _where_from(run: RunFiles) -> str:
    decay, label = run.tables["decay"], int(run.summary["label_horizon"])
    days = int(decay.loc[decay["factor"].isin(PARTS), "n_days"].max())
    by_horizon = _figure(
        figures.rank_ic_by_horizon(decay, PARTS),
        "Mean Rank IC of each part of the score, neutralised for industry and log market cap, by horizon; bars are 95% "
        f"intervals (Newey-West, lag = horizon − 1); up to {days} days.",
    )
    quantiles = _figure(
        figures.quantile_returns(run.tables["quantiles"], PARTS, label),
        f"Mean return by quantile of each neutralised part over {label} days, less the day's mean of all stocks.",
    )
    curves = _figure(
        figures.learning_curves(run.tables["curves"]),
        f"Learning curves, {len(run.tables['curves'])} epochs in all; the kept parameters are the mean of the epochs "
        "around the best one.",
    )
    regression = run.summary["regression"]
    rows = [
        [name, _percent(v["r2"]), _percent(v["adj_r2"]), _percent(v["oos_r2"]), f"{v['k']:.0f}"]
        for name, v in regression.items()
    ]
    table = _table(
        ["exposures", "R²", "adjusted R²", "held-out R²", "factors"],
        rows,
        "Daily cross-sectional regressions of returns on the exposures known the day before; means over days. "
        "Held-out R² predicts companies that the regression did not see.",
    )
    return f"<h2>Where the return came from</h2>{by_horizon}{quantiles}{table}{curves}"


def _explained(run: RunFiles) -> str:
    """Why the last day's best stocks scored as they did (samgraph.explain); empty for a run that kept no such table."""
    path = run.folder / "explained.parquet"
    if not path.exists():
        return ""
    rows = [
        [row["company_id"], row["name"], row["concepts"], row["neighbours"]]
        + [_fine(row[part]) for part in PARTS[-1:] + PARTS[:-1]]
        for row in pd.read_parquet(path).to_dict("records")
    ]
    table = _table(
        ["stock", "name", "attends to", "most alike", "score", *PARTS[:-1]],
        rows,
        f"The product model's best stocks of {run.summary['end']}: the concepts that each attended to, with the share "
        "of its attention; the stocks whose states are most like its own, with their cosine; and the split of the "
        "score. Means over seeds; samgraph explain RUN --company ID --date D shows all of it.",
        words=4,
    )
    return f"<h2>Why the best stocks scored as they did</h2>{table}"


def _holdings(run: RunFiles) -> str:
    exposure = run.tables["exposure"]
    if exposure.empty:
        return "<h2>What the portfolio holds</h2><p>The portfolio held nothing on the last day.</p>"
    day = run.summary["end"]
    effective = run.summary["concentration"]
    words = (
        f"<p>On the last day the holdings' revenue is spread as {effective['products']:.1f} equal products would be, "
        f"and as {effective['industries']:.1f} equal industries (the inverse of the sum of squared shares).</p>"
    )
    figure = _figure(
        figures.exposure_tree(exposure),
        f"Product exposure of the product portfolio on {day} through the taxonomy: area is the share of holdings times "
        "revenue, colour the difference from the universe's. Click to go down a level.",
    )
    return f"<h2>What the portfolio holds</h2>{words}{figure}"


def _costs(run: RunFiles) -> str:
    rows = []
    for variant, daily in run.tables["portfolio"].groupby("variant", sort=False):
        trades = run.tables["trades"]
        years = len(daily) / DAYS_A_YEAR
        rows.append(
            [
                str(variant),
                f"{int((trades['variant'] == variant).sum()):,}",
                _number(float(run.summary["variants"][variant]["turnover"])),
                _percent(float((daily["cost"] / daily["value"].shift(1)).sum()) / years),
            ]
        )
    table = _table(
        ["variant", "trades", "turnover a year", "costs a year"], rows, "Costs as a share of value."
    )
    return f"<h2>What it cost</h2>{table}"


def _missing(run: RunFiles) -> str:
    coverage = run.tables["coverage"]
    rows = [
        [r["what"], r["cause"], f"{r['count']:,}", _percent(r["share"])] for r in coverage.to_dict("records")
    ]
    head = ["stock-days of the test period", "cause", "number", "share"]
    table = _table(head, rows, "Coverage by cause.", words=2)
    return f"<h2>Which data were missing, and why</h2>{table}"


def _again(run: RunFiles) -> str:
    seconds = run.manifest["seconds"]
    rows = [[name, f"{value:,.1f}"] for name, value in seconds.items()]
    versions = ", ".join(f"{name} {version}" for name, version in run.manifest["versions"].items())
    return (
        "<h2>How to run it again</h2><pre>samgraph backtest --config RUN/config.toml --out ANOTHER</pre>"
        f"<p class='soft'>{_text(versions)}; {_text(run.manifest['machine'])}.</p>"
        + _table(
            ["stage", "seconds"],
            rows,
            f"Time of each stage; {run.manifest['peak_memory_gib']:.1f} GiB at most.",
        )
    )


def _figure(figure: go.Figure, caption: str) -> str:
    body = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return f"<figure>{body}<figcaption>{_text(caption)}</figcaption></figure>"


def _table(head: list[str], rows: list[list[str]], caption: str, *, words: int = 1) -> str:
    """A table whose first `words` columns are words, to the left, and whose others are figures, to the right."""
    marks = [" class='words'" if column < words else "" for column in range(len(head))]
    top = "".join(f"<th{mark}>{_text(cell)}</th>" for mark, cell in zip(marks, head, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{_text(cell)}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f"<div class='scroll'><table><caption>{_text(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _known(value: float | None) -> bool:
    return value is not None and value == value


def _percent(value: float | None) -> str:
    return f"{value:.2%}" if _known(value) else "–"


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points"


def _number(value: float | None) -> str:
    return f"{value:.2f}" if _known(value) else "–"


def _fine(value: float | None) -> str:
    return f"{value:.4f}" if _known(value) else "–"


def _sign(value: float | None) -> str:
    if value is None or value == 0:
        return ""
    return "good" if value > 0 else "bad"
