"""`samgraph compare`: what differs between two datasets."""

from __future__ import annotations

from pathlib import Path

import click

from samgraph.cli.output import FORMATS, ends_in, print_frame
from samgraph.cli.terminal import tell
from samgraph.spreadsheets import write_csv
from samgraph.words import many

DIFFERENT = 3
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("compare")
@click.argument("before", metavar="DIR1", type=_FOLDER)
@click.argument("after", metavar="DIR2", type=_FOLDER)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=ends_in(".parquet", ".csv"),
    metavar="FILE",
    help="Write every row added or removed, and every cell changed, to FILE.parquet or .csv.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Largest changes of a share to tell.",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows printed."
)
@click.pass_context
def command(
    context: click.Context, *, before: Path, after: Path, output: Path | None, top: int, form: str
) -> None:
    """Compare two datasets, such as two imports, table by table.

    One row per table: its rows in DIR1 and in DIR2, how many were added, removed and changed, how many companies they
    concern, and the first and the last day that they name. Rows are compared as they are read: the form of the files
    and the order of rows do not matter. The largest changes of shares are told on standard error. Exit status: 0 the
    same, 3 different.

    \b
    Example:
      samgraph compare firms firms-corrected -o changes.parquet
    """
    from samgraph.files import whole
    from samgraph.graph.dataset.compare import compare
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.progress import stage

    with stage("compare"):
        found = compare(Dataset(before), Dataset(after))
    print_frame(found.counts, form)
    for row in found.shares(top).itertuples():
        weights = " to ".join(f"{float(str(value)):.6g}" for value in (row.before, row.after))
        tell(f"{row.table}: {row.company_id} {row.key}: weight {weights}")
    if output is not None:
        with whole(output) as scratch:
            if output.suffix == ".parquet":
                found.changes.to_parquet(scratch, index=False)
            else:
                write_csv(found.changes, scratch)
        click.echo(f"written: {output}, {many(len(found.changes), 'row')}", err=True)
    context.exit(0 if found.same else DIFFERENT)
