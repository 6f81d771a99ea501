"""Rows of a large table in groups, so that rules within a group are checked a group at a time in any memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.dataset.parts import KEPT_ROWS, Parts

GROUPS = 64
AT_ONCE = 150_000
"""Rows that are given at a time, as far as the groups allow."""
_POSITION = "_position"


class Groups:
    """Frames whose index are positions in a table; beyond some hundred thousand rows they wait in files.

    Iterating gives frames of whole groups, all rows of a group in one frame, the index rising.
    """

    def __init__(self) -> None:
        self._rows = 0
        # All there is, while it is not much.
        self._few: list[tuple[pd.DataFrame, npt.NDArray[np.integer]]] = []
        self._groups: list[Parts] = []

    def append(self, rows: pd.DataFrame, group: npt.NDArray[np.integer]) -> None:
        """Add rows; `group` [n_rows] is any number of each row's group, the same for all rows of it."""
        self._rows += len(rows)
        self._few.append((rows, group))
        if self._rows > KEPT_ROWS:
            self._groups = self._groups or [Parts(0) for _ in range(GROUPS)]
            for few in self._few:
                self._store(*few)
            self._few = []

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[pd.DataFrame]:
        if self._few:
            yield pd.concat([rows for rows, _ in self._few]).sort_index()
        waiting: list[pd.DataFrame] = []
        for number, parts in enumerate(self._groups, 1):
            waiting.extend(parts)
            if waiting and (number == GROUPS or sum(map(len, waiting)) >= AT_ONCE):
                joined = pd.concat(waiting, ignore_index=True)
                waiting = []
                yield joined.set_index(_POSITION).rename_axis(None).sort_index()

    def _store(self, rows: pd.DataFrame, group: npt.NDArray[np.integer]) -> None:
        group = group % GROUPS
        order = np.argsort(group, kind="stable")
        ordered = rows.rename_axis(_POSITION).reset_index().take(order)
        bounds = np.searchsorted(group[order], np.arange(GROUPS + 1))
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            part = ordered.iloc[bounds[number] : bounds[number + 1]]
            self._groups[number].append(part.reset_index(drop=True))
