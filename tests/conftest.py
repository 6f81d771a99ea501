"""Fixtures that all tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Address, Graph

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# Kernels, threads and their messages are the same whatever a shell says of them, set before numpy is imported;
# tools/kernels.py runs the numeric tests under others.
if "SAMGRAPH_TEST_KERNELS" not in os.environ:
    for variable in list(os.environ):
        if variable.startswith(
            ("OPENBLAS_", "GOTO_", "MKL_", "OMP_", "KMP_", "ATEN_CPU_", "ONEDNN_", "DNNL_")
        ):
            del os.environ[variable]

# A change is judged by examples that anybody can repeat; elsewhere every run tries new ones.
# No example has a deadline: a machine that is busy with other work is no fault of the code.
settings.register_profile("repeatable", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("anew", deadline=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "anew")

sys.path.insert(0, str(Path(__file__).parent))  # so that tests say `from oracles import ...`


def pytest_sessionstart() -> None:
    """Refuse to test a package that was installed before some module was written."""
    spec = importlib.util.find_spec("samgraph")
    if spec is None or spec.origin is None or Path(spec.origin).parent == ROOT / "samgraph":
        return
    for top in ("samgraph", "graph", "hist", "factors", "cypher"):
        installed = Path(spec.origin).parent / ("" if top == "samgraph" else top)
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix in (".py", ".cypher") and not (installed / file.relative_to(ROOT / top)).exists():
                raise pytest.UsageError(
                    f"{file.relative_to(ROOT)} is not in the installed package: run make setup; where its folder is "
                    "new, first give the folder its line in pyproject.toml ([tool.setuptools] packages)"
                )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data is not beside the checkout ({SHARED_DATA.name} of ../shared is absent)")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def ledger_of_trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs of tests are no trials of the person who runs the tests, nor do their inputs fill that person's cache."""
    file = tmp_path_factory.mktemp("ledger") / "trials.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMGRAPH_TRIALS", str(file))
        patch.setenv("SAMGRAPH_KEPT_GIB", "0")
        yield file


@pytest.fixture(scope="session")
def graph_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A Neo4j server for this test run: own home, own ports, small heap; SAMGRAPH_NEO4J_VERSION chooses it.

    It ends with the test run, also with one that is killed.
    """
    from samgraph.graph.server.local import LocalServer

    server = LocalServer(tmp_path_factory.mktemp("neo4j"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMGRAPH_NEO4J_HEAP", os.environ.get("SAMGRAPH_NEO4J_HEAP", "768m"))
        patch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "256m")
        address = server.start_for_this_process()
    yield address
    server.stop()


@pytest.fixture
def graph(graph_server: Address) -> Iterator[Graph]:
    """A connection to the test run's server, whose database holds no node; constraints and indexes stay."""
    from samgraph.graph.db.driver import Graph

    empty_database(graph_server)
    with Graph.open(graph_server) as opened:
        yield opened


@pytest.fixture
def graph_env(graph_server: Address, monkeypatch: pytest.MonkeyPatch) -> Address:
    """The environment names the test run's server, for the command line and for processes that a test starts."""
    monkeypatch.setenv("SAMGRAPH_NEO4J_URI", graph_server.uri)
    monkeypatch.setenv("SAMGRAPH_NEO4J_USER", graph_server.user)
    monkeypatch.setenv("SAMGRAPH_NEO4J_PASSWORD", graph_server.password)
    monkeypatch.setenv("SAMGRAPH_NEO4J_DATABASE", graph_server.database)
    return graph_server


# The longest files, longest first: they begin first, so that two processes end at about the same moment.
LONGEST = (
    *("samgraph/night/test_nightly.py", "samgraph/run/test_run.py", "audit/test_no_look_ahead.py"),
    *("samgraph/desk/test_trade.py", "samgraph/run/test_grow.py", "samgraph/training/test_executor.py"),
    *("samgraph/run/test_score.py", "graph/load/test_load.py", "graph/server/test_server.py"),
    *("samgraph/importers/test_command.py", "hist/test_train.py", "reliability/test_security.py"),
    *("browser/test_browser.py", "samgraph/ablation/test_ablations.py", "samgraph/arms/test_arms.py"),
    *("graph/load/test_offline.py", "graph/ask/test_snapshot.py", "graph/load/test_history.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; `--no-loadscope-reorder` keeps the order over several processes."""
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def empty_database(address: Address) -> None:
    """Delete every node and relationship, in batches."""
    import neo4j

    driver = neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password))
    with driver, driver.session(database=address.database) as session:
        session.run("MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 20000 ROWS").consume()
        session.run("MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 20000 ROWS").consume()
