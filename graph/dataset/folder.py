"""A dataset: a directory of tables, each `NAME.parquet`, `NAME.csv` or a `NAME/` folder of Parquet parts.

`Dataset.parse` reads a table with everything that is wrong in it, for the checks; `Dataset.read` is for those
who use the table and refuses one with cells that cannot be read. Row numbers count data rows from 1, on
through the parts of a folder in the order of their names.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from samgraph.errors import DatasetError
from samgraph.files import put_back
from samgraph.graph.dataset.cells import Converted, convert
from samgraph.graph.dataset.files import column_names, read_parts, read_whole, require_columns
from samgraph.graph.dataset.paths import arrow_reason, require_right, table_files
from samgraph.graph.dataset.tables import TABLES, Column, Kind, Table

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Parsed:
    """A table as read: `frame` is typed (one row per data row, index 0..n-1), `raw` is what the file holds.

    `unreadable` has a row for each cell that is not of its column's kind: row (position in the frame),
    column. `ragged` has the line numbers and texts of CSV lines with a wrong number of cells; they are not in
    `frame`.
    """

    table: Table
    frame: pd.DataFrame
    raw: pa.Table
    unreadable: pd.DataFrame
    unknown_columns: tuple[str, ...]
    numbers: npt.NDArray[np.int64]
    ragged: tuple[tuple[int, str], ...] = ()

    def values(self, position: int) -> dict[str, Any]:
        """The cells of a row as the file holds them."""
        return _rows(self.raw.slice(position, 1))[0]


@dataclass(frozen=True)
class Cells:
    """Rows of a table as its file holds them: `numbers` int64 [n_rows], from 1, and `values`, one dict a row."""

    numbers: npt.NDArray[np.int64]
    values: list[dict[str, Any]]


class Dataset:
    """A directory of tables.

    Raises DatasetError where the directory does not exist, holds no table, or holds one table in two forms.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        if not self.root.exists():
            with contextlib.suppress(OSError):
                put_back(self.root)
        if not self.root.is_dir():
            raise DatasetError(
                f"{self.root} is not a directory; name a directory that holds the tables of a dataset"
            )
        require_right(self.root, f"the folder {self.root}")
        self._files: dict[str, tuple[Path, ...]] = {}
        for name in TABLES:
            if found := table_files(self.root, name):
                self._files[name] = found
                for file in found:
                    require_right(file, f"table {name}: {file}")
        if not self._files:
            raise DatasetError(
                f"{self.root} holds no table of a dataset (looked for {', '.join(TABLES)}, each as NAME.parquet, "
                "NAME.csv or a NAME/ folder of Parquet parts)"
            )

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that this dataset has."""
        return tuple(self._files)

    def has(self, table: str) -> bool:
        """Whether the dataset has this table."""
        return table in self._files

    @cached_property
    def _fingerprint(self) -> dict[str, str]:
        digests = {}
        for name, parts in self._files.items():
            digest = hashlib.sha256()
            for part in parts:
                with part.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        digest.update(chunk)
            digests[name] = digest.hexdigest()
        return digests

    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of each table's bytes (the parts of a folder one after another)."""
        return dict(self._fingerprint)

    def read(
        self, table: str, columns: Sequence[str] | None = None, *, further: Sequence[str] = ()
    ) -> pd.DataFrame:
        """A table, typed: ids and text str, days datetime64[s] (NaT where empty), numbers float, flags
        boolean.

        Without `columns`, those that the table has and the program knows; with them exactly these, an
        optional one that is absent being empty in every row. `further` names columns of numbers that the program
        does not know; they are read where the table has them. In `bars` and `benchmarks` a cell that cannot be
        read is empty (the load lists it); in any other table it is a DatasetError.
        """
        parsed = self.parse(table, columns, further)
        broken = parsed.unreadable
        if len(broken) and not parsed.table.series:
            first = broken.iloc[0]
            value = parsed.values(int(first["row"]))[str(first["column"])]
            kind = parsed.table.column(str(first["column"]))
            raise DatasetError(
                f"table {table}, row {parsed.numbers[int(first['row'])]}, column {first['column']}: {value!r} is not "
                f"of the kind '{kind.kind.value if kind else ''}' ({len(broken)} such cells); correct the table"
            )
        if parsed.ragged:
            raise DatasetError(
                f"table {table}, row {parsed.ragged[0][0]}: a wrong number of cells ({parsed.ragged[0][1]!r}); "
                "correct the table"
            )
        if columns is None:
            return parsed.frame
        frame = parsed.frame
        for name in columns:
            if name not in frame.columns:
                frame[name] = _empty(parsed.table, name, len(frame))
        return frame[list(columns)]

    def parse(self, table: str, columns: Sequence[str] | None = None, further: Sequence[str] = ()) -> Parsed:
        """A table with everything that is wrong in its cells; `further` as in `read`.

        Raises DatasetError where the table or a required column is missing, or a file is no such file at all.
        """
        return self._in_one(self._spec(table).with_columns(further, Kind.NUMBER), columns)

    def _in_one(self, spec: Table, columns: Sequence[str] | None) -> Parsed:
        ragged: list[tuple[int, str]] = []
        return self._parsed(spec, read_whole(spec, self._files[spec.name], columns, ragged), columns, ragged)

    def _spec(self, table: str) -> Table:
        spec = TABLES.get(table)
        if spec is None:
            raise DatasetError(
                f"there is no table {table!r} in a dataset; the tables are {', '.join(TABLES)}"
            )
        if not self.has(table):
            raise DatasetError(
                f"table {table} is missing from {self.root} (found {', '.join(self.tables)}); add {table}.parquet, "
                f"{table}.csv or a {table}/ folder of Parquet parts"
            )
        return spec

    def parse_parts(
        self, table: str, columns: Sequence[str] | None = None, texts: Sequence[str] = ()
    ) -> Iterator[Parsed]:
        """What `parse` gives, some hundred thousand rows at a time: positions count from each part's first row, row
        numbers go on. The first part tells of the columns and may have no row. `texts` names columns that the program
        does not know; they are read as text where the table has them.

        A table that can only be read whole (`files.read_parts`) is one part.
        """
        spec = self._spec(table).with_columns(texts, Kind.TEXT)
        parts = read_parts(spec, self._files[table], columns)
        if parts is None:
            yield self._in_one(spec, columns)
            return
        begin = 0
        for raw in parts:
            yield self._parsed(spec, raw, columns, [], begin)
            begin += raw.num_rows

    def cells(self, table: str, positions: npt.NDArray[np.int64]) -> Cells:
        """The rows at some positions, in their order: their numbers, and their cells as the file holds them."""
        numbers = np.zeros(len(positions), dtype=np.int64)
        values: list[dict[str, Any]] = [{} for _ in range(len(positions))]
        begin = 0
        for raw, of_rows in self._raw_parts(table):
            here = np.flatnonzero((positions >= begin) & (positions < begin + raw.num_rows))
            local = positions[here] - begin
            numbers[here] = of_rows[local]
            for place, row in zip(here.tolist(), _rows(raw.take(local)), strict=True):
                values[place] = row
            begin += raw.num_rows
        return Cells(numbers, values)

    def _raw_parts(self, table: str) -> Iterator[tuple[pa.Table, npt.NDArray[np.int64]]]:
        spec = self._spec(table)
        parts = read_parts(spec, self._files[table], None)
        if parts is None:
            ragged: list[tuple[int, str]] = []
            raw = read_whole(spec, self._files[table], None, ragged)
            yield raw, _numbers(raw.num_rows, ragged)
            return
        begin = 0
        for raw in parts:
            yield raw, np.arange(begin + 1, begin + raw.num_rows + 1, dtype=np.int64)
            begin += raw.num_rows

    def _parsed(
        self,
        spec: Table,
        raw: pa.Table,
        columns: Sequence[str] | None,
        ragged: list[tuple[int, str]],
        begin: int = 0,
    ) -> Parsed:
        twice = sorted({name for name in raw.column_names if raw.column_names.count(name) > 1})
        if twice:
            raise DatasetError(f"table {spec.name} has column {twice[0]} twice; keep one of them")
        names = column_names(self._files[spec.name][0], raw)
        require_columns(spec, names)
        frame: dict[str, pd.Series[Any]] = {}
        broken: list[pd.DataFrame] = []
        for column in spec.columns:
            if column.name in raw.column_names and (columns is None or column.name in columns):
                frame[column.name], unreadable = self._converted(spec, column, raw)
                rows = np.flatnonzero(unreadable)
                if len(rows):
                    broken.append(pd.DataFrame({"row": rows, "column": column.name}))
        return Parsed(
            table=spec,
            frame=pd.DataFrame(frame, index=pd.RangeIndex(raw.num_rows)),
            raw=raw,
            unreadable=pd.concat(broken, ignore_index=True)
            if broken
            else pd.DataFrame(columns=["row", "column"]),
            unknown_columns=tuple(name for name in names if spec.column(name) is None),
            numbers=_numbers(raw.num_rows, ragged) + begin,
            ragged=tuple(ragged),
        )

    @staticmethod
    def _converted(spec: Table, column: Column, raw: pa.Table) -> Converted:
        try:
            raw.column(column.name).validate(full=True)  # a careless writer's strings need not be text
            return convert(raw.column(column.name), column.kind)
        except (
            pa.ArrowException,
            UnicodeDecodeError,
        ) as error:  # bytes that are no text, or a type like a list
            why = arrow_reason(error)
            raise DatasetError(
                f"table {spec.name}, column {column.name} cannot be read ({why}); write it as text in UTF-8, "
                "numbers or days"
            ) from error


def _empty(spec: Table, name: str, length: int) -> pd.Series[Any]:
    column = spec.column(name)
    if column is None:
        raise DatasetError(
            f"table {spec.name} has no column {name!r}; its columns are {', '.join(spec.names)}"
        )
    return convert(pa.chunked_array([pa.nulls(length, pa.string())]), column.kind)[0]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table as Python has them; days and moments that are beyond its calendar as text."""
    found: list[dict[str, Any]]
    try:
        found = table.to_pylist()
    except OverflowError:
        columns = [one.cast(pa.string()) if pa.types.is_temporal(one.type) else one for one in table.columns]
        found = pa.table(columns, names=table.column_names).to_pylist()
    return found


def _numbers(rows: int, ragged: Sequence[tuple[int, str]]) -> npt.NDArray[np.int64]:
    """The numbers of rows among which lines of a wrong number of cells are left out, [rows]."""
    skipped = np.array([number for number, _ in ragged], dtype=np.int64)
    numbers = np.arange(1, rows + len(skipped) + 1, dtype=np.int64)
    return numbers[~np.isin(numbers, skipped)]
