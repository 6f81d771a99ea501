"""`samgraph report`: make a run's page anew."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
def command(run: Path) -> None:
    """Rebuild RUN/report.html from the files of a finished backtest.

    \b
    Example:
      samgraph report runs/csi300
    """
    from samgraph.report.page import write_report

    click.echo(write_report(run))
