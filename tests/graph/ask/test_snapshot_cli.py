"""`samgraph snapshot`, `pairs` and `basket` as a user runs them: forms, files, sentences and exit status."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
from oracles.economy import Economy, write
from oracles.sells import sells

from samgraph.cli import main
from samgraph.graph.load.load import load
from samgraph.graph.series.hetero import read_file


@pytest.fixture
def economy(graph, graph_env, tmp_path) -> Economy:
    made = Economy(np.random.default_rng(6))
    load(graph, write(tmp_path / "data", made.tables))
    return made


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["samgraph", *words])
        status = main()
        return status, *capsys.readouterr()

    return run


def test_rows_files_and_graphs_say_the_same(economy, run, tmp_path):
    day = next(day for day in economy.days() if len(sells(economy.tables["segments"], day)) > 5)
    wanted = {key: sold.weight for key, sold in sells(economy.tables["segments"], day).items()}
    ask = ("snapshot", "--as-of", day.isoformat())

    status, out, err = run(*ask, "--format", "json")
    assert status == 0
    rows = json.loads(out)
    assert {(row["company_id"], row["product_id"]): row["weight"] for row in rows} == pytest.approx(wanted)
    assert {row["valid_from"][4] for row in rows} == {"-"} and {len(row["valid_from"]) for row in rows} == {
        10
    }
    assert "with 100.0% of the reported revenue" in err

    paths = [tmp_path / "out" / f"snapshot{ending}" for ending in (".pt", ".parquet", ".csv")]
    for path in paths:
        status, out, _ = run(*ask, "-o", str(path))
        assert (status, out) == (0, "")
    assert sorted(path.parent.iterdir()) == sorted(paths)  # nothing unfinished beside them
    for frame in (pd.read_parquet(paths[1]), pd.read_csv(paths[2])):
        assert list(frame.columns) == list(rows[0])
        keys = zip(frame["company_id"], frame["product_id"], strict=True)
        assert dict(zip(keys, frame["weight"], strict=True)) == pytest.approx(wanted)
    data = read_file(paths[0])
    assert data.validate()
    assert data["stock", "sells", "concept"].edge_index.shape[1] == len(wanted)

    status, out, _ = run("pairs", "--as-of", day.isoformat(), "--top", "3", "--format", "csv")
    assert status == 0
    assert (
        out.splitlines()[0]
        == "company_id,other_id,company,other,overlap,level,meets_name,cosine,shared,meets"
    )
    status, out, _ = run("basket", rows[0]["product_id"], "--as-of", day.isoformat(), "--format", "json")
    assert status == 0
    assert rows[0]["company_id"] in {row["company_id"] for row in json.loads(out)}


def test_what_is_wrong_ends_with_one_sentence_and_no_file(economy, run, tmp_path):
    path = tmp_path / "none.parquet"
    for words, sentence in (
        (("--as-of", "2021-02-30"), "YYYY-MM-DD"),
        (("--as-of", "1999-01-01"), "the graph has them from"),
        (("--as-of", "2021-06-01", "--universe", "W"), "did you mean"),
        (("--as-of", "2021-06-01", "--concepts", "level:x"), "is no concept cut"),
        (("--as-of", "2021-06-01", "--known-at", "soon"), "is not a valid timestamp"),
    ):
        status, out, err = run("snapshot", *words, "-o", str(path))
        assert (status, out) == (1, "")
        assert sentence in err
        assert err.count("\n") == 1
        assert not path.exists()
    assert run("snapshot")[0] == 2
    assert run("snapshot", "--as-of", "2021-06-01", "-o", str(tmp_path / "x.xlsx"))[0] == 2
