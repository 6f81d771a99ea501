"""The kinds of nodes and edges as frames, between the tables, the graph, and batches to write.

In these frames days are int64, counted from 1970-01-01: an open end is OPEN (9999-12-31), an empty day is
NONE; an empty weight is NaN. An edge is `start`, `end` (ids) and its properties.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]

NONE = int(np.iinfo(np.int64).min)
OPEN = (dt.date(9999, 12, 31) - dt.date(1970, 1, 1)).days
FIRST = (dt.date(1, 1, 1) - dt.date(1970, 1, 1)).days
BATCH = 10_000
"""Rows a transaction: 10,000 write more than twice as fast as 1,000, and 100,000 no faster."""
LONG = 400
"""Days: a SELLS edge that holds longer (a report that no newer one follows, a span without an end) is marked by
`long_from`, so that an as-of query looks for all others no further back than this."""

DAYS = frozenset({"valid_from", "valid_to", "period_end", "announced_on", "listed_on", "delisted_on"})
NUMBERS = frozenset({"weight", "score"})
COUNTS = frozenset({"level"})


@dataclass(frozen=True)
class NodeKind:
    """A label: `cypher/{current,load,update}/NAME.cypher` read, write, change it; the first column is its key."""

    name: str
    columns: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.columns[0]


@dataclass(frozen=True)
class EdgeKind:
    """A relationship type: `cypher/{current,load}/NAME.cypher` read and write it."""

    name: str
    properties: tuple[str, ...]
    by_company: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return ("start", "end", *self.properties)


COMPANIES = NodeKind("companies", ("company_id", "name", "exchange", "listed_on", "delisted_on"))
PRODUCTS = NodeKind("products", ("product_id", "name", "name_en", "level", "path", "valid_from", "valid_to"))
INDUSTRIES = NodeKind("industries", ("industry_id", "name", "level"))
UNIVERSES = NodeKind("universes", ("universe",))

_SPAN = ("valid_from", "valid_to")
SELLS = EdgeKind("sells", ("weight", "period_end", "announced_on", *_SPAN), by_company=True)
CLASSIFIED_AS = EdgeKind("classified_as", _SPAN, by_company=True)
IN_THEME = EdgeKind("in_theme", _SPAN, by_company=True)
MEMBER_OF = EdgeKind("member_of", ("weight", *_SPAN), by_company=True)
COMPETES_WITH = EdgeKind("competes_with", ("score", *_SPAN), by_company=True)
CHILD_OF = EdgeKind("child_of", _SPAN, by_company=False)
INDUSTRY_CHILD_OF = EdgeKind("industry_child_of", _SPAN, by_company=False)
SUPPLIES = EdgeKind("supplies", ("weight", *_SPAN), by_company=False)


def days(column: pd.Series, empty: int = NONE) -> Ints:
    """Days since 1970-01-01 of a datetime column; `empty` for NaT."""
    values = column.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(values), empty, values.astype("int64"))


def stamps(column: npt.ArrayLike, open_end: int | None = None) -> npt.NDArray[np.datetime64]:
    """datetime64[s] of days since 1970-01-01; NaT for NONE, and for `open_end`."""
    values = np.asarray(column, dtype="int64")
    empty = values == NONE if open_end is None else (values == NONE) | (values == open_end)
    found = np.where(empty, 0, values).astype("datetime64[D]").astype("datetime64[s]")
    found[empty] = np.datetime64("NaT", "s")
    return found


def frame(columns: Sequence[str], lists: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Columns as a server returns them (lists, None where empty), typed."""
    typed: dict[str, Any] = {}
    for name in columns:
        values = lists[name]
        if name in DAYS or name in COUNTS:
            typed[name] = np.array([NONE if value is None else value for value in values], dtype=np.int64)
        elif name in NUMBERS:
            typed[name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        else:
            typed[name] = pd.Series(values, dtype="str")
    return pd.DataFrame(typed, columns=list(columns))


def empty(columns: Sequence[str]) -> pd.DataFrame:
    """A frame of these columns, typed, without rows."""
    return frame(columns, {name: [] for name in columns})


def batches(rows: pd.DataFrame, columns: Sequence[str], size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
    """The rows as lists of at most `size` maps of native values (date, float, str, None)."""
    for begin in range(0, len(rows), size):
        part = rows.iloc[begin : begin + size]
        values = [_native(part[name], name) for name in columns]
        yield [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def report_batches(rows: pd.DataFrame, size: int = BATCH) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """SELLS edges folded by company, report and span, about `size` edges a batch: (edges, maps).

    A map has company_id, period_end, announced_on, valid_from, valid_to, long_from (valid_from if `is_long`) and
    `sold`, a list of [product_id, weight]. Four days a report instead of four an edge: a tenth of the work to send
    them, two thirds of that to write them.
    """
    shared = ["start", *SELLS.properties[1:]]
    rows = rows.sort_values(shared, kind="stable", ignore_index=True)
    heads = np.flatnonzero(~rows.duplicated(shared).to_numpy())
    bounds = np.append(heads, len(rows))
    sold = [
        list(pair)
        for pair in zip(_native(rows["end"], "end"), _native(rows["weight"], "weight"), strict=True)
    ]
    names = ["company_id", *SELLS.properties[1:], "long_from"]
    first = rows.iloc[heads]
    values = [_native(first[name], name) for name in shared]
    values.append(_native(first["valid_from"].where(is_long(first), NONE), "valid_from"))
    maps: list[dict[str, Any]] = []
    count = 0
    for number, row in enumerate(zip(*values, strict=True)):
        begin, end = int(bounds[number]), int(bounds[number + 1])
        maps.append(dict(zip(names, row, strict=True), sold=sold[begin:end]))
        count += end - begin
        if count >= size:
            yield count, maps
            maps, count = [], 0
    if maps:
        yield count, maps


def is_long(rows: pd.DataFrame) -> pd.Series:
    """Which SELLS edges hold longer than LONG days, open-ended ones among them, [n_rows]."""
    return rows["valid_to"] - rows["valid_from"] > LONG


def _native(column: pd.Series, name: str) -> list[Any]:
    if name in DAYS:
        codes, distinct = pd.factorize(column)
        dates = [None if day == NONE else dt.date.fromordinal(int(day) + _EPOCH) for day in distinct.tolist()]
        return [dates[code] for code in codes]
    if name in NUMBERS:
        return [None if value != value else value for value in column.tolist()]
    if name in COUNTS:
        return list(column.tolist())
    return [None if value is None or value != value else value for value in column.tolist()]


_EPOCH = dt.date(1970, 1, 1).toordinal()
