"""An interval index over the days of a period: which rows are valid on which day, by differences.

Rows of a table are valid on half-open spans of days. Between two days on which a row begins or ends nothing
changes, so a period of thousands of days has only as many versions as there are such days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Rows with the positions of their days, [first, end), in a period of `n_days` days.

    Shapes:
        first, end: int64 [n_rows], 0 <= first <= end <= n_days; a row with first == end is never valid
    """

    first: IntArray
    end: IntArray
    n_days: int

    @classmethod
    def of(cls, days: npt.NDArray[np.int64], valid_from: IntArray, valid_to: IntArray) -> Intervals:
        """Place half-open spans among rising `days`; all three count days since the same origin."""
        first = np.searchsorted(days, valid_from, side="left").astype(np.int64)
        end = np.searchsorted(days, valid_to, side="left").astype(np.int64)
        return cls(first, np.maximum(first, end), len(days))

    def changes(self) -> BoolArray:
        """Mark the days, bool [n_days], on which a row begins or ends."""
        marks = np.zeros(self.n_days + 1, dtype=bool)
        real = self.first < self.end
        marks[self.first[real]] = True
        marks[self.end[real]] = True
        return marks[:-1]

    def walk(self, days: IntArray) -> Iterator[BoolArray]:
        """Yield the valid rows of each of some rising `days`, bool [n_rows]: one array, changed in place."""
        valid = np.zeros(len(self.first), dtype=bool)
        beginning = np.argsort(self.first, kind="stable")
        ending = np.argsort(self.end, kind="stable")
        firsts, ends = self.first[beginning], self.end[ending]
        begun = ended = 0
        for day in days:
            new_begun = int(np.searchsorted(firsts, day, side="right"))
            new_ended = int(np.searchsorted(ends, day, side="right"))
            # Begin first: a row that began and ended since the last day must come out as not valid.
            valid[beginning[begun:new_begun]] = True
            valid[ending[ended:new_ended]] = False
            begun, ended = new_begun, new_ended
            yield valid

    def alive(self, days: IntArray) -> Iterator[IntArray]:
        """Yield the positions of the valid rows of each of some rising `days`, int64, rising."""
        beginning = np.argsort(self.first, kind="stable")
        firsts = self.first[beginning]
        rows = np.zeros(0, dtype=np.int64)
        begun = 0
        for day in days:
            until = int(np.searchsorted(firsts, day, side="right"))
            fresh = beginning[begun:until]
            fresh = np.sort(fresh[self.end[fresh] > day])
            begun = until
            rows = rows[self.end[rows] > day]
            if len(fresh):
                rows = np.insert(rows, np.searchsorted(rows, fresh), fresh)
            yield rows

    def within(self, mask: BoolArray, column: IntArray) -> tuple[IntArray, Intervals]:
        """Cut every row to the days on which `mask[day, column[row]]` holds; a row may fall into several.

        Args:
            mask: bool [n_days, n_columns], such as the members of a universe
            column: int64 [n_rows], the column of each row

        Returns:
            The old row of every new row, in the order of the old rows, and the new intervals.
        """
        padded = np.zeros((self.n_days + 2, mask.shape[1]), dtype=np.int8)
        padded[1:-1] = mask
        turns = np.diff(padded, axis=0)
        # Transposed, so that the runs come sorted by column and then by day.
        run_column, run_first = np.nonzero(turns.T == 1)
        _, run_end = np.nonzero(turns.T == -1)
        lows = np.searchsorted(run_column, column, side="left")
        counts = np.searchsorted(run_column, column, side="right") - lows
        old = np.repeat(np.arange(len(column), dtype=np.int64), counts)
        run = np.arange(len(old)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(lows, counts)
        first = np.maximum(self.first[old], run_first[run])
        end = np.minimum(self.end[old], run_end[run])
        real = first < end
        return old[real], Intervals(first[real], end[real], self.n_days)
