"""`samgraph models`: the fitted models of a run."""

from __future__ import annotations

from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame


@click.command("models")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--prune",
    is_flag=True,
    help="Remove the parameters of all windows but the newest, and list these: tables, report and scores of new days "
    "need them no more, but older days can then not be explained.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows.")
def command(run: Path, *, prune: bool, form: str) -> None:
    """List the fitted models of RUN: on which days each was trained and validated, since when it is in use, the step of
    its fit that was kept with its Rank IC on the validation days, and where its files lie.

    \b
    Example:
      samgraph models runs/csi300
      samgraph models runs/csi300 --prune
    """
    from samgraph.run import models
    from samgraph.run.folder import RunFolder

    opened = RunFolder.open(run)
    found = models.prune(opened) if prune else models.models(opened)
    for name in ("trained_from", "trained_to", "validated_to", "in_use_from", "in_use_to"):
        found[name] = found[name].dt.strftime("%Y-%m-%d")
    print_frame(found, form)
