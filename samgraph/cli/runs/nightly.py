"""`samgraph nightly`: everything that a night is, once."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.runs.score import LOOK
from samgraph.cli.terminal import tell
from samgraph.progress import as_json

if TYPE_CHECKING:
    from samgraph.night.nightly import Done


@click.command("nightly")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file: settings, run, out and more (docs/nightly.md).",
)
@click.option(
    "--log",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of the log on standard error; json has one object a line.",
)
@click.pass_context
def command(context: click.Context, *, config: Path, log: str) -> None:
    """Check and load the tables, grow the run where its models are due, score the newest day, say how all is.

    Every stage either happened or did not; killed anywhere, the same command finishes the night to the same files. One
    night at a time. Scores of a day are written once.

    Exit status 0 done, 1 a stage failed (the night ends there), 3 done with a warning somebody should look at.

    \b
    Example:
      samgraph nightly --config nightly.toml --log json
    """
    from samgraph.night.nightly import nightly
    from samgraph.night.settings import read_nightly

    def told(done: Done) -> None:
        if log == "json":
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            line = {"time": now, "stage": done.stage, "state": done.state, "seconds": done.seconds}
            click.echo(
                json.dumps(line | done.facts | {"warnings": list(done.warnings)}, ensure_ascii=False),
                err=True,
            )
            return
        facts = "".join(f", {name} {value}" for name, value in done.facts.items())
        tell(f"{done.stage}: {done.state}, {done.seconds:.1f} s{facts}")
        for warning in done.warnings:
            tell(f"warning: {warning}")

    settings = read_nightly(config)
    as_json(log == "json")
    try:
        found = nightly(settings, told)
    finally:
        as_json(False)
    if any(done.warnings for done in found):
        context.exit(LOOK)
