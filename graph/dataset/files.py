"""The files of a table as Arrow holds them, whole or some hundred thousand rows at a time."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from samgraph.errors import DatasetError
from samgraph.graph.dataset.paths import ARROW_FAULTS, arrow_reason, require_room
from samgraph.graph.dataset.tables import SEGMENT_CHOICES, Kind, Table

PART_ROWS = 200_000
_BLOCK = 4 << 20
"""Bytes of a CSV file that are read at a time, and the longest row. Arrow reads some forty ahead."""


def require_columns(spec: Table, found: Sequence[str]) -> None:
    """Raise DatasetError where a column is missing that the table must have."""
    have = ", ".join(found) or "no column"
    for column in spec.columns:
        if column.required and column.name not in found:
            what = _separator(found) or "add it"
            raise DatasetError(f"table {spec.name} lacks the column {column.name} (found {have}); {what}")
    if spec.name == "segments":
        for choice in SEGMENT_CHOICES:
            if not any(set(group) <= set(found) for group in choice):
                groups = " or ".join(" and ".join(group) for group in choice if group != ("kind",))
                lacking = next(name for name in choice[0] if name not in found)
                raise DatasetError(
                    f"table segments lacks the column {lacking}: it needs {groups} (found {have})"
                )


def _separator(found: Sequence[str]) -> str:
    """What to do with a CSV file whose columns stand apart by another sign than a comma; empty for any other."""
    signs = {";": "semicolons", "\t": "tabs", "|": "bars"}
    apart = [name for sign, name in signs.items() if len(found) == 1 and sign in found[0]]
    return f"its columns stand apart by {apart[0]}: save it with commas" if apart else ""


def read_whole(
    spec: Table, files: Sequence[Path], columns: Sequence[str] | None, ragged: list[tuple[int, str]]
) -> pa.Table:
    """A table in one piece; CSV lines with a wrong number of cells go to `ragged` with their row number.

    Raises DatasetError where a file is no such file at all, or a Parquet part lacks a required column.
    """
    if files[0].suffix == ".csv":
        # Arrow counts the header as row 1.
        return _read_csv(
            f"table {spec.name}: ", files[0], lambda row: ragged.append((int(row.number) - 1, str(row.text)))
        )
    return _read_parquet(spec, files, columns)


def read_csv_texts(file: Path) -> pd.DataFrame:
    """A CSV file that is no table of a dataset (gzipped where its name ends in .gz): cells as text, "" where empty.

    Columns are in the file's order, names without blanks around them; no column where the file is empty.

    Raises:
        DatasetError: a row has more or fewer cells than the header, a column is there twice, the file is no CSV
        OSError: the file cannot be opened
    """
    ragged: list[Any] = []
    with file.open("rb"):  # Python's own words for a file that is not there
        pass
    try:
        table = _read_csv("", file, ragged.append)
    except _EmptyCsv:  # nothing below the header, or no header either
        return pd.DataFrame(columns=pd.Index(_header("", file), dtype="str"), dtype="str")
    if ragged:
        first = ragged[0]
        more = f"; {len(ragged):,} such rows" if len(ragged) > 1 else ""
        shown = str(first.text)[:80]
        raise DatasetError(
            f"{file}, row {int(first.number) - 1} has {first.actual_columns} cells under {first.expected_columns} "
            f"columns ({shown!r}{more}): cells would land in wrong columns; put a cell that holds a comma in "
            "quotation marks, or correct the row"
        )
    names = [name.strip() for name in table.column_names]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DatasetError(f"{file} has the column {twice[0]!r} twice; keep one of them")
    return pd.DataFrame(
        {
            name: pd.Series(column.to_pandas(), dtype="str")
            for name, column in zip(names, table.columns, strict=True)
        },
        columns=pd.Index(names, dtype="str"),
        index=pd.RangeIndex(table.num_rows),
    )


def read_parts(
    spec: Table, files: Sequence[Path], columns: Sequence[str] | None
) -> Iterator[pa.Table] | None:
    """The same table in parts of the same columns and types, or None where it can only be read whole.

    That is so for a CSV file with lines of a wrong number of cells, and where what a cell means hangs on all others
    of its column (ids written as fractions).
    """
    if files[0].suffix == ".csv":
        return _csv_parts(files[0])
    return _parquet_parts(spec, files, columns)


def column_names(file: Path, raw: pa.Table) -> list[str]:
    """All columns of a table, also those that were not read."""
    if file.suffix == ".csv":
        return list(raw.column_names)
    return list(pyarrow.parquet.read_schema(file).names)


class _EmptyCsv(DatasetError):
    """A CSV file without a line."""


def _read_csv(what: str, file: Path, note: Callable[[Any], None]) -> pa.Table:
    """All columns as text; rows with a wrong number of cells go to `note`. `what` begins an error's sentence."""

    def keep_ragged(row: Any) -> str:
        note(row)
        return "skip"

    def read(use_threads: bool, names: Sequence[str]) -> pa.Table:
        return pyarrow.csv.read_csv(
            _opened(file),
            read_options=pyarrow.csv.ReadOptions(use_threads=use_threads, block_size=_BLOCK),
            # Arrow does not count rows in parallel reading.
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep_ragged)
            if not use_threads
            else pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=_as_texts(names),
        )

    try:
        with pyarrow.csv.open_csv(
            _opened(file), parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
        ) as stream:
            names = stream.schema.names
    except UnicodeDecodeError:
        names = _header(what, file)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise _EmptyCsv(f"{what}{file} is empty; write at least a line of column names") from error
        names = _header(what, file)
    try:
        return read(True, names)
    except pa.ArrowInvalid:
        try:
            return read(False, names)
        except pa.ArrowInvalid as error:
            why = str(error).splitlines()[0]
            raise DatasetError(f"{what}{file} cannot be read as CSV in UTF-8 ({why})") from error


