"""What a table of a run is: its columns, and when each of its figures may be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd

from samgraph.run.table_words import COLUMNS

Moments = np.ndarray[Any, np.dtype[np.datetime64]]


class Known(IntEnum):
    """When a figure may be known; a later one is larger."""

    DAY = 0
    NEXT = 1
    HORIZON = 2
    WINDOW = 3
    END = 4


KNOWN_IN_WORDS = {
    Known.DAY: "at the close of `date`",
    Known.NEXT: "at the close of the trading day after `date`",
    Known.HORIZON: "when the return over the horizon has been earned",
    Known.WINDOW: "on the first test day of the window",
    Known.END: "at the end of the run",
}


@dataclass(frozen=True)
class Table:
    """One table of a run.

    Attributes:
        name: of its file, without the ending.
        words: what it holds, in one sentence.
        known: when a row's figures may be known.
        columns: in their order.
        other: columns that may be known at another moment than the rest.
        date: the column that a row's day is read from.
        own: meanings of columns that mean something else here than in `samgraph.run.table_words`.
    """

    name: str
    words: str
    known: Known
    columns: tuple[str, ...]
    other: Mapping[str, Known] = field(default_factory=dict)
    date: str = "date"
    own: Mapping[str, str] = field(default_factory=dict)

    def means(self, column: str) -> str:
        """What a column holds, with its unit."""
        return self.own.get(column) or COLUMNS[column]

    def moment(self, column: str) -> Known:
        """When a column may be known."""
        if column == "return_date":  # which day comes next is known when it has come
            return max((self.known, *self.other.values()))
        return self.other.get(column, self.known)

    @property
    def moments(self) -> tuple[Known, ...]:
        """The moments at which some of its columns become known, the first one first."""
        return tuple(sorted({self.moment(name) for name in self.figures}))

    @property
    def figures(self) -> tuple[str, ...]:
        """The columns that are neither the row's day nor `return_date`."""
        return tuple(name for name in self.columns if name not in (self.date, "return_date"))

    def at(self, known: Known) -> list[str]:
        """The columns that may be known at a moment."""
        return [name for name in self.columns if name == self.date or self.moment(name) <= known]


@dataclass(frozen=True, eq=False)
class Schedule:
    """When things become known in a run: trading days, the lag from signal to trade, first test days of windows."""

    dates: pd.DatetimeIndex
    lag: int
    tested: Sequence[pd.Timestamp] = ()

    def after(self, days: Any, delay: Any) -> Moments:
        """The trading day `delay` (a number, or one for each) after each day; NaT beyond the last."""
        dates = self.dates.as_unit("s")
        place = dates.get_indexer(pd.DatetimeIndex(days).as_unit("s"))
        padded = np.append(dates.to_numpy(), np.datetime64("NaT", "s"))
        there = np.minimum(place + np.asarray(delay, dtype=np.int64), len(dates))
        found: Moments = padded[np.where(place < 0, len(dates), there)]
        return found

    def known(self, table: Table, frame: pd.DataFrame, moment: Known) -> Moments:
        """The day by which the columns of a moment may be known, for each row; NaT: never within the run."""
        if moment == Known.END:
            return np.full(len(frame), np.datetime64("NaT", "s"))
        if moment == Known.WINDOW:
            first = np.asarray(list(self.tested), dtype="datetime64[s]")
            found: Moments = first[frame["window"].to_numpy(dtype=np.int64)]
            return found
        delay: Any = {Known.DAY: 0, Known.NEXT: 1}.get(moment)
        if delay is None:
            delay = self.lag + frame["horizon"].to_numpy(dtype=np.int64)
        return self.after(frame[table.date], delay)
