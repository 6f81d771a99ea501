"""What the commands of `samgraph import` share: kinds of values, options, and the end of an import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from samgraph.cli.output import FORMATS, print_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from samgraph.importers.writing import Imported


class Day(click.ParamType[Any]):
    """A day, YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> np.datetime64:
        """The day as datetime64[D]."""
        import numpy as np

        from samgraph.importers.reading import parse_day

        if isinstance(value, np.datetime64):
            return value
        day = parse_day(str(value))
        if day is None or np.isnat(day):
            self.fail(f"{value!r} is not a day; write it as 2021-11-01", param, ctx)
        return day


ALIASES = click.option(
    "--aliases",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Companies whose code changed: columns old, new. Known changes of A-share codes need no file.",
)
FORM = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    help="Form of the coverage that is printed.",
)


def changed_codes(path: Path | None, *, plain: bool = False) -> dict[str, str]:
    """A user's table of changed codes; `plain` ones are companies of any market, called as the files call them."""
    from samgraph.importers.aliases import a_share_code, read_aliases
    from samgraph.importers.names import clean_name

    return {} if path is None else read_aliases(path, clean_name if plain else a_share_code)


def tell_notes(notes: Iterable[str]) -> None:
    """Say on standard error what was assumed."""
    for note in notes:
        click.echo(note, err=True)


def finish(made: Imported, out: Path, form: str) -> None:
    """Write what an importer made and print where every row went."""
    from samgraph.importers.writing import write
    from samgraph.progress import stage

    with stage("write"):
        write(made, out)
    print_frame(made.coverage, form)
    tell_notes(made.notes)
    rows = ", ".join(f"{len(table):,} {name}" for name, table in made.tables.items())
    click.echo(f"{out}: {rows}; next: samgraph load {out}", err=True)
