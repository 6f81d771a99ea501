"""From what a file holds to typed columns: ids and text as str, days as datetime64[s], numbers, flags.

Every converter takes one Arrow column and gives the typed values together with a mask of the cells that hold
something which cannot be read as that kind. An empty cell (null, or "" in any form) is not unreadable: it is
missing (NaN, NaT, NA).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from samgraph.graph.dataset.tables import Kind

Bools = npt.NDArray[np.bool_]
Converted = tuple["pd.Series[Any]", Bools]

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?")
_TRUE = {"true", "1", "1.0", "t", "yes", "y"}
_FALSE = {"false", "0", "0.0", "f", "no", "n"}


def convert(column: pa.ChunkedArray, kind: Kind) -> Converted:
    """The typed values of a column and the mask of its unreadable cells, both [n_rows]."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if pa.types.is_large_string(column.type) or pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    return _CONVERTERS[kind](column)


def _no_mistakes(length: int) -> Bools:
    return np.zeros(length, dtype=bool)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type))


def _to_text(column: pa.ChunkedArray) -> Converted:
    """Ids written as numbers become their digits: 110000 and 110000.0 are both "110000"."""
    if pa.types.is_floating(column.type):
        whole = pc.equal(column, pc.trunc(column))
        if pc.all(pc.fill_null(whole, True)).as_py():
            column = column.cast(pa.int64())
    text = column if _is_text(column) else column.cast(pa.string())
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(text)), 0)
    text = pc.if_else(blank, pa.scalar(None, pa.string()), text)
    return pd.Series(text.to_pandas(), dtype="str"), _no_mistakes(len(column))


def _by_distinct(column: pa.ChunkedArray, parse: Callable[[str], Any], missing: Any, dtype: str) -> Converted:
    """Parse each distinct text once; `parse` raises ValueError for what it cannot read."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    distinct = encoded.dictionary.to_pylist()
    codes = np.asarray(pc.fill_null(encoded.indices, len(distinct)).to_numpy(zero_copy_only=False))
    values = np.empty(len(distinct) + 1, dtype=dtype)
    unreadable = np.zeros(len(distinct) + 1, dtype=bool)
    values[-1] = missing
    for position, text in enumerate(distinct):
        stripped = text.strip()
        values[position] = missing
        if stripped:
            try:
                values[position] = parse(stripped)
            except ValueError:
                unreadable[position] = True
    return pd.Series(values[codes]), unreadable[codes]


def _parse_day(text: str) -> np.datetime64:
    day, rest = text[:10], text[10:]
    if not _ISO_DAY.fullmatch(day) or (rest and not _MIDNIGHT.fullmatch(rest)):
        raise ValueError(text)
    return np.datetime64(dt.date.fromisoformat(day), "s")


def _to_days(column: pa.ChunkedArray) -> Converted:
    if pa.types.is_date(column.type) or (pa.types.is_timestamp(column.type) and column.type.tz is None):
        if pa.types.is_date(column.type):
            stamps = column.cast(pa.timestamp("s"))
            unreadable = _no_mistakes(len(column))
        else:
            stamps = pc.floor_temporal(column, unit="day")
            unreadable = np.asarray(pc.fill_null(pc.not_equal(stamps, column), False).to_numpy())
            stamps = stamps.cast(pa.timestamp("s"))
        values = np.asarray(stamps.to_numpy()).astype("datetime64[s]")
        # Neo4j's DATE and Python's date both hold these years.
        outside = (values < np.datetime64("0001-01-01")) | (values > np.datetime64("9999-12-31"))
        unreadable = unreadable | outside
        return pd.Series(np.where(unreadable, np.datetime64("NaT", "s"), values)), unreadable
    text = column if _is_text(column) else column.cast(pa.string())
    return _by_distinct(text, _parse_day, np.datetime64("NaT", "s"), "datetime64[s]")


def _to_numbers(column: pa.ChunkedArray) -> Converted:
    """NaN in a file of numbers is a missing cell; infinity is left to the checks."""
    if _is_text(column):
        text = pc.utf8_trim_whitespace(column)
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        try:
            column = text.cast(pa.float64())
        except pa.ArrowInvalid:
            words = pd.Series(text.to_pandas(), dtype="object")
            values = pd.to_numeric(words, errors="coerce").astype("float64")
            return values, np.asarray(values.isna() & words.notna())
        values = pd.Series(np.asarray(column.to_numpy(), dtype="float64"))
        return values, np.asarray(values.isna()) & ~np.asarray(column.is_null().to_numpy())
    dtype = "float32" if pa.types.is_float32(column.type) else "float64"
    if (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_decimal(column.type)
    ):
        values = pd.Series(np.asarray(column.cast(pa.float64()).to_numpy(), dtype=dtype))
        return values, _no_mistakes(len(column))
    return pd.Series(np.full(len(column), np.nan)), ~np.asarray(column.is_null().to_numpy())


def _parse_flag(text: str) -> int:
    word = text.lower()
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise ValueError(text)


def _to_flags(column: pa.ChunkedArray) -> Converted:
    if pa.types.is_boolean(column.type):
        return pd.Series(column.to_pandas().astype("boolean")), _no_mistakes(len(column))
    values, unreadable = _by_distinct(column.cast(pa.string()), _parse_flag, -1, "int8")
    return (values > 0).astype("boolean").mask(values < 0), unreadable


_CONVERTERS: dict[Kind, Callable[[pa.ChunkedArray], Converted]] = {
    Kind.ID: _to_text,
    Kind.TEXT: _to_text,
    Kind.DATE: _to_days,
    Kind.NUMBER: _to_numbers,
    Kind.FLAG: _to_flags,
}
