"""A run as one Excel workbook: a sheet per table, typed cells, for people who do not open Python.

Days are dates, numbers are numbers, an unknown one is an empty cell, and no text is a formula
(`samgraph.spreadsheets`). The sheet `contents` says what each table holds and `columns` what each column does. A table
with more rows than a sheet takes goes on in NAME_2, NAME_3, ..., and one with more than `LARGEST` keeps its last days:
a workbook of millions of rows takes hours to write and minutes to open. `contents` says both.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from samgraph.files import flattened, whole
from samgraph.progress import stage, warn
from samgraph.run.folder import RunFolder
from samgraph.run.table import KNOWN_IN_WORDS
from samgraph.run.tables import TABLES
from samgraph.spreadsheets import for_spreadsheets

ROWS = 1_048_575  # of a sheet below its header: Excel has 1,048,576
LARGEST = 50_000  # rows of a table that are written
LONGEST = 32_767  # characters of a cell
LONGEST_NAME = 31  # of a sheet


def write_workbook(run: RunFolder, path: Path, *, rows: int = ROWS, largest: int = LARGEST) -> Path:
    """Write the run's tables into a workbook; its path.

    Args:
        run: a finished run.
        path: of the file, replaced if there.
        rows: of a sheet at most, below its header.
        largest: rows of a table at most, whole days from its end; the Parquet file has all.

    Raises:
        RunError: a table is damaged, or the file cannot be written.
    """
    book = Workbook(write_only=True)
    try:
        _write_sheets(run, book, rows, largest)
        with whole(path) as scratch:
            book.save(scratch)
    finally:
        for sheet in book.worksheets:  # one left open would complain when it is collected
            with contextlib.suppress(Exception):
                sheet.close()
    return path


def _write_sheets(run: RunFolder, book: Workbook, rows: int, largest: int) -> None:
    names = [name for name in TABLES if run.has(name)]
    contents, told = book.create_sheet("contents"), []
    _fill(book.create_sheet("columns"), ["table", "column", "what", "known"], _columns(names))
    _fill(book.create_sheet("summary"), ["figure", "value"], _figures(run.summary))
    with stage("write workbook", len(names)) as progress:
        for name in names:
            whole_table = run.table(name)
            frame, left = _last_days(whole_table, TABLES[name].date, largest)
            sheets = _table(book, name, frame, rows)
            told.append((name, TABLES[name].words, len(whole_table), ", ".join(sheets), left))
            if left:
                warn(f"table {name} has {len(whole_table):,} rows: {left}")
            if len(sheets) > 1:
                warn(
                    f"table {name} has {len(frame):,} rows, more than a sheet takes: split over {', '.join(sheets)}"
                )
            progress.advance()
    _fill(contents, ["table", "what", "rows", "sheets", "kept"], told)


def _last_days(frame: pd.DataFrame, date: str, largest: int) -> tuple[pd.DataFrame, str]:
    """The whole days at the end of a table that have `largest` rows together, and what is left out, in words."""
    if len(frame) <= largest or date not in frame:
        return frame, ""
    counts = frame[date].value_counts().sort_index(ascending=False)
    fitting = counts.cumsum() <= largest
    first = counts.index[max(int(fitting.sum()), 1) - 1]
    return frame[frame[date] >= first], f"from {first.date()} on; every day is in the run's Parquet file"


def _table(book: Workbook, name: str, frame: pd.DataFrame, rows: int) -> list[str]:
    """The sheets of a table."""
    sheets = []
    for number, start in enumerate(range(0, max(len(frame), 1), rows), start=1):
        ending = "" if number == 1 else f"_{number}"
        title = name[: LONGEST_NAME - len(ending)] + ending
        part = frame.iloc[start : start + rows]
        columns = [_values(part.iloc[:, place]) for place in range(part.shape[1])]
        _fill(book.create_sheet(title), list(map(str, frame.columns)), zip(*columns, strict=True))
        sheets.append(title)
    return sheets


def _fill(sheet: Any, head: list[str], rows: Iterable[Iterable[Any]]) -> None:
    sheet.freeze_panes = "A2"
    bold = []
    for title in head:
        cell = WriteOnlyCell(sheet, value=_text(title))
        cell.font = Font(bold=True)
        bold.append(cell)
    sheet.append(bold)
    for row in rows:
        sheet.append([_text(value) if isinstance(value, str) else value for value in row])


def _values(column: pd.Series) -> Iterator[Any]:
    """The cells of a column: dates, whole numbers, numbers, truths and texts; what is unknown is empty."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return (None if pd.isna(day) else day.date() for day in column)
    return (_cell(value) for value in column.astype(object))


def _cell(value: Any) -> Any:
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, pd.Timestamp):
        return value.date()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else str(value)


def _text(text: str) -> str:
    """A text that is not a formula, without the characters that a workbook may not hold."""
    safe = for_spreadsheets(ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", text))
    return safe if len(safe) <= LONGEST else safe[: LONGEST - 1] + "…"


def _columns(names: list[str]) -> Iterator[tuple[str, str, str, str]]:
    for name in names:
        table = TABLES[name]
        for column in table.columns:
            yield name, column, table.means(column), KNOWN_IN_WORDS[table.moment(column)]


def _figures(summary: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Figures of the summary by their paths (variants.product.ic); a list is JSON."""
    for path, value in flattened(summary):
        yield path, json.dumps(value, ensure_ascii=False) if isinstance(value, list) else _cell(value)
