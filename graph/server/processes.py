"""The two processes of a local server, Java and its watcher: started, recognised, ended; and what their logs say."""

from __future__ import annotations

import contextlib
import json
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from samgraph.errors import GraphError
from samgraph.graph.server import watch
from samgraph.graph.server.watch import is_process

LAUNCH_SECONDS = 30.0
KILL_SECONDS = 10.0
_PROGRAM = str(Path(watch.__file__).resolve())
_PROBLEM = re.compile(r"ERROR|Caused by|Exception|Error:|OutOfMemory|No space left", re.IGNORECASE)

_CAUSE = re.compile(
    r"Caused by: (?:[\w.$]+: )?(.*?)(?:\\[nr]|[\r\n\"]|$)"
)  # of a stack, written out or as JSON

# Watchers that this process started, by process number: kept so that they are reaped.
_started: dict[int, subprocess.Popen[bytes]] = {}


def start_watcher(order: dict[str, Any], home: Path) -> int:
    """Start a watcher, which launches Java as `order` says (see `watch.main`); the watcher's process number."""
    watcher = subprocess.Popen(
        [sys.executable, "-P", _PROGRAM, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _started[watcher.pid] = watcher
    assert watcher.stdin is not None
    with contextlib.suppress(BrokenPipeError), watcher.stdin as pipe:
        pipe.write(json.dumps(order).encode() + b"\n")
    return watcher.pid


def launched(watcher: int, *, seconds: float = LAUNCH_SECONDS) -> tuple[int, float] | None:
    """Java's process number and its creation time, as this watcher tells them; None if it does not."""
    pipe = _started[watcher].stdout
    assert pipe is not None
    if not select.select([pipe], [], [], seconds)[0]:
        return None
    said = pipe.readline()
    if not said:
        return None
    java = json.loads(said)
    return int(java["pid"]), float(java["created"])


def is_watcher(pid: int, home: Path) -> bool:
    """Whether the process of this number watches the server of this home."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return _PROGRAM in command and str(home) in command


def end_watcher(pid: int, home: Path) -> None:
    """End a watcher at once, which leaves its Java alone."""
    if is_watcher(pid, home):
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).kill()
    reap(pid)


def reap(pid: int, *, seconds: float = KILL_SECONDS) -> None:
    """Wait for a watcher that this process started and that ends by itself, as it does once its Java is gone."""
    watcher = _started.get(pid)
    if watcher is None:
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        watcher.wait(seconds)
        del _started[pid]
        if watcher.stdout is not None:
            watcher.stdout.close()


def end(pid: int, created: float, *, seconds: float) -> None:
    """Ask a process to end, wait that long, and kill it if it has not; nothing if it is gone or another."""
    if not is_process(pid, created):
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        if not _gone(pid, created, seconds):
            process.kill()
            if not _gone(pid, created, KILL_SECONDS):
                raise GraphError(f"The Neo4j server's process {pid} does not end: end it by hand.")


def _gone(pid: int, created: float, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_process(pid, created):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def size(log: Path) -> int:
    """Bytes of a log, 0 if there is none."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def last_words(log: Path, began: int = 0) -> str:
    """The last line of a log (from byte `began` on) that tells of a problem, else its last line."""
    lines = [line.strip() for line in _text(log, began).splitlines() if line.strip()]
    chosen = ([line for line in lines if _PROBLEM.search(line)] or lines or [""])[-1]
    return re.sub(r"^\d{4}-\S+ \S+\s+(?:ERROR\s+)?", "", chosen)[:300].rstrip(".")


def unopened(log: Path, began: int = 0) -> str | None:
    """Why the server could not open its database, by its debug log (from byte `began` on); None if nothing is said."""
    _, found, told = _text(log, began).rpartition("Failed to start DatabaseId{")
    if not found:
        return None
    causes = _CAUSE.findall(told)
    return str(causes[-1])[:300].rstrip(".") if causes else "no cause is told"


def listens(log: Path, began: int = 0) -> bool:
    """Whether the server has told its log (from byte `began` on) that it took its Bolt port."""
    return "Bolt enabled on" in _text(log, began)


def _text(log: Path, began: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(began if began <= size(log) else 0)
            return file.read().decode(errors="replace")
    except OSError:
        return ""
