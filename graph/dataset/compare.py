"""Two datasets side by side: which rows were added, removed or changed, table by table.

A row is what the program reads: columns that it knows, typed, whatever the files' form or the order of their rows, and
further columns as numbers where they are some. Two rows are the same row, changed, if they share the table's key. Only
numbers for rows are held, and those rows themselves that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.check.cells import complete
from samgraph.graph.dataset.folder import Dataset, Parsed
from samgraph.graph.dataset.tables import FIRST_DAY, TABLES

Numbers = npt.NDArray[np.uint64]

COUNTS = ("table", "rows_1", "rows_2", "added", "removed", "changed", "companies", "first_day", "last_day")
CHANGES = ("table", "change", "company_id", "key", "day", "column", "before", "after", "difference")
_DAYS = ("date", "valid_from", "announced_on", "period_end")
_PANDAS_INDEX = "__index_level_"  # begins the name of an index without one that pandas wrote into Parquet


@dataclass(frozen=True, eq=False)
class Comparison:
    """What differs.

    Attributes:
        counts: one row per table in either: rows_1 and rows_2, rows added, removed and changed, companies with such
            a row, and the first and the last day that one of them names (ISO text, "" where none)
        changes: one row for each row added or removed and each cell changed: company_id, key (the others of the
            table's key), day, column, before and after (text), difference (of numbers)
    """

    counts: pd.DataFrame
    changes: pd.DataFrame

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not len(self.changes)

    def shares(self, top: int) -> pd.DataFrame:
        """The largest changes of a weight in `segments` and `universes`: the rows of `changes`, largest first."""
        rows = self.changes[(self.changes["column"] == "weight") & self.changes["difference"].notna()]
        order = rows["difference"].abs().sort_values(ascending=False, kind="stable").index
        return rows.loc[order].head(top).reset_index(drop=True)


def compare(one: Dataset, other: Dataset) -> Comparison:
    """Compare two datasets; the first is the one before.

    Raises:
        DatasetError: a table cannot be read
    """
    counts, changes = [], []
    for name in (name for name in TABLES if one.has(name) or other.has(name)):
        sides = [_Side.of(dataset, name) for dataset in (one, other)]
        gone = [
            _frame(dataset, name, mine.only(theirs)) for dataset, mine, theirs in _both(one, other, sides)
        ]
        found = _changes(name, *gone)
        changes.append(found)
        of = found.drop_duplicates(["change", "company_id", "key", "day"])["change"].value_counts()
        days = found.loc[found["day"] != "", "day"]
        counts.append(
            (
                name,
                *(side.rows for side in sides),
                *(int(of.get(change, 0)) for change in ("added", "removed", "changed")),
                found.loc[found["company_id"] != "", "company_id"].nunique(),
                days.min() if len(days) else "",
                days.max() if len(days) else "",
            )
        )
    return Comparison(pd.DataFrame(counts, columns=list(COUNTS)), pd.concat(changes, ignore_index=True))


def _both(one: Dataset, other: Dataset, sides: list[_Side]) -> Iterator[tuple[Dataset, _Side, _Side]]:
    yield one, sides[0], sides[1]
    yield other, sides[1], sides[0]


@dataclass(frozen=True, eq=False)
class _Side:
    """A table of one dataset: a number for the whole of each row, uint64 [n_rows]."""

    whole: Numbers

    @classmethod
    def of(cls, dataset: Dataset, name: str) -> _Side:
        try:
            pieces = [_hashed(part) for part in _parts(dataset, name)]
        except DatasetError as error:
            where = str(dataset.root)
            raise error if where in str(error) else DatasetError(f"{where}: {error}") from error
        return cls(np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint64))

    @property
    def rows(self) -> int:
        return len(self.whole)

    def only(self, other: _Side) -> npt.NDArray[np.bool_]:
        """Which rows the other side lacks, [n_rows]; of exact repeats the first."""
        lacking = ~np.isin(self.whole, other.whole)
        lacking[pd.Series(self.whole).duplicated().to_numpy()] = False
        return lacking


def _parts(dataset: Dataset, name: str) -> Iterator[pd.DataFrame]:
    if dataset.has(name):
        found = next(dataset.parse_parts(name)).unknown_columns
        further = sorted(column for column in found if not column.startswith(_PANDAS_INDEX))
        for parsed in dataset.parse_parts(name, texts=further):
            yield _whole(parsed, further)


def _whole(parsed: Parsed, further: Sequence[str]) -> pd.DataFrame:
    """Every known column, and the further ones, as numbers where all are some."""
    frame = complete(parsed)
    for name in further:
        text = parsed.frame[name].fillna("")
        numbers = pd.to_numeric(text.where(text != ""), errors="coerce")
        frame[name] = numbers if (numbers.notna() | (text == "")).all() else text
    return frame


def _hashed(frame: pd.DataFrame) -> Numbers:
    """Empty cells are all the same, and so is a column that a file lacks or has empty."""
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in sorted(frame.columns):
        column = frame[name]
        filled = column.notna().to_numpy()
        if pd.api.types.is_float_dtype(column.dtype):
            column = column + 0.0  # -0 and 0 are one number
        text = column.astype("object").where(filled, None) if column.dtype == "boolean" else column
        one = np.asarray(pd.util.hash_pandas_object(text, index=False, categorize=True), dtype=np.uint64)
        salt = np.uint64(pd.util.hash_array(np.array([name], dtype=object))[0])
        with np.errstate(over="ignore"):
            total += np.where(
                filled & (column.astype("str") != "").to_numpy(),
                (one ^ salt) * np.uint64(0x9E3779B97F4A7C15),
                np.uint64(0),
            )
    return total


def _frame(dataset: Dataset, name: str, wanted: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The rows that are wanted."""
    pieces, begin = [], 0
    for frame in _parts(dataset, name):
        pieces.append(frame[wanted[begin : begin + len(frame)]])
        begin += len(frame)
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(TABLES[name].names))


