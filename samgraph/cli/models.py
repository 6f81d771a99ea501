"""`samgraph models`: the fitted models of a run."""

from __future__ import annotations

from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame


@click.command("models")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows.")
def command(run: Path, form: str) -> None:
    """List the fitted models of RUN: on which days each was trained and validated, since when it is in use, the step of
    its fit that was kept with its Rank IC on the validation days, and where its files lie.

    \b
    Example:
      samgraph models runs/csi300
    """
    from samgraph.run.folder import RunFolder
    from samgraph.run.models import models

    found = models(RunFolder.open(run))
    for name in ("trained_from", "trained_to", "validated_to", "in_use_from", "in_use_to"):
        found[name] = found[name].dt.strftime("%Y-%m-%d")
    print_frame(found, form)
