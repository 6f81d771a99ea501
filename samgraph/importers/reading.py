"""Vendors' tables as files: CSV, JSON lines (either may be gzipped) or Parquet, in one file or several parts.

A table that is no such table, a missing column, and a cell that is not of its column's kind are errors that name the
file, the row (data rows count from 1) and the column. An empty cell is missing, not wrong.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from samgraph.errors import DatasetError
from samgraph.graph.dataset import paths as table_paths
from samgraph.graph.dataset.files import read_csv_texts
from samgraph.importers.coverage import Account
from samgraph.importers.names import a_share_ids

Days = npt.NDArray[np.datetime64]

ENDINGS = (".csv", ".csv.gz", ".json", ".json.gz", ".parquet")
LONGEST_NAME = 1000
"""Characters; the longest id that a graph takes."""
_MOST_UNPACKED = 1032  # bytes that one of gzip's can stand for
_EMPTY = frozenset(("", "nan", "none", "null", "nat", "na", "n/a", "<na>", "-", "--"))


@dataclass(frozen=True)
class Conventions:
    """What the files of a source leave unsaid.

    zone: the market's time zone, by which an instant (a time with a zone of its own) belongs to a day
    successors: the last code of each company whose code changed
    """

    zone: str | None = None
    successors: Mapping[str, str] = field(default_factory=dict)


class Source:
    """A table as read, of one or several files.

    `frame` has one row per data row, index 0..n-1, cells as the files hold them; `account` says where they go.
    """

    def __init__(
        self,
        table: str,
        parts: Sequence[tuple[Path, pd.DataFrame]],
        conventions: Conventions | None = None,
    ) -> None:
        self.table = table
        self.conventions = conventions or Conventions()
        self.files = [path for path, _ in parts]
        lengths = [len(frame) for _, frame in parts]
        self._ends = np.cumsum(lengths)
        filled = [frame for _, frame in parts if len(frame)] or [parts[0][1]]
        self.frame = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]
        self.frame.index = pd.RangeIndex(len(self.frame))
        self.part = np.repeat(np.arange(len(parts)), lengths)
        self.account = Account(table, len(self.frame))

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, position: int) -> str:
        """The file and row of a position."""
        part = int(self.part[position])
        return f"{self.files[part]}, row {position - (int(self._ends[part - 1]) if part else 0) + 1}"

    def stem(self) -> pd.Series[str]:
        """The name of each row's file without its ending: where a vendor's answer does not say what it is about."""
        stems = np.array([path.name.split(".")[0] for path in self.files], dtype=object)
        return pd.Series(stems[self.part], index=self.frame.index, dtype="str")

    def require(self, *columns: str) -> None:
        """Raise DatasetError unless the table has these columns."""
        for name in columns:
            if name not in self.frame.columns:
                found = ", ".join(map(str, self.frame.columns)) or "none"
                raise DatasetError(f"{self.files[0]} lacks the column {name} (found {found[:300]}); add it")

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return column in self.frame.columns

    def text(self, column: str) -> pd.Series[str]:
        """A column as text without blanks around it, "" where it is empty."""
        self.require(column)
        values = self.frame[column]
        if pd.api.types.is_float_dtype(values):  # ids that a file holds as 600519.0
            whole = values.dropna()
            if len(whole) and np.isfinite(whole).all() and (whole == np.trunc(whole)).all():
                values = values.astype("Int64")
        text = values.astype("str").str.strip() if values.dtype != "str" else values.str.strip()
        empty = values.isna() | text.str.lower().isin(_EMPTY - {"na"})
        return text.mask(empty, "").astype("str")

    def shares(self, column: str) -> pd.Series[str]:
        """A column of A-shares' codes as ids, "" where it is none; changed codes as their last one."""
        return self.succeeded(a_share_ids(self.text(column)))

    def succeeded(self, ids: pd.Series[str]) -> pd.Series[str]:
        """Ids of the rows' companies, changed ones as their last one."""
        last = self.conventions.successors
        if not last:
            return ids
        changed = ids.isin(list(last)).to_numpy()
        self.account.change(changed, "its company's code changed: counted as the new one")
        return ids.mask(changed, ids.map(last)).astype("str") if changed.any() else ids

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """A column as numbers, NaN where it is empty.

        Raises:
            DatasetError: a cell holds something else, or infinity
        """
        self.require(column)
        values = self.frame[column]
        if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            text = self.text(column)
            result = pd.to_numeric(text.mask(text == ""), errors="coerce").to_numpy(dtype="float64")
            self._refuse(column, np.isnan(result) & (text != "").to_numpy(), "a number")
        else:
            result = values.to_numpy(dtype="float64", na_value=np.nan)
        self._refuse(column, np.isinf(result), "a finite number")
        return result

    def days(self, column: str, *, lenient: bool = False) -> Days:
        """A column of days (20230504, 2023-05-04, 2023/5/4, or a file's own days) as datetime64[D].

        NaT where it is empty; with `lenient` also where it cannot be read. Instants are days where all are midnights
        of their own time zone, else by the market's.

        Raises:
            DatasetError: a cell holds something else, such as a time of day
        """
        self.require(column)
        values = self.frame[column]
        if pd.api.types.is_datetime64_any_dtype(values):
            return self._stamped(column, values)
        text = self.text(column)
        codes, distinct = pd.factorize(text)
        parsed = [parse_day(one) for one in distinct]
        known = np.array([day or np.datetime64("NaT", "D") for day in parsed], dtype="datetime64[D]")
        wrong = np.array([day is None for day in parsed], dtype=bool)
        if not len(codes):
            return np.zeros(0, dtype="datetime64[D]")
        if not lenient:
            self._refuse(column, wrong[codes], "a day such as 20230504 or 2023-05-04")
        return known[codes]

    def _stamped(self, column: str, values: pd.Series[pd.Timestamp]) -> Days:
        """Days of a column of Parquet's timestamps: never the day in another time zone."""
        local, zone = values.dt.tz_localize(None), self.conventions.zone
        timed = (local.notna() & (local != local.dt.normalize())).to_numpy()
        if timed.any() and values.dt.tz is not None and zone is not None:
            local, timed = values.dt.tz_convert(zone).dt.tz_localize(None), np.zeros(len(values), dtype=bool)
        kind = "a day: it has a time of day" + (
            f" in {values.dt.tz}, and the day there need not be the market's"
            if values.dt.tz is not None
            else ""
        )
        self._refuse(column, timed, kind)
        return np.asarray(local.to_numpy()).astype("datetime64[D]")

    def _refuse(self, column: str, wrong: npt.NDArray[np.bool_], kind: str) -> None:
        places = np.flatnonzero(wrong)
        if len(places):
            value = str(self.frame[column].iloc[places[0]])
            shown = value if len(value) <= 60 else value[:60] + "…"
            more = f" ({len(places):,} such cells)" if len(places) > 1 else ""
            raise DatasetError(
                f"{self.where(int(places[0]))}, column {column}: {shown!r} is not {kind}{more}; correct the file"
            )


