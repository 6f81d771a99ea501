"""What docs/security.md says of code in files and of the network."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oracles import small

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [path for part in ("samgraph", "graph", "hist", "factors") for path in (ROOT / part).rglob("*.py")]


# Of pickle: what writes; an unpickler only as a base that says what it may make.
TAME = {"Unpickler", "UnpicklingError", "dump", "HIGHEST_PROTOCOL"}


def test_no_source_reads_pickled_objects() -> None:
    """pickle, joblib and the like run code; np.load and torch.load do so unless they are told not to."""
    assert len(SOURCES) > 100
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                tame = node.module == "pickle" and {a.name for a in node.names} <= TAME
                names += [] if tame else [node.module or ""]
            wrong += [
                f"{path.name}: {name}"
                for name in names
                if name.split(".")[0] in ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
            ]
            if isinstance(node, ast.ClassDef) and "Unpickler" in map(ast.unparse, node.bases):
                own = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
                wrong += (
                    [] if "find_class" in own else [f"{path.name}:{node.lineno} {node.name} makes anything"]
                )
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "Unpickler":
                    wrong.append(f"{path.name}:{node.lineno} {called}")
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if called in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
                    wrong.append(f"{path.name}:{node.lineno} {called}")
                if called == "torch.load" and given.get("weights_only") != "True":
                    wrong.append(f"{path.name}:{node.lineno} {called}")
                if called in ("pd.read_pickle", "eval", "exec", "yaml.load"):
                    wrong.append(f"{path.name}:{node.lineno} {called}")
    assert wrong == []


class Runs:
    """What a pickle can hold: code that runs when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_a_file_of_a_graph_is_read_back_and_nothing_in_it_is_run(tmp_path: Path) -> None:
    """torch's own format is a pickle inside; it is read with weights_only."""
    import datetime as dt

    import numpy as np
    import torch

    from samgraph.errors import SnapshotError
    from samgraph.graph.series.hetero import bipartite, read_file

    data = bipartite(
        *(np.array([0, 1]), np.array([0, 0]), np.array([0.5, 1.0])),
        **{"company_id": ["a", "名"], "product_id": ["x"], "level": np.array([2])},
        **{"as_of": dt.date(2020, 1, 1), "known": None, "cut": "leaf", "universe": "U"},
    )
    file, mark = tmp_path / "x.pt", tmp_path / "it ran"
    torch.save(data, file)
    found = read_file(file)
    assert found["stock"].company_id == ["a", "名"] and found.as_of == "2020-01-01" and found.validate()
    for edge in data.edge_types:
        for name in ("edge_index", "edge_weight"):
            assert torch.equal(found[edge][name], data[edge][name])
    data.more = Runs(mark)
    for content in (data, Runs(mark), {"x": [Runs(mark)]}):
        torch.save(content, file)
        with pytest.raises(SnapshotError, match="holds more than a snapshot's graph"):
            read_file(file)
    for content, says in (({"x": 1}, "holds a dict"), (torch.zeros(2), "holds a Tensor")):
        torch.save(content, file)
        with pytest.raises(SnapshotError, match=says):
            read_file(file)
    file.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(SnapshotError, match="is damaged"):
        read_file(file)
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_file(tmp_path / "absent.pt")
    assert not mark.exists()


# Every Python process that is started with this module on its path, workers too, may speak to one address alone.
GUARD = """
import os, sys
with open({said!r}, "a") as file:
    print("guarded", os.getpid(), file=file)
def watch(event, arguments):
    what = None
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][:2] != {allowed!r}:
        what = arguments[1]
    if event == "socket.bind" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        what = arguments[1]
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in ("127.0.0.1", None, ""):
        what = arguments[0]
    if what is not None:
        with open({said!r}, "a") as file:
            print("ABROAD", event, what, file=file)
        raise PermissionError(f"no connection but to the database: {{event}} {{what}}")
sys.addaudithook(watch)
"""
COMMANDS = "import sys; from samgraph.cli import main; print([main(one.split('|')) for one in sys.argv[1:]])"


