"""Loads killed at random moments: readers see the graph of before or of after, and the next load finishes.

SAMGRAPH_KILLS is how many moments the longer of the tests tries.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from oracles import dump
from oracles.two_states import answers, left_over, write

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load

KILLS = int(os.environ.get("SAMGRAPH_KILLS", "20"))
LOADER = """
import sys
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load
from samgraph.graph.check.dataset import check
with connect() as graph:
    dataset = Dataset(sys.argv[1])
    checked = check(dataset)
    print("ready", flush=True)
    load(graph, dataset, checked=checked, progress=lambda edges: print("writing", flush=True))
    print("done", flush=True)
"""


def start(folder):
    process = subprocess.Popen([sys.executable, "-c", LOADER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def kill_some(graph, tmp_path, moments, seed):
    """Kill loads of one state over the other in turn; what was seen is of one of them, and the rest gets
    done."""
    folders = [write(tmp_path / "one", 1), write(tmp_path / "two", 2)]
    load(graph, Dataset(folders[0]))
    states = [answers(graph.address)]
    began = time.monotonic()
    with start(folders[1]) as process:
        assert process.stdout is not None and process.stdout.read().endswith("done\n")
    duration = time.monotonic() - began
    states.append(answers(graph.address))
    assert states[0] != states[1]
    rng = random.Random(seed)
    in_between = 0
    for number in range(moments):
        before, after = states[(number + 1) % 2], states[number % 2]
        folder = folders[number % 2]
        with start(folder) as process:
            if number % 4 == 0:  # surely while it writes
                assert process.stdout is not None and process.stdout.readline() == "writing\n"
            else:
                time.sleep(rng.uniform(0.02, 0.95) * duration)
            process.send_signal(signal.SIGKILL)
        seen = answers(graph.address)
        assert seen in (before, after)
        with dump.session(graph.address) as s:
            in_between += s.run("MATCH (p:PendingLoad) RETURN count(p)").single().value()
        load(graph, Dataset(folder))
        assert answers(graph.address) == after
        assert left_over(graph.address) == 0
    return in_between


@pytest.mark.slow
def test_killed_loads_leave_the_graph_of_before_or_after(graph, graph_env, tmp_path):
    assert kill_some(graph, tmp_path, moments=4, seed=7) > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_killed_loads_leave_the_graph_of_before_or_after(graph, graph_env, tmp_path):
    assert kill_some(graph, tmp_path, moments=KILLS, seed=8) > 0
