"""`samgraph load`: check a dataset and load it into the graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell
from samgraph.words import many

if TYPE_CHECKING:
    from samgraph.graph.load.report import LoadReport

SHOWN = 10
"""Rejected rows that are shown on the terminal; the report lists all of them."""


def _report_file(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in (".json", ".csv"):
        raise click.BadParameter(f"{str(value)!r} must end in .json or .csv")
    return value


@click.command("load")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check and compare with the graph, but write nothing.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_report_file,
    metavar="FILE",
    help="Write the account of every table and every unusable row to FILE.json or FILE.csv.",
)
@click.option(
    "--stale-after",
    type=click.IntRange(min=1),
    default=18,
    show_default=True,
    metavar="MONTHS",
    help="A report is used until so many months after the end of its period.",
)
@click.option(
    "--lag",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Use a report from so many trading days after its announcement; by default the next calendar day.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Build the graph with the server's own import, faster: for the local server, while it holds nothing.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the account.")
def command(
    *,
    folder: Path,
    dry_run: bool,
    report_file: Path | None,
    stale_after: int,
    lag: int | None,
    offline: bool,
    form: str,
) -> None:
    """Check the dataset in DIR and load it: new facts, restatements and corrections are merged.

    Loading the same twice changes nothing. A dataset with an error is refused as a whole, with the table,
    number, values and reason of every such row; a killed load is finished by running it again.

    \b
    Example:
      samgraph load economy --report load.json
    """
    from samgraph.graph.check.dataset import check
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.load.load import load, refusal
    from samgraph.graph.load.offline import load_offline
    from samgraph.graph.load.report import RefusedDataset
    from samgraph.progress import stage

    if offline and dry_run:
        raise click.UsageError("--offline builds and --dry-run writes nothing: give one of them")
    dataset = Dataset(folder)
    try:
        with stage("check"):
            checked = check(dataset)
        if not checked.ok:  # told before a server is started
            raise refusal(dataset, checked, dry_run=dry_run)
        if offline:
            with stage("build"):
                done = load_offline(dataset, stale_after_months=stale_after, lag=lag, checked=checked)
        else:
            with connect() as graph, stage("compare" if dry_run else "load") as bar:
                done = load(
                    graph,
                    dataset,
                    dry_run=dry_run,
                    stale_after_months=stale_after,
                    lag=lag,
                    checked=checked,
                    progress=bar.advance,
                    expect=bar.set_total,
                )
    except RefusedDataset as refused:
        _tell(refused.report, report_file, form)
        raise
    _tell(done, report_file, form)
    click.echo(_summary(done), err=True)


def _tell(report: LoadReport, file: Path | None, form: str) -> None:
    print_frame(report.tables.reset_index(), form)
    for note in report.notes:
        tell(note)
    rows = report.rejected.sort_values("fatal", ascending=False, kind="stable").head(SHOWN)
    for row in rows.itertuples(index=False):
        tell(f"table {row.table}, row {row.row}: {_clipped(str(row.reason))}: {_clipped(str(row.values))}")
    left = len(report.rejected) - len(rows)
    if left > 0:
        where = f"all are in {file}" if file else "--report FILE lists all"
        click.echo(f"and {left} more; {where}", err=True)
    if file:
        report.write(file)
        click.echo(f"written: {file}", err=True)


def _clipped(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


def _summary(report: LoadReport) -> str:
    created, ended = (int(report.edges[name].sum()) for name in ("created", "ended"))
    if report.dry_run:
        return f"nothing written; a load would create {many(created, 'edge')} and end {ended:,}"
    if report.moment is None:
        return "the graph holds all of this already; nothing written"
    return f"loaded at {report.moment.isoformat()}: {many(created, 'edge')} created, {ended:,} ended"
