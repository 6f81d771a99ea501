"""CSV that is read by people: no text in it is a formula to a spreadsheet, and every text can be had back.

Names come from vendors' tables and may hold anything.
"""

from __future__ import annotations

import csv
import re
from typing import IO, Any

import pandas as pd

# What OWASP lists as the beginnings of a formula, after any apostrophes, so that the rule can be undone.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NEUTRALISED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


def write_csv(frame: pd.DataFrame, file: IO[str] | Any) -> None:
    """Write `frame` as CSV; no text in it is a formula to a spreadsheet. `file` is open, or a path."""
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
