"""A user's factors from files: Parquet or CSV, as frames with a day and a company, or as alphalens users keep them.

    date, company_id, NAME, ...    one column a factor; `asset`, `instrument` or `symbol` name the company as well
    an index of (date, asset)      the same as a series or frame of alphalens; its clean frame gives `factor` alone

A column called `factor`, `value` or `0` takes the file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.dataset.files import read_csv_texts
from samgraph.spreadsheets import from_spreadsheet

DAYS = ("date", "datetime")
COMPANIES = ("company_id", "asset", "instrument", "symbol")
UNNAMED = ("factor", "value", "0", "None")


def read_factors(paths: Sequence[Path]) -> dict[str, pd.Series]:
    """Name -> values by (date, company_id), without missing ones.

    Raises:
        DatasetError: a file that cannot be read, lacks a day or a company, holds no number where one is due, names a
            stock-day twice; two factors of one name
    """
    found: dict[str, pd.Series] = {}
    for path in paths:
        for name, values in _factors_of(_frame(path), path).items():
            if name in found:
                raise DatasetError(
                    f"{path} has a factor {name!r}, and so has another file; rename one of them"
                )
            found[name] = values
    return found


def _frame(path: Path) -> pd.DataFrame:
    try:
        if path.suffix != ".parquet":
            frame = read_csv_texts(path)
        else:
            frame = pd.read_parquet(path)
            if frame.index.nlevels == 2:
                frame.index = frame.index.set_names(["date", "company_id"])
                frame = frame.reset_index()
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}); give a CSV or Parquet file with date, company_id and a factor"
        ) from error
    return frame.set_axis([str(name).strip() for name in frame.columns], axis=1)


def _factors_of(frame: pd.DataFrame, path: Path) -> dict[str, pd.Series]:
    day, company = (next((name for name in names if name in frame), None) for names in (DAYS, COMPANIES))
    if day is None or company is None:
        raise DatasetError(
            f"{path} has the columns {', '.join(frame.columns) or 'none'}; a factor needs date and company_id"
        )
    names = [name for name in frame.columns if name not in (day, company)]
    if {"factor", "factor_quantile"} <= set(names):
        names = ["factor"]
    if not names or frame.empty:
        raise DatasetError(f"{path} holds no factor beside {day} and {company}; add a column of numbers")
    index = _index(frame, day, company, path)
    out = {}
    for name in names:
        called = path.stem if name in UNNAMED else name
        if called in out:
            raise DatasetError(f"{path} has two factors called {called!r}; name its columns")
        out[called] = pd.Series(_numbers(frame[name], name, path), index=index, name=called).dropna()
    return out


def _index(frame: pd.DataFrame, day: str, company: str, path: Path) -> pd.MultiIndex:
    days = pd.to_datetime(frame[day], errors="coerce", format=None if _dated(frame[day]) else "ISO8601")
    if days.isna().any():
        row = int(np.flatnonzero(days.isna())[0])
        raise DatasetError(
            f"{path} has {str(frame[day].iloc[row])!r} as {day} in row {row + 1}; write days as 2024-01-31"
        )
    stamps = pd.DatetimeIndex(days)
    if stamps.tz is not None and not stamps.equals(stamps.normalize()):
        row = int(np.flatnonzero(stamps != stamps.normalize())[0])
        raise DatasetError(
            f"{path} has {stamps[row]} as {day} in row {row + 1}, a moment of the time zone {stamps.tz}, whose day in "
            "the market may be the next one; convert it to the market's time zone and write days as 2024-01-31"
        )
    whole = stamps.tz_localize(None).normalize().as_unit("s")
    companies = frame[company].fillna("").astype(str).str.strip().map(from_spreadsheet)
    if (companies == "").any():
        row = int(np.flatnonzero(companies == "")[0])
        raise DatasetError(f"{path} has no {company} in row {row + 1}; add it, or take the row out")
    index = pd.MultiIndex.from_arrays([whole, companies], names=["date", "company_id"])
    twice = index.duplicated()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise DatasetError(
            f"{path} has {companies.iloc[row]} twice on {whole[row].date()}; keep one row per stock and day"
        )
    return index


def _dated(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_any_dtype(column)


def _numbers(column: pd.Series, name: str, path: Path) -> np.ndarray:
    given = column.replace("", np.nan) if not pd.api.types.is_numeric_dtype(column) else column
    values = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = (np.isnan(values) & given.notna().to_numpy()) | np.isinf(values)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DatasetError(
            f"{path} has {str(column.iloc[row])!r} as {name} in row {row + 1}; a factor is a number, or empty"
        )
    return values
