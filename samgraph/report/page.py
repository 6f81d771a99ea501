"""`report.html`: one self-contained page, made from the files of a run alone.

The page answers in this order: what was run on what, known when and traded when; did it beat the benchmark and the
industry control, how surely; where the return came from; what the portfolio holds; risk, forecast and realised; what it
cost; which data were missing; how the models learned; how to run it again. Every text from outside is escaped.
Pictures are drawn by the plotly.js that stands in the page, each when it comes into view.
"""

from __future__ import annotations

from pathlib import Path

from samgraph.errors import RunError
from samgraph.files import write_text
from samgraph.report import holdings as report_holdings
from samgraph.report import settings as report_settings
from samgraph.report.attribution import attribution
from samgraph.report.capacity import capacity
from samgraph.report.html import text
from samgraph.report.months import months
from samgraph.report.plotly import plotly_js
from samgraph.report.positions import positions
from samgraph.report.result import better
from samgraph.report.risk import risk
from samgraph.report.sources import where_from
from samgraph.run.folder import RunFolder

CONTENTS = {
    "asked": "What was run",
    "better": "Was it better",
    "sources": "Where from",
    "attribution": "Attribution",
    "months": "Months",
    "explained": "Best stocks",
    "holdings": "Holdings",
    "positions": "Positions",
    "risk": "Risk",
    "costs": "Costs",
    "capacity": "Capacity",
    "missing": "Missing data",
    "learned": "Models",
    "again": "Run again",
}


def write_report(folder: Path) -> Path:
    """Make `folder`/report.html from the run's files; the path of the page.

    Raises:
        RunError: no finished run, or a file of it that cannot be read
    """
    run = RunFolder.open(folder)
    page = folder / "report.html"
    write_text(page, render(run))
    return page


def render(run: RunFolder) -> str:
    """The whole page as HTML."""
    try:
        sections = [
            report_settings.asked(run),
            better(run),
            where_from(run),
            attribution(run),
            months(run),
            report_holdings.explained(run),
            report_holdings.holdings(run),
            positions(run),
            risk(run),
            report_settings.costs(run),
            capacity(run),
            report_settings.missing(run),
            report_settings.learned(run),
            report_settings.again(run),
        ]
    except KeyError as error:
        raise RunError(
            f"{run.folder} cannot be read as a run: {error} is missing; run the backtest again"
        ) from error
    css, script = (_beside(name) for name in ("report.css", "report.js"))
    title = f"{run.summary['universe']}, {run.summary['test_start']} to {run.summary['end']}"
    there = {
        key: name for key, name in CONTENTS.items() if any(f"<section id='{key}'>" in s for s in sections)
    }
    links = "".join(f"<a href='#{key}'>{text(name)}</a>" for key, name in there.items())
    # plotly.js is large: it stands last, so that words and tables are on screen before it is read
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>samgraph: {text(title)}</title><style>{css}</style></head><body><main>"
        f"<header><p class='soft'>samgraph backtest</p><h1>{text(title)}</h1><nav>{links}</nav>"
        "<p class='soft hint'>Point at a picture for its values, drag to zoom, double-click to return; click a table's "
        "header to sort it.</p><noscript><p>The pictures need JavaScript; the tables do not.</p></noscript></header>"
        + "\n".join(sections)
        + f"</main><script>{script}</script><script>{plotly_js()}</script>"
        "<script>samgraphDraw();</script></body></html>\n"
    )


def _beside(name: str) -> str:
    return (Path(__file__).resolve().parent / name).read_text(encoding="utf-8")
