"""`samgraph score`: a finished run's newest models applied to a day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, ends_in, print_frame
from samgraph.cli.runs.backtest import _day
from samgraph.cli.terminal import tell

LOOK = 3  # exit status: scores, or none, with a warning


@click.command("score")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset as it is now, loaded before; the run's by default.",
)
@click.option(
    "--as-of", "as_of", callback=_day, metavar="DATE", help="The day; the last one with bars by default."
)
@click.option("--variant", default="product", show_default=True, help="Whose models.")
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=ends_in(".parquet", ".csv", ".json"),
    metavar="FILE",
    help="FILE.parquet, .csv or .json (with where the scores come from).",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows without -o."
)
@click.pass_context
def command(
    context: click.Context,
    *,
    run: Path,
    data: Path | None,
    as_of: dt.date | None,
    variant: str,
    known_at: str | None,
    output: Path | None,
    form: str,
) -> None:
    """Score a day with the newest models of RUN that were fitted before it.

    The dataset may have grown since. Its tables of companies, products, reports, industries and universes must be
    loaded as they are; prices are read from the folder alone. The scores are those of a backtest up to that day.
    One row per stock: rank, score (standard deviations of the day, averaged over seeds), its parts, the score neutral
    to industry and size, and the days since the company's newest report became public.

    Exit status 3 with a warning: no bars on the day (and then no scores), fewer stocks than usual, stale reports,
    models past the day on which they were to be fitted anew, features outside of what training saw.

    \b
    Example:
      samgraph score runs/csi300 --data data/csi300 -o scores.parquet
    """
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.asof import parse_moment
    from samgraph.run.folder import RunFolder
    from samgraph.run.score import score, write_scored

    opened = RunFolder.open(run)
    dataset = Dataset(data or opened.config.data)
    known = parse_moment(known_at) if known_at else None
    with connect(opened.config.neo4j.settings()) as graph:
        found = score(opened, graph, dataset, as_of=as_of, variant=variant, known=known)
    for warning in found.warnings:
        tell(f"warning: {warning}")
    if output is None:
        print_frame(found.frame, form)
    else:
        write_scored(output, found)
    if output is not None:
        click.echo(f"written: {output}", err=True)
    if found.warnings:
        context.exit(LOOK)
