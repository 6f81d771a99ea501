"""Start a local server's Java and end it when the last process that uses it is gone, however that one ended.

A program of its own, run by path with the standard library and psutil, since it must outlive a client that is
killed. It reads one JSON line on standard input (command, environment, log, folders), answers with the Java
process's number, and then looks twice a second whether any file of `HOME/clients/` still names a living process. A
server that shall stay is let go by ending the watcher, which leaves Java alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import psutil

LOOK_SECONDS = 0.5
STOP_SECONDS = 60.0
# A process's creation time may be read with some drift: the clock is set, the boot time is computed anew.
CREATED_SECONDS = 3.0


def is_process(pid: int, created: float) -> bool:
    """Whether the process of this number is alive and was created at this moment (seconds since 1970)."""
    try:
        process = psutil.Process(pid)
        drift = abs(process.create_time() - created)
        return bool(process.status() != psutil.STATUS_ZOMBIE and drift < CREATED_SECONDS)
    except psutil.Error:
        return False


def has_clients(folder: Path) -> bool:
    """Whether any client file names a living process; files of dead ones are removed."""
    alive = False
    for file in folder.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if is_process(int(file.name), float(file.read_text())):
                alive = True
            else:
                file.unlink(missing_ok=True)
    return alive


def _launch(order: dict[str, Any], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        order["command"],
        env=order["env"],
        cwd=order["cwd"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _watch(java: subprocess.Popen[bytes], clients: Path, lock: Path, run: Path) -> None:
    import fcntl

    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    while java.poll() is None:
        if not has_clients(clients):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # someone starts or stops it just now; look again
            else:
                if not has_clients(clients):
                    _end(java)
                    run.unlink(missing_ok=True)
                    return
                fcntl.flock(handle, fcntl.LOCK_UN)
        time.sleep(LOOK_SECONDS)


def _end(java: subprocess.Popen[bytes]) -> None:
    java.terminate()
    try:
        java.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()


def main() -> None:
    os.umask(0o077)
    order = json.loads(sys.stdin.readline())
    with open(order["log"], "wb") as log:
        java = _launch(order, log)
    with contextlib.suppress(BrokenPipeError):  # the client is gone already: then the watch ends it
        print(json.dumps({"pid": java.pid, "created": psutil.Process(java.pid).create_time()}), flush=True)
    # Nothing of the client's terminal or pipes is held from here on.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    _watch(java, Path(order["clients"]), Path(order["lock"]), Path(order["run"]))


if __name__ == "__main__":
    main()
