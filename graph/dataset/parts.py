"""A list of frames that does not grow in memory: beyond some rows they are held in a file without a name."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any

import pandas as pd
import pyarrow as pa

KEPT_ROWS = 200_000
"""Rows that are held in memory before the rest goes to the disk."""


class Parts:
    """Frames of the same columns, in the order in which they came; the file goes with the object.

    `kept`: rows that are held in memory.
    """

    def __init__(self, kept: int = KEPT_ROWS) -> None:
        self.rows = 0
        self.kept = kept
        self._parts: list[pd.DataFrame | tuple[int, int]] = []
        self._file: IO[bytes] | None = None

    def append(self, part: pd.DataFrame) -> None:
        """Add a frame with an index of 0..n-1."""
        self.rows += len(part)
        self._parts.append(part if self.rows <= self.kept else self._stored(part))

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for part in self._parts:
            yield part if isinstance(part, pd.DataFrame) else self._read(*part)

    def _stored(self, part: pd.DataFrame) -> tuple[int, int]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="samgraph-plan-")  # noqa: SIM115 - closed with the object
            weakref.finalize(self, self._file.close)
        begin = self._file.seek(0, 2)
        table = pa.Table.from_pandas(part, preserve_index=False, nthreads=1)
        with pa.ipc.new_stream(self._file, table.schema) as writer:
            writer.write_table(table)
        return begin, self._file.tell() - begin

    def _read(self, begin: int, size: int) -> pd.DataFrame:
        file: Any = self._file
        file.seek(begin)
        frame: pd.DataFrame = pa.ipc.open_stream(file.read(size)).read_pandas(use_threads=False)
        return frame