def guarded(address: Address, folder: Path, *commands: str) -> tuple[list[str], str, str]:
    """What the guard saw of commands that one process runs, their statuses and what they said."""
    port = int(address.uri.rpartition(":")[2])
    (folder / "guard").mkdir()
    said = folder / "said"
    code = GUARD.format(said=str(said), allowed=("127.0.0.1", port))
    (folder / "guard" / "sitecustomize.py").write_text(code)
    path = os.pathsep.join(filter(None, (str(folder / "guard"), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-P", "-c", COMMANDS, *commands],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    return said.read_text().splitlines(), done.stdout.splitlines()[-1], done.stderr


def test_the_guard_sees_a_connection_and_a_look_up(graph_env: Address, tmp_path: Path) -> None:
    code = "import socket\nfor ask in (lambda: socket.create_connection(('127.0.0.1', 9)), lambda: "
    code += "socket.gethostbyname('example.org'), lambda: socket.create_server(('0.0.0.0', 0))):\n"
    code += "    try: ask()\n    except OSError: pass\nprint()"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "COMMANDS", code)
        lines, _, _ = guarded(graph_env, tmp_path)
    assert [line.split()[1] for line in lines[1:]] == [
        "socket.connect",
        "socket.gethostbyname",
        "socket.bind",
    ]


def test_nothing_but_the_configured_database_is_spoken_to(
    graph: Graph, graph_env: Address, tmp_path: Path
) -> None:
    folder = small.write(tmp_path / "data", small.tables())
    asked = ("snapshot", "pairs", "basket|battery")
    commands = [f"load|{folder}", *(f"{one}|--as-of|2021-07-01" for one in asked)]
    lines, statuses, errors = guarded(graph_env, tmp_path, *commands)
    assert statuses == "[0, 0, 0, 0]", errors
    assert lines and [line for line in lines if line.startswith("ABROAD")] == []


@pytest.mark.slow
def test_a_backtest_its_workers_and_its_report_speak_to_nothing_but_the_configured_database(
    graph: Graph, graph_env: Address, tmp_path: Path
) -> None:
    from samgraph.economy.simulate import simulate

    simulate(tmp_path / "data", 3, companies=20, products=30, years=1)
    (tmp_path / "config.toml").write_text(
        "universe = 'SIM'\nstart = 2019-01-01\nend = 2019-12-20\nseeds = 1\njobs = 2\nhorizons = [1]\n"
        "variants = ['product', 'gru']\n[windows]\ntrain_days = 60\nvalid_days = 30\ntest_days = 120\n"
        "[model]\nepochs = 1\nhidden_size = 4\nhorizon = 1\n"
    )
    run = tmp_path / "run"
    commands = (
        f"load|{tmp_path / 'data'}",
        f"backtest|--data|{tmp_path / 'data'}|--config|{tmp_path / 'config.toml'}|--out|{run}",
        f"report|{run}",
    )
    lines, statuses, errors = guarded(graph_env, tmp_path, *commands)
    assert statuses == "[0, 0, 0]", errors
    assert len({line for line in lines if line.startswith("guarded")}) > 2, "its workers are watched too"
    assert [line for line in lines if line.startswith("ABROAD")] == []


def test_the_driver_s_own_telemetry_is_off(graph_server: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would tell any server that asks for it which of its functions are used."""
    from samgraph.graph.db import driver

    given = {}
    opened = driver.GraphDatabase.driver

    def watched(*words: Any, **settings: Any) -> Any:
        given.update(settings)
        return opened(*words, **settings)

    monkeypatch.setattr(driver.GraphDatabase, "driver", watched)
    Graph.open(graph_server).close()
    assert given["telemetry_disabled"] is True


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_a_time_zone_moves_no_date(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    import time

    from oracles import dump

    dataset = Dataset(small.write(tmp_path / "data", small.tables()))
    seen = []
    for where in ("UTC", zone):
        monkeypatch.setenv("TZ", where)
        time.tzset()
        try:
            if where == "UTC":
                load(graph, dataset)
            else:
                assert load(graph, dataset).moment is None, "the same rows are the same facts in any zone"
                from conftest import empty_database

                empty_database(graph.address)
                load(graph, dataset)
            seen.append([dump.sold(graph.address, day) for day in days()])
        finally:
            monkeypatch.delenv("TZ")
            time.tzset()
    assert seen[0] == seen[1] and any(seen[0])


def days() -> list[object]:
    import datetime as dt

    return [dt.date(2021, 3, 30) + dt.timedelta(days=step) for step in (0, 1, 2, 160, 200)]


def test_a_clock_that_goes_back_keeps_the_order_of_loads_and_every_date(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import datetime as dt

    from oracles import dump

    from samgraph.graph.db import ledger

    tables = small.tables()
    first = load(graph, Dataset(small.write(tmp_path / "one", tables))).moment
    before = [dump.sold(graph.address, day) for day in days()]

    class Back(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime(2001, 1, 1, tzinfo=tz)

    class Clock:
        datetime, timedelta, UTC, date = Back, dt.timedelta, dt.UTC, dt.date

    monkeypatch.setattr(ledger, "dt", Clock)
    tables["companies"][0]["name"] = "Alpha again"
    tables["segments"].append(small.report("B", "solar", "2022-12-31", "2023-04-28", 1.0))
    second = load(graph, Dataset(small.write(tmp_path / "two", tables))).moment
    assert "one of the two is wrong" in capsys.readouterr().err
    assert first is not None and second is not None and second > first
    assert [dump.sold(graph.address, day) for day in days()] == before
