"""`samgraph audit`: the proof of no look-ahead on one's own data."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame


def _day(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dt.date | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid date; write it as 2024-01-31") from None


@click.command("audit")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset; it is only read.",
)
@click.option("--universe", required=True, help="Name in the dataset's table universes.")
@click.option("--start", required=True, callback=_day, metavar="DATE", help="First day of training.")
@click.option("--end", required=True, callback=_day, metavar="DATE", help="Last day of testing.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of settings; a small model and one epoch by default.",
)
@click.option("--days", default=3, type=click.IntRange(1, 100), help="Days after which inputs are changed.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Seed of the days and of the changes.")
@click.option(
    "--level",
    type=click.Choice(("inputs", "factors", "pipeline")),
    default="pipeline",
    help="inputs: nothing is trained; factors: all that follows a model, with a stand-in for it; pipeline: all.",
)
@click.option("--quick", is_flag=True, help="The same as --level inputs.")
@click.option("--each", is_flag=True, help="Change each kind of input by itself too.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the result.")
def command(
    data: Path,
    universe: str,
    start: dt.date,
    end: dt.date,
    config: Path | None,
    days: int,
    seed: int,
    level: str,
    quick: bool,
    each: bool,
    form: str,
) -> None:
    """Change what became known after a day, run again, and compare all that is dated by the day.

    The dataset is copied, and loaded into a Neo4j server of the audit's own that is gone at the end. Exit status 1
    if anything differs, with the first difference and the inputs to blame.

    \b
    Examples:
      samgraph audit --data data --universe CSI300 --quick \\
          --start 2022-01-01 --end 2023-12-31
      samgraph audit --data data --universe CSI300 --days 5 \\
          --start 2022-01-01 --end 2023-12-31
    """
    import tempfile
    from typing import cast

    from samgraph.audit.harness import Level, audit, reduced
    from samgraph.config import load_config
    from samgraph.errors import RunError

    if config is None:
        settings = reduced(data, universe, start, end, seed)
    else:
        own = {"data": data, "universe": universe, "start": start, "end": end}
        settings = load_config(config, own)
    chosen = cast(Level, "inputs" if quick else level)
    with tempfile.TemporaryDirectory(prefix="samgraph-audit-") as folder:
        found = audit(settings, Path(folder), days=days, seed=seed, level=chosen, each=each)
    told = ", ".join(f"{kind} {rows}" for kind, rows in found.changed().items())
    click.echo(f"rows changed: {told}", err=True)
    print_frame(found.table(), form)
    if found.differences:
        raise RunError(found.sentence())
