"""Wherever pieces are fitted and whatever dies meanwhile, their files are the same, byte by byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from oracles.hist_making import make_market, make_series

from samgraph.arms.registry import ARMS
from samgraph.errors import ConfigError, ModelError, RunError
from samgraph.files import locked
from samgraph.hist.checkpoint import pack_checkpoint, unpack_checkpoint
from samgraph.hist.config import variant
from samgraph.hist.windows import Window
from samgraph.progress import Stage
from samgraph.training.executor import open_executor
from samgraph.training.fit import fit_piece
from samgraph.training.local import LocalExecutor
from samgraph.training.pieces import fit_pieces
from samgraph.training.stored import read_series, write_market, write_series
from samgraph.training.task import CURVES, PREDICTIONS, Event, Piece, Task, Work

WINDOW = Window(slice(30, 90), slice(100, 130), slice(140, 170))
TOKEN = secrets.token_hex(32)
HEAD, SECOND = (
    "127.0.0.2",
    "127.0.0.3",
)  # loopback; Ray would replace 127.0.0.1 by the machine's outer address
TESTS = Path(__file__).resolve().parent.parent.parent


def made_tasks(folder: Path, *, epochs: int = 4, seeds: int = 2, **changes: Any) -> list[Task]:
    """Two variants of some seeds on a simulated market; the same for every folder."""
    market = make_market(1, 170, 12, missing=0.03)
    write_market(folder, market)
    write_series(folder, "product", make_series(market))
    settings = {
        "hidden_size": 8,
        "horizon": 3,
        "burn_in": 20,
        "min_history": 10,
        "patience": epochs,
        "start": "nothing",
    }
    work = Work(folder, variant("samgraph", epochs=epochs, **{**settings, **changes}), "cpu")
    return [
        Task(Piece(ARMS[name], seed, 0, WINDOW, None if name == "gru" else name), work)
        for name in ("product", "gru")
        for seed in range(seeds)
    ]


def digests(tasks: list[Task]) -> dict[str, str]:
    files = [task.folder / name for task in tasks for name in (CURVES, PREDICTIONS)]
    return {f"{f.parent.name}/{f.name}": hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def fit_here(tasks: list[Task]) -> dict[str, str]:
    for task in tasks:
        fit_piece(task, lambda _: None)
    return digests(tasks)


def epochs_done(task: Task) -> int:
    try:
        return int(json.loads((task.folder / "state.json").read_text())["values"]["progress"]["epoch"])
    except FileNotFoundError:
        return 0


def children(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


DRIVER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from test_executor import made_tasks
from samgraph.errors import SamgraphError
from samgraph.training.executor import open_executor
from samgraph.training.pieces import fit_pieces
from samgraph.progress import Stage
tasks = made_tasks(Path({folder!r}), epochs={epochs}, seeds={seeds})
with open_executor({engine!r}, {address!r}, {jobs!r}) as executor:
    fit_pieces(tasks, executor, Stage())
"""


def driver(folder: Path, **how: Any) -> subprocess.Popen[bytes]:
    """A run of `made_tasks` in a process of its own, as a user's command is."""
    settings = {"engine": "local", "address": None, "jobs": 2, "epochs": 4, "seeds": 2, **how}
    # Not the checkout's root: its samgraph/ folder would hide the installed package.
    path = [str(Path(__file__).parent), str(TESTS)]
    script = DRIVER.format(path=path, folder=str(folder), **settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driver.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=_environment(),
        )


def _environment() -> dict[str, str]:
    # The token keeps strangers out of the test's cluster and the test out of theirs.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    return os.environ | token | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_processes_give_the_same_files_as_fitting_here_and_progress_counts_every_epoch(
    tmp_path: Path,
) -> None:
    expected = fit_here(made_tasks(tmp_path / "here"))
    tasks = made_tasks(tmp_path / "processes")
    fit_piece(tasks[0], lambda _: None)  # one is finished already

    class Counter(Stage):
        total, done = 0, 0

        def set_total(self, total: int) -> None:
            self.total = total

        def advance(self, amount: int = 1) -> None:
            self.done += amount

    counter = Counter()
    with open_executor("local", None, 2) as executor:
        fit_pieces(tasks, executor, counter)
    assert digests(tasks) == expected
    assert counter.done == counter.total == 16


def test_a_process_started_ahead_fits_the_first_task(tmp_path: Path) -> None:
    tasks = made_tasks(tmp_path, seeds=1)[1:]
    with open_executor("local", None, 2, 1) as executor:
        assert isinstance(executor, LocalExecutor) and executor._pool is not None
        begun = set(executor._pool._processes)
        fit_pieces(tasks, executor, Stage())
        assert len(begun) == 1 and begun <= set(executor._pool._processes)
    assert digests(tasks) == fit_here(made_tasks(tmp_path / "here", seeds=1)[1:])