def _changes(name: str, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of CHANGES of what only one side has: changed where both have the key once, else added or removed."""
    key = [one for one in TABLES[name].key if one in before and one in after]
    removed, added = (_described(frame, key) for frame in (before, after))
    on = ["company_id", "key", "day"]
    single = [frame[~frame.duplicated(on, keep=False)] for frame in (removed, added)]
    both = single[0].reset_index(names="one").merge(single[1].reset_index(names="other"), on=on)
    told: dict[str, Any] = {"table": name, "column": "", "before": "", "after": "", "difference": np.nan}
    found = [
        removed[~removed.index.isin(both["one"])].assign(**told, change="removed"),
        added[~added.index.isin(both["other"])].assign(**told, change="added"),
    ]
    for column in (one for one in dict.fromkeys([*before, *after]) if one not in key):
        old, new = (
            frame[column].iloc[both[place].to_numpy()].reset_index(drop=True)
            if column in frame
            else pd.Series(np.nan, index=both.index)
            for frame, place in ((before, "one"), (after, "other"))
        )
        texts = _text(old), _text(new)
        step = _numbers(new) - _numbers(old)
        cells = both[on].assign(
            **told | {"column": column, "before": texts[0], "after": texts[1], "difference": step},
            change="changed",
        )
        found.append(cells[(texts[0] != texts[1]).to_numpy()])
    every: pd.DataFrame = pd.concat(found, ignore_index=True)[list(CHANGES)]
    return every.sort_values(["change", *on], kind="stable", ignore_index=True)


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers as they are; of any other kind NaN."""
    if pd.api.types.is_float_dtype(column.dtype):
        return column
    return pd.Series(np.nan, index=column.index)


def _described(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """company_id, key, day of each row."""
    texts = {column: _text(frame[column]) for column in {*key, "company_id", *_DAYS} if column in frame}
    empty = pd.Series("", index=frame.index, dtype="str")
    others = [column for column in key if column != "company_id"]
    joined, day = empty.copy(), empty.copy()
    for column in others:
        part = (column + "=" + texts[column]).where(texts[column] != "", "")
        joined = (joined + " " + part).str.strip()
    for column in (one for one in _DAYS if one in texts):
        day = day.where(day != "", texts[column])
    return pd.DataFrame({"company_id": texts.get("company_id", empty), "key": joined, "day": day})


def _is_day(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column.dtype)


def _text(column: pd.Series) -> pd.Series:
    """Cells as text, "" where they are empty; days as ISO text, "" for the first day, which stands for an empty one."""
    if _is_day(column):
        days = column.to_numpy().astype("datetime64[D]")
        texts = np.datetime_as_string(days).astype(object)
        texts[np.isnat(days) | (days == FIRST_DAY.astype("datetime64[D]"))] = ""
        return pd.Series(texts, index=column.index, dtype="str")
    return column.astype("str").mask(column.isna(), "").astype("str")
