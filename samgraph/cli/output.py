"""Rows on standard output: a table for people, CSV or JSON for programs.

Names come from vendors' tables and may hold anything. A table shows control characters and marks that turn the
direction of text as escapes (`\\x1b`), so that no name acts on the terminal, and cuts long cells. CSV puts an
apostrophe before a text that a spreadsheet would run as a formula (`for_spreadsheets`; `from_spreadsheet` takes it
away again). JSON and Parquet hold every text as it is.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from typing import IO, TYPE_CHECKING, Any

from samgraph.cli.terminal import ACTS, tell, visible

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "csv", "json")
LONGEST_CELL = 200
"""Characters of a cell that a table shows."""
NARROW = 14
"""A column of texts that is as narrow as this by itself is never broken."""
FOLDED = 10
"""A longer one is not made narrower than this."""
GAP = 2
"""Spaces between two columns."""

# What OWASP lists as the beginnings of a formula, after any apostrophes, so that the rule can be undone.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NEUTRALISED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


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
    least = [wide if keep else FOLDED for wide, keep in zip(natural, whole, strict=True)]
    shown = len(heads)
    while shown > 1 and sum(least[:shown]) + GAP * (shown - 1) > console.width:
        shown -= 1
    table = Table(box=None, pad_edge=False)
    for place in range(shown):
        # A number or a day that is broken in two is no longer one; a long text may go on in the next line.
        table.add_column(
            Text(heads[place]),
            justify="right" if numbers[place] else "left",
            no_wrap=whole[place],
            overflow="fold",
            min_width=least[place],
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


def write_csv(frame: pd.DataFrame, file: IO[str] | Any) -> None:
    """Write `frame` as CSV; no text in it is a formula to a spreadsheet. `file` is open, or a path."""
    import pandas as pd

    texts = {
        name: [for_spreadsheets(value) if isinstance(value, str) else value for value in frame[name]]
        for name in frame.columns
        if not (
            pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_datetime64_any_dtype(frame[name])
        )
    }
    safe = frame.assign(
        **{name: pd.Series(column, index=frame.index, dtype=object) for name, column in texts.items()}
    )
    safe.columns = pd.Index([for_spreadsheets(str(name)) for name in frame.columns])
    # By default a carriage return would not be quoted where lines end otherwise, and would break its row in two.
    broken = any("\r" in value for column in texts.values() for value in column if isinstance(value, str))
    safe.to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL)


def for_spreadsheets(text: str) -> str:
    """A text that no spreadsheet runs: one that begins with = + - @, a tab or a line's end gets an apostrophe first.

    So does one that begins with apostrophes and then one of these: no two texts become the same, and
    `from_spreadsheet` gives back each of them.
    """
    return "'" + text if _FORMULA.match(text) else text


def from_spreadsheet(text: str) -> str:
    """The text that `for_spreadsheets` was given."""
    return text[1:] if _NEUTRALISED.match(text) else text


def _cell(value: object) -> str:
    import pandas as pd

    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    text = str(value)
    return visible(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…")
