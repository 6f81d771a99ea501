"""A backtest and a load whose server goes away for half a minute, or for good, and a backtest that is killed.

What holds is always the same: the same command ends with the files of a run that nothing disturbed, byte by byte but
for the times in two of them. SAMGRAPH_KILLS is how many moments of a backtest are tried.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from oracles.two_states import answers, left_over, write

from samgraph.config import load_config
from samgraph.economy.simulate import simulate
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import RETRY_SECONDS, Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer
from samgraph.run.begin import begin
from samgraph.run.trials import TrialLedger

KILLS = int(os.environ.get("SAMGRAPH_KILLS", "3"))  # of a backtest after its training
OUTAGE = 30.0
TIMES = (
    "started",
    "finished",
    "seconds",
    "peak_memory_gib",
)  # of the manifest; the report has a table of them
SETTINGS = """
data = "{data}"
universe = "SIM"
start = 2019-07-01
end = 2020-12-31
seeds = 1
jobs = 1
variants = ["product", "gru"]
horizons = [1, 5]
[windows]
train_days = 120
valid_days = 40
test_days = 300
[model]
epochs = 1
hidden_size = 8
horizon = 5
[concepts]
regression_cut = "adaptive:min=5,max=0.9"
"""

# The command line; arguments before "--": a folder, the statement before which it says in that folder that it is
# there and waits for leave to go on, and for how many seconds it tries an absent server again.
GATED = """
import sys, time
from pathlib import Path
from samgraph.graph.db import driver as connection
place, statement, seconds = sys.argv[1:4]
del sys.argv[1:5]
connection.RETRY_SECONDS = float(seconds)
gate = Path(place)
def stop_at(name):
    if name == statement and not (gate / "here").exists():
        (gate / "here").touch()
        deadline = time.monotonic() + 120
        while not (gate / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
for owner, name in ((connection.Graph, "read"), (connection.Graph, "write"), (connection.Transaction, "run")):
    def gated(self, statement, /, *, _ask=getattr(owner, name), **params):
        stop_at(statement)
        return _ask(self, statement, **params)
    setattr(owner, name, gated)
from samgraph.cli import main
sys.exit(main())
"""

# The same; arguments before "--": the number of the rename before which it kills itself, 0 for never.
DYING = """
import os, signal, sys
at = int(sys.argv[1])
del sys.argv[1:3]
count = 0
replace = os.replace
def counted(source, target):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = counted
from samgraph.cli import main
status = main()
print("renames", count)
sys.exit(status)
"""


@dataclass
class World:
    """A server of these tests' own whose graph holds a simulated economy, and a finished backtest of it."""

    server: LocalServer
    address: Address
    root: Path
    config: Path
    finished: Path
    renames: int = 0  # of files put in place by a run whose pieces are fitted

    @property
    def environment(self) -> dict[str, str]:
        names = {"URI": self.address.uri, "USER": self.address.user, "PASSWORD": self.address.password}
        mine = {f"SAMGRAPH_NEO4J_{name}": value for name, value in names.items()}
        return (
            os.environ | mine | {"SAMGRAPH_TRIALS": str(self.root / "trials.jsonl"), "OMP_NUM_THREADS": "1"}
        )

    def start(self, code: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def backtest(self, out: Path) -> tuple[str, ...]:
        return ("--", "backtest", "--config", str(self.config), "--out", str(out))

    def finish(self, out: Path) -> str:
        """Run the backtest to its end; what it printed."""
        with self.start(DYING, "0", *self.backtest(out)) as process:
            said, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        return said

    def fitted(self, name: str) -> Path:
        """A folder of a run whose pieces are fitted, and that has nothing else yet."""
        out = self.root / name
        shutil.copytree(self.finished / "checkpoints", out / "checkpoints")
        shutil.copy(self.finished / "config.toml", out)
        manifest = json.loads((self.finished / "manifest.json").read_text())
        kept = {
            key: value
            for key, value in manifest.items()
            if key not in ("files", "finished", "kernels", "timeline")
        }
        (out / "manifest.json").write_text(json.dumps(kept))
        return out

    def ended(
        self,
        jobs: dict[str, tuple[str, ...]],
        seconds: float,
        away: Callable[[LocalServer, Callable[[], None]], None],
    ) -> dict[str, tuple[list[str], int]]:
        """Run jobs side by side; when each is before its statement, do `away`; their sentences and exit statuses."""
        running = {}
        with contextlib.ExitStack() as stack:
            for name, (statement, *words) in jobs.items():
                gate = Path(tempfile.mkdtemp(dir=self.root))
                started = self.start(GATED, str(gate), statement, str(seconds), *words)
                running[name] = stack.enter_context(started), gate
                stack.callback(started.kill)
            for process, gate in running.values():
                await_file(gate / "here", process)
            away(self.server, lambda: [(gate / "go").touch() for _, gate in running.values()] and None)
            said = {}
            for name, (process, _) in running.items():
                _, errors = process.communicate(timeout=300)
                assert "Traceback" not in errors and self.address.password not in errors
                sentences = [line for line in errors.splitlines() if line.startswith("samgraph: ")]
                said[name] = sentences, process.returncode
        return said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    simulate(root / "data", 3, companies=24, products=30, years=2)
    (root / "config.toml").write_text(SETTINGS.format(data=root / "data"))
    server = LocalServer(root / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMGRAPH_NEO4J_HEAP", "512m")
        patch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "64m")
        try:
            # On ports that nobody else looks for: while it is away, another server would take the usual ones.
            made = World(server, server.start(new_ports=True), root, root / "config.toml", root / "finished")
            with Graph.open(made.address) as graph:
                load(graph, Dataset(root / "data"))
            made.renames = int(made.finish(made.finished).rpartition("renames ")[2])
            yield made
        finally:
            server.stop()


def contents(run: Path) -> dict[str, str]:
    """SHA-256 of every file of a run by its name; of the two that tell of times, without these."""
    found = {}
    for path in run.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.name == "manifest.json":
                told = {name: value for name, value in json.loads(content).items() if name not in TIMES}
                content = json.dumps(told, sort_keys=True).encode()
            elif path.name == "report.html":
                content, n = re.subn(rb"Time of each stage.*?</table>", b"", content, flags=re.DOTALL)
                assert n == 1
            found[str(path.relative_to(run))] = hashlib.sha256(content).hexdigest()
    return found


def require_same(run: Path, world: World) -> None:
    found, expected = contents(run), contents(world.finished)
    assert len(expected) > 40 and found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def await_file(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_backtest_killed_after_its_training_ends_with_the_files_of_one_that_was_not(world: World) -> None:
    """Killed by the clock while it evaluates, before its report is put in place, then before any of its renames."""
    rng = random.Random(11)
    for number in range(KILLS):
        out = world.fitted(f"killed{number}")
        if number % 4 == 0:
            with world.start(DYING, "0", *world.backtest(out)) as process:
                assert process.stderr is not None
                assert any(line.startswith("train:") for line in process.stderr)
                time.sleep(rng.uniform(0.0, 1.0))
                process.send_signal(signal.SIGKILL)
            what = "evaluating"
        else:
            at = world.renames if number == 1 else rng.randint(1, world.renames)
            with world.start(DYING, str(at), *world.backtest(out)) as process:
                _, errors = process.communicate(timeout=300)
            assert process.returncode == -signal.SIGKILL, errors
            what = f"rename {at} of {world.renames}"
        was = contents(out) != contents(world.finished)
        world.finish(out)
        require_same(out, world)
        print(f"moment {number}: {what}, files differed: {was}", flush=True)
        shutil.rmtree(out)
    assert len(TrialLedger(world.root / "trials.jsonl").trials()) == 1, (
        "a run that is finished twice is one trial"
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_a_backtest_and_a_load_wait_half_a_minute_for_their_server_and_end_as_if_it_had_not_gone(
    world: World, how: str
) -> None:
    with Graph.open(world.address) as graph:
        for number in (1, 2) if how == "frozen" else (2, 1):
            folder = world.root / f"state{number}"
            load(graph, Dataset(folder if folder.exists() else write(folder, number)))
            wanted = answers(world.address)
        load(graph, Dataset(world.root / f"state{3 - number}"))
    assert answers(world.address) != wanted
    out = world.fitted(how)
    jobs = {
        "backtest": ("period/sells", *world.backtest(out)),
        "load": ("load/sells", "--", "load", str(folder)),
    }
    if how == "stopped":
        before = contents(out)
        for sentences, status in world.ended(jobs, 2.0, away_for_good).values():
            assert status == 1 and len(sentences) == 1 and "does not answer" in sentences[0]
        assert contents(out) == before, "what was done is kept"
        assert world.server.start() == world.address
    began = time.monotonic()
    said = world.ended(jobs, RETRY_SECONDS, frozen if how == "frozen" else stopped)
    assert time.monotonic() - began > OUTAGE
    assert [status for _, status in said.values()] == [0, 0], said
    assert said["backtest"][0] == []
    anew = [
        f"samgraph: {world.address} went away in the middle of the load and is back: the load begins anew"
    ]
    assert said["load"][0] == (anew if how == "stopped" else [])
    require_same(out, world)
    assert answers(world.address) == wanted and left_over(world.address) == 0


def away_for_good(server: LocalServer, go: Callable[[], None]) -> None:
    server.stop()
    go()


def stopped(server: LocalServer, go: Callable[[], None]) -> None:
    began = time.monotonic()
    server.stop()
    go()
    time.sleep(max(0.0, began + OUTAGE - 5.0 - time.monotonic()))
    server.start()  # answers after some seconds
    time.sleep(max(0.0, began + OUTAGE - time.monotonic()))


def frozen(server: LocalServer, go: Callable[[], None]) -> None:
    process = psutil.Process(server.status().pid)
    process.suspend()
    try:
        go()
        time.sleep(OUTAGE)
    finally:
        process.resume()


def test_a_run_killed_before_its_manifest_was_in_place_can_begin_again(tmp_path: Path) -> None:
    simulate(tmp_path / "data", 3, companies=20, products=30, years=1)
    (tmp_path / "config.toml").write_text(SETTINGS.format(data=tmp_path / "data"))
    out = tmp_path / "run"
    code = (
        "import os, signal, sys; from pathlib import Path; from samgraph.files import whole\n"
        "with whole(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-P", "-c", code, str(out / "manifest.json")], check=False)
    assert killed.returncode == -signal.SIGKILL and len(list(out.iterdir())) == 1
    begin(load_config(tmp_path / "config.toml", {}), out, Dataset(tmp_path / "data"), None)
    assert {path.name for path in out.iterdir()} == {"manifest.json", "config.toml"}
