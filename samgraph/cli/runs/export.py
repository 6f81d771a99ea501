"""`samgraph export`: a run's risk model and scores in the forms that other tools take."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.runs.backtest import _day

FORMS = ("skfolio", "cvxpy", "qlib", "alphalens", "excel")


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--to", "form", type=click.Choice(FORMS), required=True, help="Whose form.")
@click.option(
    "--as-of",
    callback=_day,
    metavar="DATE",
    help="The day, YYYY-MM-DD, or the last trading day before it; the run's last day by default.",
)
@click.option("--variant", default="product", show_default=True, help="Whose scores.")
@click.option("--factor", default="score", show_default=True, help="A factor of the run, for alphalens.")
def command(*, run: Path, folder: Path, form: str, as_of: dt.date | None, variant: str, factor: str) -> None:
    """Write what RUN knew as of a day into FOLDER, for another tool; the files' names are printed.

    \b
    skfolio    asset and factor returns, exposures, covariances, expected
               returns: Parquet
    cvxpy      the same risk model as arrays in model.npz (factor_root is a
               square root), and as Parquet
    qlib       pred: MultiIndex (datetime, instrument), column score: Parquet
               and CSV
    alphalens  factor: MultiIndex (date, asset); prices: dates x assets, row t
               what day t's factor can trade at
    excel      every table of the run as a sheet of run.xlsx; of one with more
               than 50,000 rows its last days

    \b
    Example:
      samgraph export runs/csi300 model --to cvxpy --as-of 2024-06-28
    """
    import pandas as pd

    from samgraph.export.formats import export

    day = None if as_of is None else pd.Timestamp(as_of)
    for path in export(run, form, folder, as_of=day, variant=variant, factor=factor):
        click.echo(path)
