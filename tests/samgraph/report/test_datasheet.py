"""The data sheet of an import in a run's folder and in its report."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from made_run import made_run

from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.sheet import data_sheet as sheet_of
from samgraph.importers.writing import SHEET, keep_sheet
from samgraph.report.datasheet import data_sheet
from samgraph.report.page import write_report
from samgraph.seals import digests

HOSTILE = "<script>alert(1)</script> | a `b` *c* \\ [d](e)"


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    pd.DataFrame({"company_id": ["A"], "name": ["x"]}).to_csv(folder / "companies.csv", index=False)
    coverage = pd.DataFrame(
        [("num.txt", "used", "used as it is", 12345), ("num.txt", "rejected", HOSTILE, 5)],
        columns=["table", "outcome", "cause", "rows"],
    )
    text = sheet_of(Dataset(folder), "sec", coverage, (HOSTILE, "a day was assumed"), {"quarters": True})
    (folder / SHEET).write_text(text, encoding="utf-8")
    return Dataset(folder)


def test_the_sheet_of_the_dataset_is_kept_and_shown_with_its_texts_as_texts(dataset, tmp_path):
    folder = tmp_path / "run"
    assert keep_sheet(dataset, folder) == (SHEET,)
    page = data_sheet(SimpleNamespace(folder=folder, manifest={"files": digests(folder, (SHEET,))}))
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt; | a `b` *c* \\ [d](e)"
    assert "<script>" not in page and page.count(escaped) == 2  # as a note and in the account of the rows
    assert f"<li>{escaped}</li><li>a day was assumed</li>" in page and "quarters = True" in page
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    assert ["num.txt", "used", "used as it is", "12,345", "100.0%"] in cells
    assert ["companies", "1", "1", "", ""] in cells


def test_a_dataset_without_a_sheet_has_no_section(dataset, tmp_path):
    (dataset.root / SHEET).unlink()
    assert keep_sheet(dataset, tmp_path / "run") == ()
    assert data_sheet(SimpleNamespace(folder=tmp_path, manifest={})) == ""


def test_the_report_of_an_imported_dataset_has_the_section(dataset, tmp_path):
    run = made_run(tmp_path / "run")
    assert "id='datasheet'" not in write_report(run).read_text(encoding="utf-8")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"] = manifest.get("files", {}) | digests(run, keep_sheet(dataset, run))
    (run / "manifest.json").write_text(json.dumps(manifest))
    page = write_report(run).read_text(encoding="utf-8")
    assert "<a href='#datasheet'>Dataset</a>" in page and "a day was assumed" in page
