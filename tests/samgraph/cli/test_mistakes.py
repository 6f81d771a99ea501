"""The most likely mistakes, each tried: one sentence that says what to do, the right status, and nothing changed."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, empty_database
from oracles.broken import BROKEN
from oracles.mistakes import ANY, SPAN, TABLE, Mistake, document

from samgraph.cli import main
from samgraph.config import load_config
from samgraph.config_text import to_toml
from samgraph.economy.simulate import simulate
from samgraph.files import write_frame, write_json, write_text
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.training.stored import write_market, write_series

MISTAKES = [mistake for mistakes in TABLE.values() for mistake in mistakes]


@pytest.fixture(scope="module")
def world(graph_server: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, a simulated economy in the graph, and `run`, what a backtest of it leaves for others."""
    from oracles.hist_making import make_market, make_series

    folder = tmp_path_factory.mktemp("world")
    simulate(folder / "data", 3, companies=20, products=60, years=1)
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(folder / "data"))
    _, _, universe, _, start, _, end = shlex.split("--data data " + SPAN)[1:]
    config = load_config(
        None,
        {
            "data": "data",
            "universe": universe,
            "start": start,
            "end": end,
            "seeds": 1,
            "variants": ["product"],
        },
    )
    run, market = folder / "run", make_market(1, 170, 12)
    run.mkdir()
    write_market(run / "checkpoints", market)
    write_series(run / "checkpoints", "product-window0", make_series(market))
    tests = market.dates[120:170]
    parts = {"train": market.dates[:80], "validate": market.dates[90:110], "test": tests}
    rows = [(0, part, days[0], days[-1], len(days)) for part, days in parts.items()]
    write_frame(
        run / "windows.parquet", pd.DataFrame(rows, columns=["window", "part", "first", "last", "days"])
    )
    pairs = pd.MultiIndex.from_product([tests, market.stocks], names=["date", "company_id"]).to_frame(
        index=False
    )
    scores = pairs.assign(variant="product", seed=0, concept=0.0, hidden=0.0, individual=0.0, score=0.0)
    write_frame(run / "predictions.parquet", scores)
    write_frame(run / "factors.parquet", pairs.assign(factor="score", raw=0.0, neutral=0.0))
    decides = config.model_dump(mode="json", exclude={"jobs", "engine", "address", "neo4j"})
    done = {"config": decides, "inputs": {}, "known": None, "seeds": [0], "finished": "2026-01-01"}
    write_json(run / "manifest.json", done)
    write_json(run / "summary.json", {})
    write_text(run / "config.toml", to_toml(config))
    return folder


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_a_mistake_is_answered_by_one_sentence_and_changes_nothing(
    mistake: Mistake,
    world: Path,
    graph_env: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "SAMGRAPH_HOME", str(tmp_path.with_name("home"))
    )  # whatever happens, it happens to no real home
    monkeypatch.setenv("SAMGRAPH_TRIALS", str(tmp_path.with_name("trials.jsonl")))
    for name in ("data", "run"):
        Path(name).symlink_to(world / name)
    for name, content in mistake.files.items():
        Path(name).parent.mkdir(exist_ok=True)
        if content is None:
            Path(name).mkdir()
        else:
            Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    if mistake.link is not None:
        Path(mistake.link[0]).symlink_to(mistake.link[1])
    for name, value in mistake.environment.items():
        monkeypatch.setenv(name, value)
    before = contents(tmp_path), contents(world)

    status = main(shlex.split(mistake.command))

    told = capsys.readouterr()
    said = [line for line in told.err.splitlines() if line.startswith(("samgraph: ", "Error: "))]
    assert status == mistake.status, told.err
    assert told.err.splitlines()[-1:] == said and told.out == "", (
        told.err
    )  # the last word, and no traceback around it
    assert said[0].startswith("samgraph: " if status == 1 else "Error: ")
    sentence = said[0].split(": ", 1)[1]
    assert re.fullmatch(re.escape(mistake.says).replace(re.escape(ANY), ".*"), sentence), sentence
    assert 20 <= len(sentence.replace(str(tmp_path), "")) <= 300
    assert "Traceback" not in told.err and "Errno" not in sentence
    assert (contents(tmp_path), contents(world)) == before


def test_there_are_more_than_a_hundred_and_no_two_are_alike() -> None:
    assert len(MISTAKES) + len(BROKEN) >= 150 and len(MISTAKES) >= 100
    assert len({(m.command, str(m.files), str(m.environment)) for m in MISTAKES}) == len(MISTAKES)


def test_the_document_is_the_table() -> None:
    assert (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8") == document()


def contents(folder: Path) -> dict[str, int]:
    """Names and sizes of what is below a folder; links are not followed."""
    return {
        str(Path(at, name).relative_to(folder)): Path(at, name).lstat().st_size
        for at, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }
