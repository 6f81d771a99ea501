"""A run as a workbook: every table a sheet, cells of the right type, no text a formula, nothing cut in silence."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from made_run import CHINESE, HOSTILE, made_run

from samgraph.cli.runs.export import command
from samgraph.export.excel import write_workbook
from samgraph.run.folder import RunFolder
from samgraph.run.tables import TABLES


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return made_run(tmp_path / "run", days=46)


def test_every_registered_table_is_a_sheet_with_its_values(run: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(command, [str(run), str(tmp_path / "out"), "--to", "excel"])
    assert ran.exit_code == 0 and ran.stdout.strip().endswith("run.xlsx"), ran.output
    book = openpyxl.load_workbook(tmp_path / "out" / "run.xlsx", read_only=True)
    there = [name for name in TABLES if (run / f"{name}.parquet").exists()]
    assert book.sheetnames == ["contents", "columns", "summary", *there]
    for name in there:
        frame = pd.read_parquet(run / f"{name}.parquet")
        rows = list(book[name].iter_rows(values_only=True))
        assert list(rows[0]) == list(frame.columns) and len(rows) == len(frame) + 1, name
    portfolio = pd.read_parquet(run / "portfolio.parquet")
    row = next(book["portfolio"].iter_rows(min_row=2, max_row=2, values_only=True))
    first = dict(zip(portfolio.columns, row, strict=True))
    assert first["date"] == dt.datetime(2023, 11, 15) and first["return"] == pytest.approx(
        portfolio["return"].iloc[0], rel=1e-15
    )
    told = {row[0]: row for row in book["contents"].iter_rows(min_row=2, values_only=True)}
    assert told["portfolio"] == ("portfolio", TABLES["portfolio"].words, 138, "portfolio", None)
    summary = dict(book["summary"].iter_rows(min_row=2, max_col=2, values_only=True))
    assert summary["days"] == 46 and summary["variants.product.ic"] == 0.125
    assert summary["universe"] == HOSTILE


def test_a_workbook_is_of_the_whole_run(run: Path, tmp_path: Path) -> None:
    asked = [str(run), str(tmp_path / "out"), "--to", "excel", "--as-of", "2023-12-01"]
    ran = CliRunner().invoke(command, asked)
    assert ran.exit_code == 1 and "leave --as-of out" in str(ran.exception)


def test_no_text_is_a_formula_and_unknown_numbers_are_empty(run: Path, tmp_path: Path) -> None:
    long = "x" * 40_000
    texts = ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", CHINESE, "bell \x07", long]
    pd.DataFrame({"company_id": [f"{n}" for n in range(8)], "name": texts}).to_parquet(run / "names.parquet")
    frame = pd.DataFrame(
        {
            "date": [pd.Timestamp("2024-01-02"), pd.NaT],
            "kind": ["companies", None],
            "effective": [math.inf, np.nan],
            "largest": pd.array([True, None], dtype="boolean"),
            "largest_share": np.array([0.5, 0.25], dtype=np.float32),
            "groups": [3, 4],
        }
    )
    frame.to_parquet(run / "concentration.parquet")
    path = write_workbook(RunFolder.open(run), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(path)
    cells = [cell for row in book["names"].iter_rows(min_row=2) for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    shown = [cell.value for cell in cells[1::2]]
    assert shown[:6] == ["'=1+1", "'+1", "'-2", "'@SUM(A1)", "'\t=1", CHINESE]
    assert shown[6] == "bell \ufffd" and len(shown[7]) == 32_767 and shown[7].endswith("…")
    rows = [[cell.value for cell in row] for row in book["concentration"].iter_rows(min_row=2)]
    assert rows[0] == [dt.datetime(2024, 1, 2), "companies", None, True, 0.5, 3]
    assert rows[1] == [None, None, None, None, 0.25, 4]
    assert not any(cell.data_type == "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_a_table_longer_than_a_sheet_goes_on_in_the_next_and_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_workbook(RunFolder.open(run), tmp_path / "a.xlsx", rows=100)
    book = openpyxl.load_workbook(path, read_only=True)
    sheets = ["portfolio", "portfolio_2"]
    parts = [list(book[name].iter_rows(min_row=2, values_only=True)) for name in sheets]
    assert [len(part) for part in parts] == [100, 38]
    whole = pd.read_parquet(run / "portfolio.parquet")
    assert [row[3] for part in parts for row in part] == pytest.approx(whole["return"].tolist(), rel=1e-15)
    told = {row[0]: row for row in book["contents"].iter_rows(min_row=2, values_only=True)}
    assert told["portfolio"][2:4] == (138, "portfolio, portfolio_2")
    assert "split over portfolio, portfolio_2" in capsys.readouterr().err


def test_a_table_of_very_many_rows_keeps_its_last_whole_days_and_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_workbook(RunFolder.open(run), tmp_path / "a.xlsx", largest=21)
    book = openpyxl.load_workbook(path, read_only=True)
    days = [row[1].date() for row in book["portfolio"].iter_rows(min_row=2, values_only=True)]
    whole = pd.read_parquet(run / "portfolio.parquet")["date"].dt.date
    counts = whole.value_counts().sort_index(ascending=False)
    first = counts.index[(counts.cumsum() <= 21).sum() - 1]
    assert sorted(days) == sorted(day for day in whole if day >= first) and 0 < len(days) <= 21
    told = {row[0]: row for row in book["contents"].iter_rows(min_row=2, values_only=True)}
    assert told["portfolio"][2] == len(whole) and told["portfolio"][4].startswith(f"from {first} on")
    assert f"table portfolio has {len(whole)} rows: from {first} on" in capsys.readouterr().err
