"""What the checks find: rows that cannot be used, each with its table, number, values and reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.dataset.folder import Cells
from samgraph.graph.dataset.tables import TABLES

COLUMNS = ("table", "row", "reason", "fatal", "values")
LISTED_OF_A_SERIES = 1000
"""At most this many unusable rows of a table of prices are listed one by one; all are counted."""


class Findings:
    """Collects unusable rows.

    Rows are given as positions in the parsed table; several reasons for a row are several entries. Fatal ones
    stop a load, the others (rows of price tables, above all) are only left out.
    """

    def __init__(self) -> None:
        self._positions: dict[str, list[npt.NDArray[np.int64]]] = {}
        self._reasons: dict[str, list[list[str]]] = {}
        self._fatal: dict[str, list[npt.NDArray[np.bool_]]] = {}
        self._lines: list[dict[str, Any]] = []
        self._line_count: dict[str, int] = {}

    def add(
        self, table: str, positions: npt.ArrayLike, reasons: str | Sequence[str], *, fatal: bool = True
    ) -> None:
        """Note rows of a table; one reason for all or one for each."""
        rows = np.asarray(positions, dtype=np.int64)
        if not len(rows):
            return
        self._positions.setdefault(table, []).append(rows)
        self._reasons.setdefault(table, []).append(
            [reasons] * len(rows) if isinstance(reasons, str) else list(reasons)
        )
        self._fatal.setdefault(table, []).append(np.full(len(rows), fatal))

    def add_line(self, table: str, number: int, text: str, *, fatal: bool) -> None:
        """Note a line that is no row: its number and what it holds."""
        reason = "the line has a wrong number of cells"
        values = json.dumps(text, ensure_ascii=False)
        self._lines.append(dict(zip(COLUMNS, (table, number, reason, fatal, values), strict=True)))
        self._line_count[table] = self._line_count.get(table, 0) + 1

    def rows(self, table: str) -> npt.NDArray[np.int64]:
        """The positions of all rows of a table that were noted, ascending, each once."""
        noted = self._positions.get(table)
        return np.unique(np.concatenate(noted)) if noted else np.zeros(0, dtype=np.int64)

    def count(self, table: str) -> int:
        """How many rows and lines of a table cannot be used."""
        return len(self.rows(table)) + self._line_count.get(table, 0)

    def frame(self, cells: Callable[[str, npt.NDArray[np.int64]], Cells]) -> pd.DataFrame:
        """All that was noted, by table and row: columns table, row, reason, fatal, values (JSON).

        `cells` gives the rows at some positions of a table, such as `Dataset.cells`.
        """
        pieces = [pd.DataFrame(self._lines, columns=list(COLUMNS))] if self._lines else []
        for table, of_table in self._positions.items():
            positions = np.concatenate(of_table)
            reasons = [reason for group in self._reasons[table] for reason in group]
            fatal = np.concatenate(self._fatal[table])
            order = np.argsort(positions, kind="stable")
            if TABLES[table].series:
                order = order[:LISTED_OF_A_SERIES]
            found = cells(table, positions[order])
            pieces.append(
                pd.DataFrame(
                    {
                        "table": table,
                        "row": found.numbers,
                        "reason": [reasons[i] for i in order],
                        "fatal": fatal[order],
                        "values": [json.dumps(v, ensure_ascii=False, default=str) for v in found.values],
                    }
                )
            )
        if not pieces:
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _DTYPES.items()})
        return pd.concat(pieces, ignore_index=True).astype(_DTYPES)


_DTYPES = {"table": "str", "row": "int64", "reason": "str", "fatal": "bool", "values": "str"}