def parse_day(text: str) -> np.datetime64 | None:
    """A day from 20230504, 20230504.0, 2023-05-04, 2023/5/4 or a midnight; NaT for "", None for anything else."""
    if not text:
        return np.datetime64("NaT", "D")
    day, _, rest = text.replace("T", " ").partition(" ")
    if rest.rstrip("0") not in ("", "00:00:", "00:00:00.", ":") and rest.strip("0:.") != "":
        return None
    day = day.removesuffix(".0")
    pieces = [day[:4], day[4:6], day[6:]] if len(day) == 8 else day.replace("/", "-").split("-")
    if len(pieces) != 3 or not all(piece.isascii() and piece.isdigit() for piece in pieces):
        return None
    if len(pieces[0]) != 4 or not 1 <= len(pieces[1]) <= 2 or not 1 <= len(pieces[2]) <= 2:
        return None
    if not 1900 <= int(pieces[0]) <= 9999:
        return None
    try:
        return np.datetime64(f"{pieces[0]}-{int(pieces[1]):02d}-{int(pieces[2]):02d}", "D")
    except ValueError:
        return None


def iso(days: Days) -> npt.NDArray[np.object_]:
    """Days as ISO text, "" where there is none."""
    text = np.datetime_as_string(days.astype("datetime64[D]")).astype(object)
    text[np.isnat(days)] = ""
    return text


