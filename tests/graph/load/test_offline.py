"""A graph built by the server's own import is the graph that a load over Bolt makes; killed builds; refusals."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from click.testing import CliRunner
from oracles import dump, small
from oracles import sells as oracle

from samgraph.cli.load import command
from samgraph.errors import GraphError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import committed_moment
from samgraph.graph.load.load import load
from samgraph.graph.load.offline import load_offline
from samgraph.graph.load.report import RefusedDataset
from samgraph.graph.server import built
from samgraph.graph.server.local import LocalServer

HOSTILE = [
    'says "hello", and ""more""',
    "two\nlines\r\nand a third",
    "back\\slash \\n and 'single' `ticks`",
    "  blanks around  ",
    "电池; 锂, 电芯 \U0001f50b \t\x01",
    "=1+1",
    "'}) DETACH DELETE n //",
]


def tables():
    """The small dataset, with ids and names that a file format could trip over, and weights of many digits."""
    content = small.tables()
    for number, name in enumerate(HOSTILE):
        content["companies"].append({"company_id": f"H{number} {name}", "name": name})
        content["segments"].append(
            small.report(f"H{number} {name}", "solar", "2021-06-30", "2021-08-20", 1 / 3)
        )
        content["universes"].append(
            small.member(name, f"H{number} {name}", "2020-01-02", "", repr(0.1 + 0.2))
        )
    content["products"].append(small.product(HOSTILE[0], "energy"))
    content["segments"].append(small.theme("A", HOSTILE[0], "2021-01-04", "2021-06-01"))
    return content


def without_moments(address):
    nodes, edges = dump.everything(address)
    with dump.session(address) as s:
        moments = s.run("MATCH (l:Load) RETURN toString(l.moment) AS moment").value()
    assert len(moments) == 1
    known = re.escape(moments[0].rstrip("Z")) + r"0*\+00:00"  # zeros at the end are not told everywhere
    found = [[re.sub(known, "MOMENT", line) for line in lines] for lines in (nodes, edges)]
    assert sum("MOMENT" in line for line in found[1]) == len(edges)
    return found


def test_an_offline_build_is_the_same_graph_as_a_load(graph, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMGRAPH_NEO4J_HEAP", "512m")
    monkeypatch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "128m")
    monkeypatch.delenv("SAMGRAPH_NEO4J_URI", raising=False)
    folder = small.write(tmp_path / "data", tables())
    ordinary = load(graph, Dataset(folder))
    server = LocalServer(tmp_path / "home")
    try:
        report = load_offline(Dataset(folder), server=server)
        assert report.edges.equals(ordinary.edges) and report.tables.equals(ordinary.tables)
        address = server.address()
        assert without_moments(address) == without_moments(graph.address)
        with Graph.open(address) as other:
            assert committed_moment(other) == report.moment
            with dump.session(address) as s, dump.session(graph.address) as t:
                schemas = [
                    one.run("SHOW INDEXES YIELD name, state RETURN name, state ORDER BY name").values()
                    for one in (s, t)
                ]
            assert [one for one in schemas[0] if one[0] in dict(schemas[1])] == schemas[0]
            assert {state for _, state in schemas[0]} == {"ONLINE"} and len(schemas[0]) >= 10
            t = dt.date(2021, 9, 30)
            assert dump.sold(address, t) == oracle.expected(tables()["segments"], t)
            # A load goes on from here: nothing to do, then a correction beside what it replaces.
            assert load(other, Dataset(folder)).moment is None
            changed = tables()
            changed["segments"][0]["weight"] = "0.1"
            other_folder = small.write(tmp_path / "changed", changed)
            assert load(other, Dataset(other_folder)).edges.loc["sells"].tolist() == [1, 1]
            assert dump.sold(address, t, report.moment) == oracle.expected(tables()["segments"], t)
        with pytest.raises(GraphError, match="is not empty"):
            load_offline(Dataset(folder), server=server)
        assert not list((tmp_path / "home").glob("build-*"))
    finally:
        server.stop()


def test_a_refused_dataset_builds_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("SAMGRAPH_NEO4J_URI", raising=False)
    content = small.tables()
    content["segments"][0]["product_id"] = "unknown"
    server = LocalServer(tmp_path / "home")
    with pytest.raises(RefusedDataset):
        load_offline(Dataset(small.write(tmp_path / "data", content)), server=server)
    assert not server.has_database()


def test_a_named_server_is_not_built_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMGRAPH_NEO4J_URI", "bolt://127.0.0.1:1")
    folder = small.write(tmp_path / "data", small.tables())
    with pytest.raises(GraphError, match="needs the local server"):
        load_offline(Dataset(folder))
    both = CliRunner().invoke(command, [str(folder), "--offline", "--dry-run"])
    assert both.exit_code == 2 and "give one of them" in both.output


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_build_that_was_killed_while_it_took_its_place_is_put_there_by_the_next_start(tmp_path, moved):
    for part in built.PARTS:
        (tmp_path / "data" / part).mkdir(parents=True)
        (tmp_path / "data" / part / "file").write_text("old")
        (tmp_path / "built" / part).mkdir(parents=True)
        (tmp_path / "built" / part / "file").write_text("new")
    (tmp_path / "data" / "dbms").mkdir()
    for part in built.PARTS[:moved]:  # as `adopt` does it, up to a kill
        (tmp_path / "data" / part / "file").unlink()
        (tmp_path / "data" / part).rmdir()
        (tmp_path / "built" / part).rename(tmp_path / "data" / part)
    for _ in range(2):
        built.adopt(tmp_path)
        assert [(tmp_path / "data" / part / "file").read_text() for part in built.PARTS] == ["new", "new"]
        assert not (tmp_path / "built").exists() and (tmp_path / "data" / "dbms").is_dir()
