"""A server killed in the middle of a load: one sentence, and the same home serves the graph of before or of after."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from oracles.two_states import answers, left_over, write

from samgraph.graph.connection import Address, Graph
from samgraph.graph.dataset import Dataset
from samgraph.graph.load import load
from samgraph.graph.server import LocalServer

SAMGRAPH = [sys.executable, "-P", "-c", "import sys; from samgraph.cli import main; sys.exit(main())"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A server of the test's own home, which a test may kill."""
    monkeypatch.setenv("SAMGRAPH_NEO4J_HEAP", "512m")
    monkeypatch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "64m")
    local = LocalServer(tmp_path / "home")
    yield local
    local.stop()


def loading(folder: Path, address: Address) -> subprocess.Popen[str]:
    settings = {"URI": address.uri, "USER": address.user, "PASSWORD": address.password}
    return subprocess.Popen(
        [*SAMGRAPH, "load", str(folder)],
        env={**os.environ, **{f"SAMGRAPH_NEO4J_{name}": value for name, value in settings.items()}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_some(server: LocalServer, tmp_path: Path, moments: int, seed: int) -> int:
    """Kill the server while one state is loaded over the other; how many loads were cut."""
    folders = [write(tmp_path / "one", 1, 40), write(tmp_path / "two", 2, 40)]
    states = []
    address = server.start()
    with Graph.open(address) as graph:
        for folder in folders:
            began = time.monotonic()
            with loading(folder, address) as process:
                assert process.wait(120) == 0
            duration = time.monotonic() - began
            states.append(answers(address))
            assert load(graph, Dataset(folder)).moment is None
    assert states[0] != states[1]
    rng = random.Random(seed)
    cut = 0
    for number in range(moments):
        before, after = states[(number + 1) % 2], states[number % 2]
        folder = folders[number % 2]
        with loading(folder, address) as process:
            time.sleep(rng.uniform(0.5, 1.0) * duration)  # the first half is spent on starting Python
            psutil.Process(server.status().pid).kill()
            _, said = process.communicate(timeout=120)
        if process.returncode:  # unless it had ended already
            assert process.returncode == 1 and "Traceback" not in said
            sentences = [line for line in said.splitlines() if line.startswith("samgraph: ")]
            assert len(sentences) == 1 and address.uri in sentences[0] and address.password not in said
            cut += 1
        assert server.start() == address
        assert answers(address) in (before, after)
        with Graph.open(address) as graph:
            load(graph, Dataset(folder))
        assert answers(address) == after
        assert left_over(address) == 0
    return cut


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_killed_at_six_moments_of_a_load_serves_before_or_after(
    server: LocalServer, tmp_path: Path
) -> None:
    assert kill_some(server, tmp_path, moments=6, seed=9) >= 1
