"""A load brings an older graph's schema up to date; nobody reads or writes a newer one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from oracles import small

from samgraph.errors import GraphError
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.db.migrations import VERSION, require_readable
from samgraph.graph.db.statements import names
from samgraph.graph.load.load import load


def indexes(graph: Graph) -> set[str]:
    with graph._driver.session(database=graph.address.database) as session:
        return {record["name"] for record in session.run("SHOW INDEXES YIELD name")}


def run(graph: Graph, text: str) -> None:
    with graph._driver.session(database=graph.address.database) as session:
        session.run(text).consume()  # type: ignore[arg-type]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(small.write(tmp_path / "d", small.tables()))


def test_every_version_has_its_script_and_none_is_left_over() -> None:
    scripts = {f"schema/{number}" for number in range(1, VERSION + 1)}
    assert {name for name in names() if re.fullmatch(r"schema/\d+", name)} == scripts


def test_a_first_load_makes_the_newest_version(graph: Graph, dataset: Dataset) -> None:
    assert require_readable(graph) == 0
    load(graph, dataset)
    assert require_readable(graph) == VERSION


def test_the_next_load_brings_a_graph_from_before_versions_up_to_date_and_answers_stay(
    graph: Graph, dataset: Dataset
) -> None:
    load(graph, dataset)
    before = snapshot(graph, AsOf.parse("2022-06-30")).frame
    run(graph, "MATCH (l:Ledger) REMOVE l.schema")
    for name in ("sells_long_from", "former_names", "sells_valid"):
        run(graph, f"DROP INDEX {name}")
    run(graph, "CREATE RANGE INDEX sells_valid_from FOR ()-[r:SELLS]-() ON (r.valid_from)")
    assert require_readable(graph) == 1
    assert snapshot(graph, AsOf.parse("2022-06-30")).frame.equals(
        before
    )  # no index that is missing is demanded
    load(graph, dataset)
    assert require_readable(graph) == VERSION
    assert {"sells_long_from", "former_names", "sells_valid"} <= indexes(graph)
    assert "sells_valid_from" not in indexes(graph)
    assert snapshot(graph, AsOf.parse("2022-06-30")).frame.equals(before)


def test_a_newer_graph_is_neither_read_nor_written(
    graph: Graph, graph_env: Address, dataset: Dataset
) -> None:
    load(graph, dataset)
    run(graph, f"MATCH (l:Ledger) SET l.schema = {VERSION + 1}")
    with pytest.raises(GraphError, match="a newer samgraph wrote it; upgrade this one"):
        connect()
    with pytest.raises(GraphError, match="a newer samgraph wrote it"):
        load(graph, dataset)
    run(graph, f"MATCH (l:Ledger) SET l.schema = {VERSION}")
    with connect() as again:
        assert snapshot(again, AsOf.parse("2022-06-30")).companies
