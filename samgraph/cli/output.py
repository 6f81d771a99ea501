"""Rows on standard output: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

FORMATS = ("table", "csv", "json")


def print_frame(frame: pd.DataFrame, form: str) -> None:
    """Print `frame` as a `table`, as `csv` or as `json` (a list of records; days as ISO text)."""
    if form == "csv":
        frame.to_csv(sys.stdout, index=False)
        return
    if form == "json":
        print(frame.to_json(orient="records", date_format="iso", date_unit="s", force_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in frame.columns:
        table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(frame[name]) else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return str(value)
