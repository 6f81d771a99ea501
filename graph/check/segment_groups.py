"""The rows of `segments` by groups of companies.

All their rules hold within a company, so that a table of any size is checked and compared a group at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.cells import complete, note_cells
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.groups import Groups
from samgraph.graph.dataset.folder import Dataset


class SegmentGroups:
    """Rows of `segments`.

    Iterating gives frames as `checks_cells.complete` makes them, the index the rows' positions in the table, rising;
    all rows of a company are in one frame.
    """

    def __init__(self) -> None:
        self.read = 0
        self.unknown_columns: tuple[str, ...] = ()
        self._rows = Groups()
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
            names = frame["company_id"].fillna("").to_numpy(dtype=object)
            held._rows.append(frame, pd.util.hash_array(names, categorize=True))
        return held

    def leave_out(self, positions: npt.NDArray[np.int64]) -> None:
        """Give these rows no more."""
        self._left_out = np.unique(positions)

    def __len__(self) -> int:
        return len(self._rows) - len(self._left_out)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for rows in self._rows:
            yield rows[~rows.index.isin(self._left_out)] if len(self._left_out) else rows
