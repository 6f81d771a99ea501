"""`samgraph load`: its account, its report files, its refusals."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from oracles import small

from samgraph.cli.load import command
from samgraph.graph.db import ledger
from samgraph.graph.load.report import RefusedDataset


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "data", small.tables())


def test_the_command_loads_and_tells(graph, graph_env, folder, tmp_path):
    done = CliRunner().invoke(
        command, [str(folder), "--format", "json", "--report", str(tmp_path / "r.json")]
    )
    assert done.exit_code == 0, done.output
    rows = {row["table"]: row for row in json.loads(done.stdout)}
    assert rows["segments"]["used"] == 11
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["ok"] and report["rejected"] == []
    assert report["moment"] == ledger.committed_moment(graph).isoformat()
    again = CliRunner().invoke(command, [str(folder), "--dry-run", "--format", "csv"])
    assert again.exit_code == 0 and "segments,11,0,11,0,0,0,0" in again.stdout
    assert "a load would create 0 edges" in again.stderr


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_the_command_refuses_a_broken_dataset_without_a_server(tmp_path, monkeypatch, ending):
    monkeypatch.setenv("SAMGRAPH_NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.setenv("SAMGRAPH_NEO4J_PASSWORD", "none")
    tables = small.tables()
    tables["segments"] += [
        small.report("Z", "food", f"{y}-12-31", f"{y + 1}-03-01", 2.0) for y in range(2000, 2020)
    ]
    folder = small.write(tmp_path / "data", tables)
    file = tmp_path / f"r.{ending}"
    done = CliRunner().invoke(command, [str(folder), "--report", str(file)])
    assert isinstance(done.exception, RefusedDataset)
    assert "table segments, row 12" in str(done.exception) and "company_id Z" in done.stderr
    if ending == "json":
        rows = json.loads(file.read_text())["rejected"]
        assert rows[0]["values"]["company_id"] == "Z"
    else:
        rows = pd.read_csv(file).query("row.notna()").to_dict("records")
    assert sorted({int(row["row"]) for row in rows}) == list(range(12, 32))
    assert len(rows) == 40  # two reasons each


def test_the_command_refuses_a_report_of_another_kind(folder):
    done = CliRunner().invoke(command, [str(folder), "--report", "r.txt"])
    assert done.exit_code == 2 and "must end in .json or .csv" in done.stderr
