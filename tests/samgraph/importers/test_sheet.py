"""`import.md`: every import leaves a page of what it made and what it assumed, counted from the written tables."""

from __future__ import annotations

import pytest
from oracles import answers, small
from oracles.answers import run, sources

from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.coverage import Account, coverage
from samgraph.importers.sheet import data_sheet


@pytest.mark.parametrize("name", ["chainkg", "segments", "tushare", "akshare", "qlib"])
def test_every_import_leaves_its_sheet(tmp_path, name):
    first, *options = sources(tmp_path)[name]
    done = run(name, first, tmp_path / "out", *options)
    assert done.exit_code == 0, done.output
    sheet = (tmp_path / "out/import.md").read_text(encoding="utf-8")
    assert sheet.startswith(f"# Import of {name}\n") and "## Where every row went" in sheet
    for note in done.stderr.splitlines():
        if note.startswith("shares:"):
            assert note[:40] in sheet
    assert ("## Companies by year" in sheet) == (name != "qlib")


def test_the_figures_are_those_of_the_tables(tmp_path):
    content = small.tables()
    content["products"].append(small.product("ev", None))
    content["segments"] += [small.theme("A", "ev", "2021-01-04"), small.theme("B", "ev", "2021-01-04")]
    account = Account("raw", 4)
    account.reject([0], "no | product")
    dataset = Dataset(small.write(tmp_path, content))
    sheet = data_sheet(
        dataset,
        "segments",
        coverage([account]),
        ["one *day*"],
        {"lag": 30, "none": None, "axes": ["one", "two"], "codes": {"A": "B"}},
    )
    assert "| segments | 13 | 3 | 2020-12-31 | 2022-04-28 |" in sheet
    # 2020: A 1.0, B 1.0. 2021: A 0.9 and 0.9 (restated), B 1.0, C's spans 0.8 and 1.0.
    assert "| 2020 | 2 | 2 | 3 | 100.0% |" in sheet and "| 2021 | 3 | 5 | 4 | 92.0% |" in sheet
    # 89, 51, 100 (restated), 118, 118 days
    assert "| 5 | 51 | 66 | 100 | 118 | 118 |" in sheet and "1 of the reports are restatements" in sheet
    assert "1 theme, of 2 to 2 companies" in sheet
    assert "| raw | rejected | no \\| product | 1 | 25.0% |" in sheet
    assert (
        "- one \\*day\\*" in sheet
        and "lag = 30; axes = one, two; codes = A: B" in sheet
        and "none" not in sheet.split("## Tables")[0]
    )


def test_an_import_over_an_earlier_one_replaces_its_sheet(tmp_path):
    first = sources(tmp_path)["segments"][0]
    for lag in ("30", "60"):
        text = (
            answers.SEGMENTS.replace(",filing_date", "").replace(",2021-02-15", "").replace(",2022-02-15", "")
        )
        (tmp_path / "segments.csv").write_text(text)
        assert run("segments", first, tmp_path / "out", "--reporting-lag", lag).exit_code == 0
        assert f"reporting\\_lag = {lag}" in (tmp_path / "out/import.md").read_text()
