"""A server killed in the middle of a load: the same home serves the graph of before or of after.

Where it is back soon the load goes on by itself; where it stays away, it ends with one sentence. SAMGRAPH_KILLS is how
many moments are tried.
"""

from __future__ import annotations

import contextlib
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

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer

KILLS = int(os.environ.get("SAMGRAPH_KILLS", "6"))
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


def checked(process: subprocess.Popen[str]) -> float:
    """Wait until the dataset is checked, just before the load turns to the server; the time."""
    assert process.stderr is not None
    assert any(line.startswith("check:") for line in process.stderr)
    return time.monotonic()


def kill_some(server: LocalServer, tmp_path: Path, moments: int, seed: int) -> tuple[int, int]:
    """Kill the server while one state is loaded over the other; how many loads were ended, and begun anew."""
    folders = [write(tmp_path / "one", 1, 40), write(tmp_path / "two", 2, 40)]
    states, duration = [], 60.0
    address = server.start()
    with Graph.open(address) as graph:
        for folder in folders:
            with loading(folder, address) as process:
                began = checked(process)
                assert process.wait(120) == 0
            duration = min(duration, time.monotonic() - began)
            states.append(answers(address))
            assert load(graph, Dataset(folder)).moment is None
    assert states[0] != states[1]
    rng = random.Random(seed)
    ended = anew = 0
    for number in range(moments):
        before, after = states[(number + 1) % 2], states[number % 2]
        folder = folders[number % 2]
        comes_back = number % 3 > 0
        with loading(folder, address) as process:
            began = checked(process)
            moment = rng.uniform(0.0, 0.6) * duration  # later loads are quicker than the first two
            time.sleep(max(0.0, began + moment - time.monotonic()))
            killed = psutil.Process(server.status().pid)
            killed.kill()
            with contextlib.suppress(psutil.NoSuchProcess):
                killed.wait(20)
            if comes_back:
                assert server.start() == address
            _, said = process.communicate(timeout=240)
        assert "Traceback" not in said and address.password not in said
        sentences = [line for line in said.splitlines() if line.startswith("samgraph: ")]
        if process.returncode:  # before it had connected, or the server stayed away
            assert process.returncode == 1
            assert len(sentences) == 1 and address.uri in sentences[0]
            ended += 1
        elif sentences:
            assert comes_back and len(sentences) == 1 and "begins anew" in sentences[0]
            anew += 1
        print(
            f"moment {number}, {moment:.2f} of {duration:.2f} s: status {process.returncode}, {sentences}",
            flush=True,
        )
        assert server.start() == address
        assert answers(address) in ((before, after) if process.returncode else (after,))
        with Graph.open(address) as graph:
            load(graph, Dataset(folder))
        assert answers(address) == after
        assert left_over(address) == 0
    return ended, anew


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_server_killed_at_some_moments_of_a_load_serves_before_or_after(
    server: LocalServer, tmp_path: Path
) -> None:
    ended, anew = kill_some(server, tmp_path, moments=KILLS, seed=9)
    assert ended >= 1 and anew >= 1
