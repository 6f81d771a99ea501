"""`report.html`: one self-contained page, made from the files of a run alone.

The page answers in this order: was it better, than what, how surely; what that rests on; what was run, known when and
traded when; where the return came from; what the portfolio holds; risk, forecast and realised; what it cost; which data
were missing; how the models learned; how to run it again; what the words mean. Every text from outside is escaped, no
folder of the machine is named, and a policy in the page lets it load nothing and run no script but its own.
Pictures are drawn by the plotly.js that stands in the page, each when it comes into view.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from samgraph.errors import RunError
from samgraph.files import write_text
from samgraph.report import holdings as report_holdings
from samgraph.report import settings as report_settings
from samgraph.report.attribution import attribution
from samgraph.report.capacity import capacity
from samgraph.report.contest import risk_contest
from samgraph.report.datasheet import data_sheet
from samgraph.report.glossary import glossary
from samgraph.report.html import days, text
from samgraph.report.months import months
from samgraph.report.pictures.plotly import plotly_js
from samgraph.report.positions import positions
from samgraph.report.result import better
from samgraph.report.risk import risk
from samgraph.report.sources import where_from
from samgraph.report.verdict import verdict
from samgraph.run.folder import RunFolder

SECTIONS = {
    "verdict": ("Verdict", verdict),
    "better": ("Was it better", better),
    "asked": ("What was run", report_settings.asked),
    "sources": ("Where from", where_from),
    "attribution": ("Attribution", attribution),
    "months": ("Returns", months),
    "explained": ("Best stocks", report_holdings.explained),
    "holdings": ("Holdings", report_holdings.holdings),
    "positions": ("Positions", positions),
    "risk": ("Risk", risk),
    "contest": ("Products or industries", risk_contest),
    "costs": ("Costs", report_settings.costs),
    "capacity": ("Capacity", capacity),
    "missing": ("Missing data", report_settings.missing),
    "datasheet": ("Dataset", data_sheet),
    "learned": ("Models", report_settings.learned),
    "again": ("Run again", report_settings.again),
    "glossary": ("Glossary", glossary),
}
SIMULATED = "Simulated economy: no figure here says anything about a real market."


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
        made = {key: make(run) for key, (_, make) in SECTIONS.items()}
    except KeyError as error:
        raise RunError(
            f"{run.folder} cannot be read as a run: {error} is missing; run the backtest again"
        ) from error
    summary = run.summary
    title = f"{summary['universe']}, {summary['test_start']} to {summary['end']}"
    links = "".join(f"<a href='#{key}'>{text(SECTIONS[key][0])}</a>" for key, shown in made.items() if shown)
    simulated = f"<p class='simulated' role='note'>{SIMULATED}</p>" if run.simulated else ""
    body = (
        f"<aside><nav aria-label='Contents'>{links}</nav>{_filter(run)}</aside><main>"
        f"<header><p class='soft'>samgraph backtest</p><h1>{days(title)}</h1>{simulated}</header>"
        + "\n".join(made.values())
        + "<p class='soft hint'>Point at a picture for its values, drag to zoom, double-click to return; click a "
        "table's header to sort it.</p>"
        "<noscript><p>The pictures need JavaScript; the tables do not.</p></noscript></main>"
    )
    # plotly.js is large: it stands last, so that words and tables are on screen before it is read
    scripts = [beside("tables.js"), beside("report.js"), plotly_js(), "samgraphDraw();"]
    return document(title, body, scripts, "railed")


def document(title: str, body: str, scripts: Sequence[str], kind: str = "") -> str:
    """A whole page around `body`, with the report's style, and with a policy that lets only these scripts run."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>samgraph: {text(title)}</title><style>{beside('report.css')}</style></head>"
        f"<body class='{kind}'>{body}{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>\n"
    )


def beside(name: str) -> str:
    """A file of this folder."""
    return (Path(__file__).resolve().parent / name).read_text(encoding="utf-8")


def _filter(run: RunFolder) -> str:
    """Days and portfolios that the pictures show; report.js works it."""
    first, last = (text(run.summary[name]) for name in ("test_start", "end"))
    days = "".join(
        f"<label>{word}<input type='date' name='{word}' value='{day}' min='{first}' max='{last}'></label>"
        for word, day in (("from", first), ("to", last))
    )
    boxes = "".join(
        f"<label><input type='checkbox' name='variant' value='{text(name)}' checked>{text(name)}</label>"
        for name in run.portfolios
    )
    return (
        "<details class='filter' hidden><summary>Filter</summary><form>"
        f"<fieldset><legend>Days</legend>{days}</fieldset><fieldset><legend>Portfolios</legend>{boxes}</fieldset>"
        "<button type='reset'>Show all</button><p class='soft' role='status'></p></form></details>"
    )