class Fake:
    """An executor by hand: `script` maps the number of a submission to its fate, "done" or "lost"."""

    def __init__(self, script: list[str], epochs: int) -> None:
        self.script, self.epochs = script, epochs
        self.given: list[Task] = []
        self.events: list[Event] = []

    def submit(self, task: Task) -> None:
        fate = self.script[len(self.given)]
        self.given.append(task)
        if fate == "lost":
            self.events += [Event(task, self.epochs), Event(task, lost="killed")]
        else:
            self.events.append(Event(task, done=True))

    def poll(self, seconds: float) -> list[Event]:
        events, self.events = self.events, []
        return events

    def close(self) -> None: ...


def test_a_lost_piece_is_given_again_and_hopeless_ones_end_the_run(tmp_path: Path) -> None:
    tasks = made_tasks(tmp_path)[:2]
    fake = Fake(["done", "lost", "done"], epochs=2)
    fit_pieces(tasks, fake, Stage())
    assert [task.piece.name for task in fake.given] == [tasks[0].piece.name, *[tasks[1].piece.name] * 2]
    with pytest.raises(RunError, match=r"died 3 times without finishing an epoch \(killed\).*fewer --jobs"):
        fit_pieces(tasks, Fake(["lost"] * 20, epochs=0), Stage())


def test_a_fit_s_error_comes_from_a_worker_with_day_and_feature(tmp_path: Path) -> None:
    tasks = made_tasks(tmp_path, learning_rate=1e30)
    with open_executor("local", None, 2) as executor, pytest.raises(ModelError, match="lower learning_rate"):
        fit_pieces(tasks, executor, Stage())


def test_curves_keep_every_epoch_and_show_the_early_stop(tmp_path: Path) -> None:
    (task, *_) = made_tasks(tmp_path, epochs=40, patience=3, min_epochs=2, learning_rate=1e-2)
    fit_piece(task, lambda _: None)
    curves = pd.read_parquet(task.folder / CURVES)
    assert len(curves) < 40 and curves["best"].sum() == 1
    best = int(curves["epoch"][curves["best"]].iloc[0])
    assert len(curves) == best + 1 + 3
    assert curves["valid_ic"][best] == curves["valid_ic"][1:].max()
    assert curves["train_loss"].notna().all()


def test_a_piece_is_fitted_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samgraph.training.task.LOCK_SECONDS", 0.2)
    (task, *_) = made_tasks(tmp_path)
    with (
        locked(task.folder / ".lock", 1.0),
        pytest.raises(RunError, match="another process works in"),
    ):
        fit_piece(task, lambda _: None)
    fit_piece(task, lambda _: None)  # free again


def test_a_carried_checkpoint_is_the_one_that_was_packed(tmp_path: Path) -> None:
    (task, *_) = made_tasks(tmp_path / "a")
    fit_piece(task, lambda _: None)
    files = pack_checkpoint(task.folder)
    assert set(files) == {"state.json", "epoch-0004.safetensors"}
    there = tmp_path / "there"
    there.mkdir()
    (there / "epoch-0001.safetensors").write_bytes(b"old")
    unpack_checkpoint(there, files)
    assert pack_checkpoint(there) == files and not (there / "epoch-0001.safetensors").exists()
    assert pack_checkpoint(tmp_path / "nowhere") == {}
    unpack_checkpoint(tmp_path / "nowhere", {})
    assert not (tmp_path / "nowhere").exists()


def test_series_keep_the_concepts_names(tmp_path: Path) -> None:
    series = make_series(make_market(1, 60, 12))
    write_series(tmp_path, "product", series)
    back = read_series(tmp_path, "product")
    assert back.concept_names == series.concept_names and back.fingerprint() == series.fingerprint()


def test_an_address_needs_the_engine_ray(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="set engine to ray"),
        open_executor("local", "127.0.0.1:6379", None),
    ):
        pass