def _opened(file: Path) -> Any:
    """The file's bytes, unpacked if it is gzip alone: Arrow would unpack others by their names, of whatever size."""
    return pa.input_stream(str(file), compression="gzip" if file.suffix == ".gz" else None)


def _as_texts(names: Sequence[str]) -> pyarrow.csv.ConvertOptions:
    return pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )


def _header(what: str, file: Path) -> list[str]:
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            return next(csv.reader(lines), [])
    except UnicodeDecodeError as error:
        raise DatasetError(f"{what}{file} is not UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        raise DatasetError(f"{what}{file} cannot be read as CSV ({error})") from error


def _csv_parts(file: Path) -> Iterator[pa.Table] | None:
    def stream(names: Sequence[str]) -> pyarrow.csv.CSVStreamingReader:
        return pyarrow.csv.open_csv(
            _opened(file),
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=_as_texts(names),
        )

    try:
        with stream([]) as head:
            names = head.schema.names
        with stream(names) as lines:
            schema = lines.schema
            for _ in lines:  # is it a table to its end?
                pass
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    if len(set(names)) < len(names):
        return None

    def parts() -> Iterator[pa.Table]:
        yield schema.empty_table()
        some: list[pa.RecordBatch] = []
        with stream(names) as again:
            for batch in again:
                some.append(batch)
                if sum(one.num_rows for one in some) >= PART_ROWS:
                    yield from _pieces(pa.Table.from_batches(some))
                    some = []
        yield from _pieces(pa.Table.from_batches(some, schema))

    return parts()


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    for begin in range(0, table.num_rows, PART_ROWS):
        yield table.slice(begin, PART_ROWS)


def _read_parquet(spec: Table, files: Sequence[Path], columns: Sequence[str] | None) -> pa.Table:
    parts = []
    for file in files:
        try:
            with pyarrow.parquet.ParquetFile(file) as opened:
                require_room(spec.name, file, opened.metadata)
                names = opened.schema_arrow.names
                parts.append(opened.read(columns=_wanted(spec, names, columns)))
        except ARROW_FAULTS as error:
            raise _no_parquet(spec, file, error) from error
        require_columns(spec, names)
    try:
        return pa.concat_tables(parts, promote_options="permissive") if len(parts) > 1 else parts[0]
    except pa.ArrowException as error:
        why = arrow_reason(error)
        raise DatasetError(f"table {spec.name}: its parts do not have the same columns ({why})") from error


def _wanted(spec: Table, names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    return [name for name in names if spec.column(name) and (columns is None or name in columns)]


def _no_parquet(spec: Table, file: Path, error: Exception) -> DatasetError:
    return DatasetError(f"table {spec.name}: {file} cannot be read as Parquet ({arrow_reason(error)})")


def _parquet_parts(
    spec: Table, files: Sequence[Path], columns: Sequence[str] | None
) -> Iterator[pa.Table] | None:
    schemas = []
    for file in files:
        try:
            with pyarrow.parquet.ParquetFile(file) as opened:
                require_room(spec.name, file, opened.metadata)
                schema = opened.schema_arrow
        except ARROW_FAULTS as error:
            raise _no_parquet(spec, file, error) from error
        require_columns(spec, schema.names)
        wanted = _wanted(spec, schema.names, columns)
        if len(set(wanted)) < len(wanted):
            return None
        schemas.append(pa.schema([schema.field(name) for name in wanted]))
    try:
        empty = pa.unify_schemas(schemas, promote_options="permissive").empty_table()
    except pa.ArrowException:
        return None
    ids = {column.name for column in spec.columns if column.kind is Kind.ID}
    if any(field.name in ids and pa.types.is_floating(field.type) for field in empty.schema):
        return None

    def parts() -> Iterator[pa.Table]:
        yield empty
        for file, schema in zip(files, schemas, strict=True):
            try:
                with pyarrow.parquet.ParquetFile(file) as opened:
                    for some in _row_groups(opened.metadata):
                        for batch in opened.iter_batches(PART_ROWS, row_groups=some, columns=schema.names):
                            piece = pa.Table.from_batches([batch])
                            yield pa.concat_tables([empty, piece], promote_options="permissive")
            except ARROW_FAULTS as error:
                raise _no_parquet(spec, file, error) from error

    return parts()


def _row_groups(metadata: Any) -> Iterator[list[int]]:
    """Row groups of a file, as many at a time as make a part: what is read of them stays until the last is read."""
    some: list[int] = []
    rows = 0
    for number in range(metadata.num_row_groups):
        some.append(number)
        rows += metadata.row_group(number).num_rows
        if rows >= PART_ROWS or number + 1 == metadata.num_row_groups:
            yield some
            some, rows = [], 0
