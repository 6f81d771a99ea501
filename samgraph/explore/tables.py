"""Answers of the page as JSON: tables with typed columns, days as ISO text, nothing that is not a number."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from samgraph.errors import SamgraphError

Kind = Literal["text", "number", "whole", "share", "return", "day", "company", "product"]
MOST_ROWS = 500
"""Rows of a table that are sent; the rest is counted."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: of the frame
        label: the head that people read
        kind: how it is written; `company` and `product` are names that link to a page, `return` has two decimals
            of a percent
        of: for those two the frame's column of ids
    """

    key: str
    label: str
    kind: Kind = "text"
    of: str = ""


def table(
    key: str,
    title: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    note: str = "",
    most: int = MOST_ROWS,
) -> dict[str, Any]:
    """A table as the page draws it; where rows are left out, its note says how many there are."""
    wanted = list(dict.fromkeys(name for column in columns for name in (column.key, column.of) if name))
    shown = frame.head(most)
    if len(frame) > most:
        note = f"The first {most:,} of {len(frame):,} rows. {note}".strip()
    return {
        "key": key,
        "title": title,
        "note": note,
        "total": len(frame),
        "columns": [{"key": one.key, "label": one.label, "kind": one.kind, "of": one.of} for one in columns],
        "rows": [
            dict(zip(wanted, map(plain, row), strict=True))
            for row in shown[wanted].itertuples(index=False, name=None)
        ],
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: days as ISO text, None for what is missing."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (pd.Timestamp, dt.datetime)):
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def or_sentence(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns, or the sentence of its refusal: one part of a page must not hide the others."""
    try:
        return make()
    except SamgraphError as error:
        return {"note": str(error)}
