"""The rows of `segments` by groups of companies.

All their rules hold within a company, so that a table of any size is checked and compared a group at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.checks_cells import complete, note_cells
from samgraph.graph.dataset import Dataset
from samgraph.graph.findings import Findings
from samgraph.graph.parts import KEPT_ROWS, Parts

GROUPS = 64
AT_ONCE = 150_000
"""Rows that are given at a time, as far as the groups allow."""
_POSITION = "_position"


class SegmentGroups:
    """Rows of `segments`, which wait in files beyond some hundred thousand.

    Iterating gives frames as `checks_cells.complete` makes them, the index the rows' positions in the table, rising;
    all rows of a company are in one frame.
    """

    def __init__(self) -> None:
        self.read = 0
        self.unknown_columns: tuple[str, ...] = ()
        self._rows = 0
        self._few: list[pd.DataFrame] = []  # all there is, as long as it is not much
        self._groups: list[Parts] = []
        self._left_out = np.zeros(0, dtype=np.int64)

    @classmethod
    def of(cls, dataset: Dataset, findings: Findings) -> SegmentGroups:
        """Read the table; cells that cannot be used are noted at once."""
        held, begin = cls(), 0
        for parsed in dataset.parse_parts("segments"):
            note_cells(parsed, findings, begin)
            held.read += len(parsed.frame) + len(parsed.ragged)
            held.unknown_columns = parsed.unknown_columns
            frame = complete(parsed)
            frame.index += begin
            begin += len(frame)
            held._add(frame)
        return held

    def leave_out(self, positions: npt.NDArray[np.int64]) -> None:
        """Give these rows no more."""
        self._left_out = np.unique(positions)

    def __len__(self) -> int:
        return self._rows - len(self._left_out)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for rows in self._pieces():
            piece = rows.sort_index()
            yield piece[~piece.index.isin(self._left_out)] if len(self._left_out) else piece

    def _pieces(self) -> Iterator[pd.DataFrame]:
        if self._few:
            yield pd.concat(self._few)
        waiting: list[pd.DataFrame] = []
        for number, group in enumerate(self._groups, 1):
            waiting.extend(group)
            if waiting and (number == GROUPS or sum(map(len, waiting)) >= AT_ONCE):
                yield pd.concat(waiting, ignore_index=True).set_index(_POSITION).rename_axis(None)
                waiting = []

    def _add(self, rows: pd.DataFrame) -> None:
        self._rows += len(rows)
        self._few.append(rows)
        if self._rows > KEPT_ROWS:
            self._groups = self._groups or [Parts(0) for _ in range(GROUPS)]
            for frame in self._few:
                self._store(frame)
            self._few = []

    def _store(self, rows: pd.DataFrame) -> None:
        names = rows["company_id"].fillna("").to_numpy(dtype=object)
        group = pd.util.hash_array(names, categorize=True) % GROUPS
        order = np.argsort(group, kind="stable")
        sorted_ = rows.rename_axis(_POSITION).reset_index().take(order)
        bounds = np.searchsorted(group[order], np.arange(GROUPS + 1))
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            part = sorted_.iloc[bounds[number] : bounds[number + 1]]
            self._groups[number].append(part.reset_index(drop=True))