def find(folder: Path, name: str) -> list[Path]:
    """The files of table `name` in a folder: name.csv, name.csv.gz, ... or the parts of a folder name/, sorted."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; name the folder that holds the source's tables")
    found = [folder / f"{name}{ending}" for ending in ENDINGS if (folder / f"{name}{ending}").is_file()]
    parts = folder / name
    if parts.is_dir():
        found += sorted(p for p in parts.iterdir() if p.name.endswith(ENDINGS) and not p.name.startswith("."))
    return found


def read(table: str, files: Sequence[Path], conventions: Conventions | None = None) -> Source:
    """Read a table from its files; the columns may be in any order and differ between the parts."""
    return Source(table, [(path, _read_file(path)) for path in files], conventions)


def optional(folder: Path, name: str, conventions: Conventions | None = None) -> Source | None:
    """A table of a folder, or None where there is no file of that name."""
    files = find(folder, name)
    return read(name, files, conventions) if files else None


def needed(folder: Path, name: str, conventions: Conventions | None = None) -> Source:
    """A table of a folder.

    Raises:
        DatasetError: there is no file of that name
    """
    source = optional(folder, name, conventions)
    if source is None:
        raise DatasetError(
            f"{folder} holds no {name} (looked for {name}.csv, .csv.gz, .json, .json.gz, .parquet or a folder of that "
            "name); add it"
        )
    return source


def _read_file(path: Path) -> pd.DataFrame:
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path} is no regular file (a folder, a pipe or a device); put a file there")
        if path.name.endswith(".parquet"):
            try:
                table_paths.require_room(path.stem, path, pq.read_metadata(path))
                # Columns that pandas put into its index are columns.
                return _named(path, pq.read_table(path).to_pandas(ignore_metadata=True))
            except (KeyError, TypeError, AttributeError) as error:  # pandas' own notes there are damaged
                raise DatasetError(f"{path} cannot be read as a table ({error!r}); check the file") from error
        _require_room(path)
        if path.name.endswith((".json", ".json.gz")):
            return _read_json_lines(path)
        return read_csv_texts(path)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise DatasetError(f"{path} cannot be read as a table ({why}); check the file") from error


def _require_room(path: Path) -> None:
    """Refuse text that, unpacked, takes more than half of the memory: it is counted, not kept."""
    limit = table_paths.room() // 2
    packed = size = path.stat().st_size
    if path.name.endswith(".gz") and packed * _MOST_UNPACKED > limit:
        size = 0
        with gzip.open(path) as opened:
            while size <= limit and (chunk := opened.read(1 << 20)):
                size += len(chunk)
    if size > limit:
        raise DatasetError(
            f"{path} of {packed:,} bytes unpacks to more than half of the memory here ({2 * limit / 2**30:.1f} GiB); "
            "see where it comes from, or import a part of it"
        )


def _named(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DatasetError(f"{path} has the column {twice[0]} twice; keep one of them")
    return frame


def _read_json_lines(path: Path) -> pd.DataFrame:
    """One object a line; cells that are objects themselves become text."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(raw.decode("utf-8-sig").split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line, object_pairs_hook=_unique)
            except _TwiceError as error:
                raise DatasetError(
                    f"{path}, line {number} has the name {str(error)[:60]!r} twice; keep one of them"
                ) from error
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"{path}, line {number} is not JSON; correct the file") from error
            if not isinstance(row, dict):
                raise DatasetError(f"{path}, line {number} is not a JSON object; correct the file")
            rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pd.Series([_cell(row.get(name)) for row in rows], dtype="str") for name in names}
    return pd.DataFrame(columns)


class _TwiceError(Exception):
    """A name that an object of JSON has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
