"""What the commands of `samgraph import` share: kinds of values, options, and the end of an import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from samgraph.cli.output import FORMATS, print_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from samgraph.importers.writing import Imported


F = TypeVar("F", bound=Callable[..., Any])


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


def finish(made: Imported, out: Path, form: str, *beside: Path | None) -> None:
    """Write what an importer made and print where every row went; `beside` are files of the user's that it read too."""
    from dataclasses import replace

    from samgraph.importers.writing import write
    from samgraph.progress import stage

    made = replace(made, files=(*made.files, *(path for path in beside if path is not None)))
    with stage("write"):
        write(made, out)
    print_frame(made.coverage, form)
    tell_notes(made.notes)
    rows = ", ".join(f"{len(table):,} {name}" for name, table in made.tables.items())
    click.echo(f"{out}: {rows}; next: samgraph load {out}", err=True)


SHARES = click.option(
    "--shares",
    "policy",
    type=click.Choice(("residual", "renormalise", "reject")),
    default="residual",
    show_default=True,
    help="residual: what no product explains stays unexplained, sums above 1 are scaled down; renormalise: sums become "
    "1; reject: reports above 1 are left out.",
)
LAG = click.option(
    "--lag-days",
    type=click.IntRange(min=0),
    metavar="N",
    help="ASSUME that a report whose day of publication is unknown came out N days after its period; by default on the "
    "legal deadline (30 April, 31 August, 31 October).",
)
FALLBACK = click.option(
    "--fallback",
    "fallback",
    type=click.Choice(("unnamed", "industry")),
    multiple=True,
    help="Where a report has no rows by product, use those of an empty category (unnamed) or by industry; by default "
    "such a report is left out and counted. Given twice, the first that a report has.",
)


class Pair(click.ParamType[Any]):
    """LEFT=RIGHT."""

    name = "pair"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Both sides."""
        if isinstance(value, tuple):
            return value
        left, mark, right = str(value).partition("=")
        if not mark or not left.strip() or not right.strip():
            self.fail(f"{value!r} is not of the form LEFT=RIGHT", param, ctx)
        return left.strip(), right.strip()


def folders(function: F) -> F:
    """SOURCE DIR, for importers of one folder."""
    function = click.argument("out", metavar="DIR", type=click.Path(path_type=Path))(function)
    return click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))(function)
