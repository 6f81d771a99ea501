"""Rows on standard output: a table for people, CSV or JSON for programs.

Names come from vendors' tables and may hold anything. A table shows control characters and marks that turn the
direction of text as escapes (`\\x1b`), so that no name acts on the terminal, and cuts long cells. CSV puts an
apostrophe before a text that a spreadsheet would run as a formula (`samgraph.spreadsheets`). JSON and Parquet hold
every text as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.terminal import ACTS, tell, visible
from samgraph.spreadsheets import write_csv

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "csv", "json")
LONGEST_CELL = 200
"""Characters of a cell that a table shows."""
NARROW = 14
"""A column of texts that is as narrow as this by itself is never broken."""
FOLDED = 10
"""A longer one is not made narrower than this, nor than its longest word."""
LONGEST_WORD = 24
"""A longer word, as an address is, may be broken."""
GAP = 2
"""Spaces between two columns."""


def ends_in(*endings: str) -> Callable[[click.Context, click.Parameter, Path | None], Path | None]:
    """A callback of an option for a file: its name must have one of these endings."""

    def checked(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix not in endings:
            raise click.BadParameter(f"{str(value)!r} must end in {', '.join(endings[:-1])} or {endings[-1]}")
        return value

    return checked


def print_frame(frame: pd.DataFrame, form: str) -> None:
    """Print `frame` as a `table`, as `csv` or as `json` (a list of records; days as ISO text)."""
    if form == "csv":
        write_csv(frame, sys.stdout)
        return
    if form == "json":
        text = frame.to_json(
            orient="records",
            date_format="iso",
            date_unit="s",
            force_ascii=False,
            indent=2,
            double_precision=15,
        )
        print_json(text)
        return
    import pandas as pd
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    heads = [visible(str(name)) for name in frame.columns]
    cells = [[_cell(value) for value in frame.iloc[:, place]] for place in range(len(heads))]
    natural = [max(map(cell_len, [head, *column])) for head, column in zip(heads, cells, strict=True)]
    numbers = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    whole = [number or wide <= NARROW for number, wide in zip(numbers, natural, strict=True)]
    least = [
        wide if keep else min(wide, max(FOLDED, _longest_word([head, *column])))
        for head, column, wide, keep in zip(heads, cells, natural, whole, strict=True)
    ]
    shown = len(heads)
    while shown > 1 and sum(least[:shown]) + GAP * (shown - 1) > console.width:
        shown -= 1
    widths = _shrunk(natural[:shown], least, console.width - GAP * (shown - 1))
    table = Table(box=None, pad_edge=False)
    for place in range(shown):
        # A number or a day that is broken in two is no longer one; a long text may go on in the next line.
        table.add_column(
            Text(heads[place]),
            justify="right" if numbers[place] else "left",
            no_wrap=whole[place],
            overflow="fold",
            width=widths[place],
        )
    for row in zip(*cells[:shown], strict=True):
        table.add_row(*map(Text, row))
    console.print(table)
    if shown < len(heads):
        tell(f"too narrow here for {', '.join(heads[shown:])}: --format csv has every column")


def print_json(text: str) -> None:
    """Print JSON; characters that would act on a terminal are written as their escapes, which mean the same."""
    lines = (ACTS.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in text.split("\n"))
    print("\n".join(lines))


def figure(value: float) -> str:
    """A number for people: four significant digits below 100; above, all before the point and two behind it."""
    if 99.995 <= abs(value) < 1e15:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"


def _shrunk(natural: list[int], least: list[int], room: int) -> list[int]:
    """Widths of columns that fit into `room`: the widest that is not at its least yet gives way first."""
    widths = list(natural)
    while sum(widths) > room:
        slack = [place for place, wide in enumerate(widths) if wide > least[place]]
        if not slack:
            break
        widths[max(slack, key=widths.__getitem__)] -= 1
    return widths


def _longest_word(texts: list[str]) -> int:
    """Cells of the longest word that is not broken; a Chinese name may be, between any two of its signs."""
    from rich.cells import cell_len

    words = (word for text in texts for word in text.split() if word.isascii())
    return max((wide for word in words if (wide := cell_len(word)) <= LONGEST_WORD), default=0)


def _cell(value: object) -> str:
    import pandas as pd

    if isinstance(value, float):
        return "" if value != value else figure(value)
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    text = str(value)
    return visible(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…")
