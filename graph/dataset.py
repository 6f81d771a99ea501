"""A dataset: a directory of tables, each `NAME.parquet`, `NAME.csv` or a `NAME/` folder of Parquet parts.

`Dataset.parse` reads a table with everything that is wrong in it, for the checks; `Dataset.read` is for those
who use the table and refuses one with cells that cannot be read. Row numbers count data rows from 1, on
through the parts of a folder in the order of their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from samgraph.errors import DatasetError
from samgraph.graph.cells import Converted, convert
from samgraph.graph.tables import SEGMENT_CHOICES, TABLES, Column, Table

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Parsed:
    """A table as read: `frame` is typed (one row a data row, index 0..n-1), `raw` is what the file holds.

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
        return {name: self.raw.column(name)[position].as_py() for name in self.raw.column_names}


class Dataset:
    """A directory of tables.

    Raises DatasetError where the directory does not exist, holds no table, or holds one table in two forms.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise DatasetError(
                f"{self.root} is not a directory; name a directory that holds the tables of a dataset"
            )
        self._files: dict[str, tuple[Path, ...]] = {}
        for name in TABLES:
            forms = [self.root / f"{name}.parquet", self.root / f"{name}.csv", self.root / name]
            found = [form for form in forms if form.exists()]
            if len(found) > 1:
                both = " and ".join(form.name for form in found)
                raise DatasetError(f"{self.root} holds table {name} as {both}; keep one of them")
            if found:
                self._files[name] = self._parts(name, found[0])
        if not self._files:
            raise DatasetError(
                f"{self.root} holds no table of a dataset (looked for {', '.join(TABLES)}, each as NAME.parquet, "
                "NAME.csv or a NAME/ folder of Parquet parts)"
            )

    @staticmethod
    def _parts(name: str, path: Path) -> tuple[Path, ...]:
        if not path.is_dir():
            return (path,)
        parts = tuple(sorted(path.glob("**/*.parquet")))
        if not parts:
            raise DatasetError(f"table {name}: the folder {path} holds no Parquet part (*.parquet)")
        return parts

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

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """A table, typed: ids and text str, days datetime64[s] (NaT where empty), numbers float, flags
        boolean.

        Without `columns`, those that the table has and the program knows; with them exactly these, an
        optional one that is absent being empty in every row. In `bars` and `benchmarks` a cell that cannot be
        read is empty (the load lists it); in any other table it is a DatasetError.
        """
        parsed = self.parse(table, columns)
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

    def parse(self, table: str, columns: Sequence[str] | None = None) -> Parsed:
        """A table with everything that is wrong in its cells.

        Raises DatasetError where the table or a required column is missing, or a file is no such file at all.
        """
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
        files = self._files[table]
        ragged: list[tuple[int, str]] = []
        raw = (
            _read_csv(table, files[0], ragged)
            if files[0].suffix == ".csv"
            else _read_parquet(spec, files, columns)
        )
        twice = sorted({name for name in raw.column_names if raw.column_names.count(name) > 1})
        if twice:
            raise DatasetError(f"table {table} has column {twice[0]} twice; keep one of them")
        _require_columns(spec, self._column_names(files[0], raw))
        unknown = tuple(name for name in self._column_names(files[0], raw) if spec.column(name) is None)
        frame: dict[str, pd.Series[Any]] = {}
        broken: list[pd.DataFrame] = []
        for column in spec.columns:
            if column.name in raw.column_names and (columns is None or column.name in columns):
                frame[column.name], unreadable = self._converted(spec, column, raw)
                rows = np.flatnonzero(unreadable)
                if len(rows):
                    broken.append(pd.DataFrame({"row": rows, "column": column.name}))
        skipped = np.array([number for number, _ in ragged], dtype=np.int64)
        numbers = np.arange(1, raw.num_rows + len(skipped) + 1, dtype=np.int64)
        return Parsed(
            table=spec,
            frame=pd.DataFrame(frame, index=pd.RangeIndex(raw.num_rows)),
            raw=raw,
            unreadable=pd.concat(broken, ignore_index=True)
            if broken
            else pd.DataFrame(columns=["row", "column"]),
            unknown_columns=unknown,
            numbers=numbers[~np.isin(numbers, skipped)],
            ragged=tuple(ragged),
        )

    @staticmethod
    def _converted(spec: Table, column: Column, raw: pa.Table) -> Converted:
        try:
            raw.column(column.name).validate(full=True)  # a careless writer's strings need not be text
            return convert(raw.column(column.name), column.kind)
        except pa.ArrowInvalid as error:
            why = str(error).splitlines()[0]
            raise DatasetError(
                f"table {spec.name}, column {column.name} cannot be read ({why}); write its texts as UTF-8"
            ) from error

    @staticmethod
    def _column_names(file: Path, raw: pa.Table) -> list[str]:
        """All columns of a table, also those that were not read."""
        if file.suffix == ".csv":
            return list(raw.column_names)
        return list(pyarrow.parquet.read_schema(file).names)


def _require_columns(spec: Table, found: Sequence[str]) -> None:
    have = ", ".join(found) or "no column"
    for column in spec.columns:
        if column.required and column.name not in found:
            raise DatasetError(f"table {spec.name} lacks the column {column.name} (found {have}); add it")
    if spec.name == "segments":
        for choice in SEGMENT_CHOICES:
            if not any(set(group) <= set(found) for group in choice):
                groups = " or ".join(" and ".join(group) for group in choice)
                lacking = next(name for name in choice[0] if name not in found)
                raise DatasetError(
                    f"table segments lacks the column {lacking}: it needs {groups} (found {have})"
                )


def _read_csv(table: str, file: Path, ragged: list[tuple[int, str]]) -> pa.Table:
    """Every cell as text; lines with a wrong number of cells go to `ragged` with their row number."""

    def keep_ragged(row: Any) -> str:
        # Arrow counts the header as row 1, and does not count in parallel reading.
        ragged.append((int(row.number) - 1, str(row.text)))
        return "skip"

    def read(use_threads: bool, names: Sequence[str]) -> pa.Table:
        return pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(use_threads=use_threads),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep_ragged)
            if not use_threads
            else pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )

    try:
        with pyarrow.csv.open_csv(
            file, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
        ) as stream:
            names = stream.schema.names
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise DatasetError(
                f"table {table}: {file} is empty; write at least a line of column names"
            ) from error
        names = _header(table, file)
    try:
        return read(True, names)
    except pa.ArrowInvalid:
        try:
            return read(False, names)
        except pa.ArrowInvalid as error:
            why = str(error).splitlines()[0]
            raise DatasetError(f"table {table}: {file} cannot be read as CSV in UTF-8 ({why})") from error


def _header(table: str, file: Path) -> list[str]:
    import csv

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return next(csv.reader(lines), [])
    except UnicodeDecodeError as error:
        raise DatasetError(f"table {table}: {file} is not UTF-8 text; save it as UTF-8") from error


def _read_parquet(spec: Table, files: Sequence[Path], columns: Sequence[str] | None) -> pa.Table:
    parts = []
    for file in files:
        try:
            names = pyarrow.parquet.read_schema(file).names
            wanted = [name for name in names if spec.column(name) and (columns is None or name in columns)]
            parts.append(pyarrow.parquet.ParquetFile(file).read(columns=wanted))
        except (pa.ArrowInvalid, OSError) as error:
            why = str(error).splitlines()[0]
            raise DatasetError(f"table {spec.name}: {file} cannot be read as Parquet ({why})") from error
        _require_columns(spec, names)
    try:
        return pa.concat_tables(parts, promote_options="permissive") if len(parts) > 1 else parts[0]
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0]
        raise DatasetError(f"table {spec.name}: its parts do not have the same columns ({why})") from error


def _empty(spec: Table, name: str, length: int) -> pd.Series[Any]:
    column = spec.column(name)
    if column is None:
        raise DatasetError(
            f"table {spec.name} has no column {name!r}; its columns are {', '.join(spec.names)}"
        )
    return convert(pa.chunked_array([pa.nulls(length, pa.string())]), column.kind)[0]
