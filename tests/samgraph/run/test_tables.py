"""Every table of a run is registered: its columns, and when each of its figures may be known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from samgraph.audit.outputs import run_outputs
from samgraph.errors import RunError
from samgraph.run.table import Known, Schedule
from samgraph.run.table_registry import document, registered, with_return_dates
from samgraph.run.table_words import COLUMNS
from samgraph.run.tables import TABLES

DATES = pd.bdate_range("2024-01-01", periods=8)  # a Monday
SCHEDULE = Schedule(DATES, lag=2, tested=(DATES[1], DATES[5]))


def days(values: Any) -> list[str]:
    return ["" if pd.isna(day) else str(pd.Timestamp(day).date()) for day in values]


def test_every_column_has_its_meaning_and_no_meaning_is_left_over() -> None:
    used = {name for table in TABLES.values() for name in table.columns}
    assert used == set(COLUMNS)
    for table in TABLES.values():
        assert len(set(table.columns)) == len(table.columns) and table.words.endswith(".")
        assert set(table.other) | set(table.own) <= set(table.columns)
        assert table.known in (Known.END, Known.WINDOW) or table.date in table.columns
        later = {moment for moment in table.moments if moment in (Known.NEXT, Known.HORIZON)}
        assert ("return_date" in table.columns) == bool(later), table.name


def test_the_page_of_tables_names_every_table_and_column() -> None:
    page = document()
    for table in TABLES.values():
        section = page.split(f"## `{table.name}`")[1].split("## ")[0]
        assert all(f"| `{name}` | " in section for name in table.columns)


def test_a_return_of_a_later_day_carries_that_day() -> None:
    """By hand: lag 2 and horizon 3 end five trading days on; beyond the data there is no day."""
    ic = pd.DataFrame({"date": DATES[[0, 2, 3]], "factor": "score", "horizon": [3, 3, 1]})
    ic = ic.assign(ic=0.1, rank_ic=0.1, n=9)
    returns = pd.DataFrame({"model": "both", "date": DATES[[0, 4, 7]], "kind": "style", "factor": "size"})
    returns = returns.assign(name="size")
    returns = returns.assign(factor_return=0.01, se=0.01, t=1.0)
    found = with_return_dates({"ic": ic, "factor_returns": returns}, SCHEDULE)
    assert days(found["ic"]["return_date"]) == ["2024-01-08", "2024-01-10", "2024-01-09"]
    assert days(found["factor_returns"]["return_date"]) == ["2024-01-02", "2024-01-08", ""]
    assert list(found["ic"].columns) == list(TABLES["ic"].columns)
    again = with_return_dates(found, SCHEDULE)
    pd.testing.assert_frame_equal(again["ic"], found["ic"])


def test_a_row_is_known_when_the_registry_says() -> None:
    frame = pd.DataFrame({"date": DATES[:2], "horizon": [1, 2], "window": [1, 0], "first": DATES[:2]})
    expected = {
        "portfolio": ["2024-01-01", "2024-01-02"],
        "regression": ["2024-01-02", "2024-01-03"],
        "quantiles": ["2024-01-04", "2024-01-08"],
        "curves": ["2024-01-08", "2024-01-02"],
        "decay": ["", ""],
        "exposures": ["2024-01-01", "2024-01-02"],
    }
    for name, known in expected.items():
        table = TABLES[name]
        assert days(SCHEDULE.known(table, frame, table.known)) == known, name
    assert TABLES["risk"].at(Known.DAY) == [
        *("variant", "against", "date", "forecast", "factor_forecast", "specific_forecast"),
    ]
    assert TABLES["regression"].at(Known.DAY) == ["model", "date", "ridge"]


def test_a_table_or_a_column_that_is_not_registered_is_an_error() -> None:
    with pytest.raises(RunError, match="no table extra; register it"):
        with_return_dates({"extra": pd.DataFrame()}, SCHEDULE)
    with pytest.raises(
        RunError, match=r"table names has the columns company_id; .* registers company_id, name"
    ):
        with_return_dates({"names": pd.DataFrame({"company_id": ["A"]})}, SCHEDULE)


def test_the_audit_compares_every_dated_table_and_refuses_an_unknown_one() -> None:
    window = SimpleNamespace(test=slice(1, 5))
    inputs: Any = SimpleNamespace(market=SimpleNamespace(dates=DATES), windows=(window,), test=slice(1, 8))
    config: Any = SimpleNamespace(trading=SimpleNamespace(lag=1))
    tables = {name: pd.DataFrame(columns=list(table.columns)) for name, table in TABLES.items()}
    tables = {
        name: frame.astype(
            {c: "datetime64[s]" for c in ("date", "first", "return_date", "decided_on") if c in frame}
        )
        for name, frame in tables.items()
    }
    found = run_outputs(config, inputs, tables)
    dated = {name for name, table in TABLES.items() if table.known != Known.END}
    assert dated | {"risk_next", "regression_day", "orders", "years"} == set(found)
    assert "concentration" in dated
    with pytest.raises(RunError, match="no table extra"):
        run_outputs(config, inputs, tables | {"extra": pd.DataFrame()})
    assert np.all([registered(name).name == name for name in TABLES])