def test_without_ray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(RunError, match=r"not installed; install samgraph\[ray\]"),
        open_executor("ray", None, 1),
    ):
        pass


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_files_are_the_same(tmp_path: Path) -> None:
    expected = fit_here(made_tasks(tmp_path / "here", epochs=12))
    tasks = made_tasks(tmp_path / "killed", epochs=12)
    killed = []

    class Killing(LocalExecutor):
        def poll(self, seconds: float) -> list[Event]:
            begun = [task for task in tasks if 1 <= epochs_done(task) < 12]
            if begun and not killed and self._pool is not None:
                process = next(iter(self._pool._processes.values()))
                killed.append(process.pid)
                os.kill(process.pid, signal.SIGKILL)
            return super().poll(0.01)

    executor = Killing(2)
    try:
        fit_pieces(tasks, executor, Stage())
    finally:
        executor.close()
    assert killed and executor.jobs == 1  # and half as many processes went on
    assert digests(tasks) == expected


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_at_random_moments_ends_with_the_same_files(tmp_path: Path) -> None:
    """kill -9 of the parent or of a worker, at moments drawn anew; then the same command goes on."""
    epochs = 16
    expected = fit_here(made_tasks(tmp_path / "here", epochs=epochs))
    tasks = made_tasks(tmp_path / "run", epochs=epochs)
    rng = random.Random(os.environ.get("CI", "") or None)
    deadline = time.monotonic() + 600
    kills = 0
    while kills < 4:
        before = sum(map(epochs_done, tasks))
        process = driver(tmp_path / "run", epochs=epochs)
        while (
            process.poll() is None and sum(map(epochs_done, tasks)) <= before and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.3))
        workers = children(process.pid)
        if process.poll() is not None or not workers:
            break
        victim = process.pid if kills % 2 == 0 else rng.choice(workers).pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        kills += 1
        if victim == process.pid:
            process.wait(timeout=10)
            psutil.wait_procs(workers, timeout=10)
            assert not any(worker.is_running() for worker in workers), "a killed run left a worker running"
        else:
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
            process.wait(timeout=10)
            psutil.wait_procs(workers, timeout=10)
    assert kills >= 2
    process = driver(tmp_path / "run", epochs=epochs)
    try:
        assert process.wait(timeout=400) == 0, (tmp_path / "run" / "driver.log").read_text()
    finally:
        process.kill()
        process.wait(timeout=10)
    assert digests(tasks) == expected


@contextlib.contextmanager
def ray_node(host: str, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """`ray start --block` in a process group of its own, which is killed at the end if it still lives."""
    command = [
        str(Path(sys.executable).parent / "ray"),
        "start",
        "--block",
        "--disable-usage-stats",
        *arguments,
    ]
    common = ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000", f"--node-ip-address={host}"]
    node = subprocess.Popen(
        [*command, *common],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=_environment(),
    )
    try:
        yield node
    finally:
        kill_group(node)


def kill_group(node: subprocess.Popen[bytes]) -> None:
    own = children(node.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    for process in own:  # those that made a group of their own
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    node.wait(timeout=10)
    psutil.wait_procs(own, timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_two_ray_nodes_of_which_one_dies_give_the_same_files(tmp_path: Path) -> None:
    """A head and a second node on loopback; the second is killed while it fits; its piece goes on elsewhere."""
    epochs = 60
    expected = fit_here(made_tasks(tmp_path / "here", epochs=epochs, seeds=1))
    tasks = made_tasks(tmp_path / "run", epochs=epochs, seeds=1)
    port = free_port()
    address = f"{HEAD}:{port}"
    head = [f"--port={port}", "--head", "--include-dashboard=false"]
    with contextlib.ExitStack() as stack:
        short = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="ray", dir="/tmp")
        )  # sockets' paths are short
        stack.enter_context(ray_node(HEAD, [*head, f"--temp-dir={short}"]))
        wait_for_port(port)
        second = stack.enter_context(ray_node(SECOND, [f"--address={address}"]))
        process = driver(tmp_path / "run", engine="ray", address=address, jobs=2, epochs=epochs, seeds=1)
        stack.callback(process.kill)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            busy = [
                child
                for child in children(second.pid)
                if "_fit_remotely" in title(child) or "seed" in title(child)
            ]
            if busy and min(map(epochs_done, tasks)) >= 1:  # both nodes have mailed a checkpoint
                break
            time.sleep(0.05)
        log = (tmp_path / "run" / "driver.log").read_text()
        assert process.poll() is None and busy, f"the second node fitted nothing: {log}"
        unfinished = [task for task in tasks if not (task.folder / PREDICTIONS).exists()]
        assert unfinished
        kill_group(second)
        assert process.wait(timeout=90) == 0, (tmp_path / "run" / "driver.log").read_text()
    assert digests(tasks) == expected


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((HEAD, port), 1.0).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the head node of Ray did not start"
            time.sleep(0.1)


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@pytest.mark.slow
def test_a_ray_of_ones_own_that_is_closed_twice_leaves_none() -> None:
    ray = pytest.importorskip("ray")
    with open_executor("ray", None, 1) as executor:
        assert ray.is_initialized()
        executor.close()  # as a run does when everything is fitted
        assert not ray.is_initialized()
    assert not ray.is_initialized()


def test_arrays_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    from samgraph.training.stored import read_market

    market = make_market(1, 60, 5, missing=0.1)
    write_market(tmp_path, market)
    back = read_market(tmp_path)
    assert back.stocks == market.stocks and list(back.dates) == list(market.dates)
    for name in ("open", "adj", "market_cap", "member", "tradable"):
        np.testing.assert_array_equal(getattr(back, name), getattr(market, name))
