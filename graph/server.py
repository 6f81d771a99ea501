"""The local Neo4j community server: started, watched, stopped and emptied by the program itself.

Two ways to start it. `LocalServer.start` leaves a server that runs until `stop`. `start_for_this_process` starts
one that ends with the process, even if that is killed: a small watcher (`watch.py`) sees to it. A second program
that finds such a server running uses it too, and it ends with the last of them; one that was started to stay is left
alone. A start that fails or is interrupted leaves nothing running.

It listens on the loopback address alone. Every wait is bounded, and a process is only ever ended by its number
after its identity is checked.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from samgraph.errors import GraphError
from samgraph.graph import jars as jar_store
from samgraph.graph import watch
from samgraph.graph.connection import Address, Graph
from samgraph.graph.home import USER, Home, Ports, Running, is_process
from samgraph.graph.java import find_java

START_SECONDS = 120.0
STOP_SECONDS = 90.0
_PROBLEM = re.compile(r"ERROR|Caused by|Exception|Error:|OutOfMemory|No space left", re.IGNORECASE)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class ServerStatus:
    """What `samgraph neo4j status` says. Where it does not run, `pid` is None and `version` is the pinned one."""

    running: bool
    answers: bool
    uri: str | None
    browser: str | None
    user: str
    password_file: Path
    pid: int | None
    version: str
    home: Path
    ends_with_its_clients: bool


class LocalServer:
    """The local server of one home (default: SAMGRAPH_HOME, else the platform's user data folder)."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = Home(home)

    @property
    def home(self) -> Path:
        return self._home.root

    def prepare(self, *, progress: Progress | None = None) -> None:
        """Fetch the server's jars where they are missing or damaged; `progress` gets 1 for each that is ready."""
        jar_store.fetch(jar_store.release().jars, progress=progress)

    def start(self, *, new_ports: bool = False, progress: Progress | None = None) -> Address:
        """Make sure that the server runs and answers, until `stop`; where it is.

        Fetches its jars first where they are missing (`progress` is called with 1 for each that is ready). Raises
        GraphError: no network, no Java, a busy port, a full disk, a server that does not come up (with its log's
        last words).
        """
        with self._home.locked():
            run = self._home.running() or self._launch(new_ports, progress)
            if run.watcher:
                self._let_go(run)
            return self._checked(run)

    def start_for_this_process(self, *, progress: Progress | None = None) -> Address:
        """Make sure that the server runs; if it does not yet, it ends with this process (see the module)."""
        with self._home.locked():
            run = self._home.running() or self._launch(False, progress)
            if run.watcher:
                self._home.enter_client()
                _at_exit(self)
            return self._checked(run)

    def stop(self) -> bool:
        """End the server and wait until it is gone; False if none ran."""
        with self._home.locked():
            return self._stop()

    def reset(self) -> None:
        """Stop the server and delete its data, logs and password; jars and ports stay."""
        with self._home.locked():
            self._stop()
            try:
                if self._home.neo4j.exists():
                    shutil.rmtree(self._home.neo4j)
                self._home.password_file.unlink(missing_ok=True)
            except OSError as error:
                raise GraphError(
                    f"The data in {self._home.neo4j} cannot be deleted ({error.strerror}: {error.filename})."
                ) from error

    def status(self) -> ServerStatus:
        """Whether it runs, where, and whether it answers."""
        run = self._home.running()
        answers = False
        if run is not None:
            with contextlib.suppress(GraphError):
                self._ask(run.ports)
                answers = True
        return ServerStatus(
            running=run is not None,
            answers=answers,
            uri=_uri(run.ports) if run else None,
            browser=f"http://127.0.0.1:{run.ports.http}/browser/" if run else None,
            user=USER,
            password_file=self._home.password_file,
            pid=run.pid if run else None,
            version=run.version if run else jar_store.release().version,
            home=self.home,
            ends_with_its_clients=bool(run and run.watcher and is_watcher(run.watcher)),
        )

    def address(self) -> Address | None:
        """Where the running server is; None if none runs."""
        run = self._home.running()
        return None if run is None else self._address(run.ports)

    # --- starting

    def _launch(self, new_ports: bool, progress: Progress | None) -> Running:
        """Start a server that is watched, and wait until it answers. The home is locked."""
        release = jar_store.release()
        java = find_java()
        self._home.make()
        self._home.claim_version(release)
        paths = jar_store.fetch(release.jars, progress=progress)
        ports = self._home.choose_ports(new=new_ports)
        self._home.make_password()
        self._home.configure(release, paths, ports)
        self._home.enter_client()
        log_began = _size(self._neo4j_log)
        watcher: subprocess.Popen[bytes] | None = None
        run: Running | None = None
        try:
            watcher = self._start_watcher(java.launcher)
            run = self._hear_from(watcher, release.version, ports)
            self._home.keep_running(run)
            self._await(run, log_began)
        except BaseException:
            # Ctrl-C as well: a start in progress leaves nothing behind.
            if run is not None:
                _end(run, seconds=10.0)
            self._home.leave_client()
            self._home.forget_running()
            if watcher is not None:
                _end_watcher(watcher)
            raise
        _WATCHERS.append(watcher)
        return run

    def _start_watcher(self, launcher: Path) -> subprocess.Popen[bytes]:
        order = {
            "command": [str(launcher), f"@{self._home.arguments}"],
            # Credentials for other servers, and options that other programs set for Java, are not this server's.
            "env": {key: value for key, value in os.environ.items() if not _is_foreign(key)}
            | {"NEO4J_HOME": str(self._home.neo4j), "NEO4J_CONF": str(self._home.neo4j / "conf")},
            "cwd": str(self._home.neo4j),
            "log": str(self._console_log),
            "clients": str(self._home.clients),
            "lock": str(self._home.root / "lock"),
            "run": str(self._home.root / "run.json"),
        }
        watcher = subprocess.Popen(
            [sys.executable, "-P", str(Path(watch.__file__).resolve()), str(self.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert watcher.stdin is not None
        with contextlib.suppress(BrokenPipeError), watcher.stdin as pipe:
            pipe.write(json.dumps(order).encode() + b"\n")
        return watcher

    def _hear_from(self, watcher: subprocess.Popen[bytes], version: str, ports: Ports) -> Running:
        assert watcher.stdout is not None
        with watcher.stdout as pipe:
            said = pipe.readline()
        if not said:
            raise GraphError(
                f"The local Neo4j server could not be launched ({_last_words(self._console_log, 0)}): see "
                f"{self._console_log}."
            )
        java = json.loads(said)
        return Running(java["pid"], java["created"], watcher.pid, version, ports)

    def _await(self, run: Running, log_began: int) -> None:
        """Wait until the server answers a query over Bolt and its HTTP port is open."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if not is_process(run.pid, run.created):
                raise self._did_not_start("ended while it started", run, log_began)
            if _listens(run.ports.bolt) and _listens(run.ports.http):
                try:
                    self._ask(run.ports)
                    return
                except GraphError as error:
                    if "password" in str(error):
                        raise
            if time.monotonic() > deadline:
                raise self._did_not_start(f"did not answer within {START_SECONDS:.0f} s", run, log_began)
            time.sleep(0.1)

    def _did_not_start(self, what: str, run: Running, log_began: int) -> GraphError:
        said = _last_words(self._neo4j_log, log_began) or _last_words(self._console_log, 0)
        if "already in use" in said or "BindException" in said:
            for port in (run.ports.bolt, run.ports.http):
                if str(port) in said:
                    return self._home.port_taken(port)
        return GraphError(
            f"The local Neo4j server of {self.home} {what}: {said or 'its log is empty'}; see {self._neo4j_log}."
        )

    def _checked(self, run: Running) -> Address:
        pinned = jar_store.release().version
        if run.version != pinned:
            raise GraphError(
                f"The local server of {self.home} already runs Neo4j {run.version}, not {pinned}: stop it first "
                "(`samgraph neo4j stop`), or use another SAMGRAPH_HOME."
            )
        try:
            self._ask(run.ports)
        except GraphError as error:
            raise GraphError(
                f"The local Neo4j server of {self.home} runs (process {run.pid}) but does not answer: run "
                f"`samgraph neo4j stop`, then start it again. {error}"
            ) from error
        return self._address(run.ports)

    def _let_go(self, run: Running) -> None:
        """Make a watched server one that stays."""
        if is_watcher(run.watcher):
            with contextlib.suppress(psutil.Error):
                psutil.Process(run.watcher).kill()
            _reap(run.watcher)
        self._home.keep_running(Running(run.pid, run.created, 0, run.version, run.ports))
        self._home.leave_client()

    # --- stopping

    def _stop(self) -> bool:
        run = self._home.running()
        if run is not None:
            _end(run, seconds=STOP_SECONDS)
            _reap(run.watcher)
        self._home.forget_running()
        return run is not None

    def leave(self) -> None:
        """This process no longer needs the server: end it if it was the last, unless it was started to stay."""
        with self._home.locked():
            self._home.leave_client()
            run = self._home.running()
            if run is not None and run.watcher and not watch.has_clients(self._home.clients):
                self._stop()

    # --- asking

    def _address(self, ports: Ports) -> Address:
        return Address(_uri(ports), USER, self._home.password())

    def _ask(self, ports: Ports) -> None:
        with Graph.open(self._address(ports)):
            pass

    @property
    def _neo4j_log(self) -> Path:
        return self._home.neo4j / "logs" / "neo4j.log"

    @property
    def _console_log(self) -> Path:
        return self._home.neo4j / "logs" / "console.log"


# Watchers that this process started: kept so that they are reaped, not warned about when collected.
_WATCHERS: list[subprocess.Popen[bytes]] = []


def _at_exit(server: LocalServer) -> None:
    began = os.getpid()

    def leave() -> None:
        if os.getpid() == began:  # not in a fork
            with contextlib.suppress(GraphError):
                server.leave()

    if server.home not in _LEAVING:
        _LEAVING.add(server.home)
        atexit.register(leave)


_LEAVING: set[Path] = set()


def is_watcher(pid: int) -> bool:
    """Whether the process of this number is one of our watchers."""
    try:
        return str(Path(watch.__file__).resolve()) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def _end_watcher(watcher: subprocess.Popen[bytes]) -> None:
    """The watcher ends by itself once its Java is gone; see that it did."""
    try:
        watcher.wait(5.0)
    except subprocess.TimeoutExpired:
        watcher.kill()
        watcher.wait(5.0)


def _reap(pid: int) -> None:
    """Wait for a watcher that this process started and that is about to end."""
    for watcher in [watcher for watcher in _WATCHERS if watcher.pid == pid]:
        _WATCHERS.remove(watcher)
        _end_watcher(watcher)


def _end(run: Running, *, seconds: float) -> None:
    """Ask the server's process to end, wait, and kill it if it does not."""
    if not is_process(run.pid, run.created):
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(run.pid)
        process.terminate()
        if not _gone(run, seconds):
            process.kill()
            if not _gone(run, 10.0):
                raise GraphError(f"The Neo4j server's process {run.pid} does not end: end it by hand.")


def _gone(run: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_process(run.pid, run.created):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _uri(ports: Ports) -> str:
    return f"bolt://127.0.0.1:{ports.bolt}"


def _is_foreign(variable: str) -> bool:
    return variable.startswith(("SAMGRAPH_NEO4J_", "NEO4J_")) or variable in (
        "JAVA_TOOL_OPTIONS",
        "CLASSPATH",
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _last_words(log: Path, began: int) -> str:
    """The last line of the log (from byte `began`) that tells of a problem, else its last line."""
    try:
        with log.open("rb") as file:
            file.seek(began if began <= _size(log) else 0)
            lines = [
                line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()
            ]
    except OSError:
        return ""
    problems = [line for line in lines if _PROBLEM.search(line)]
    chosen = (problems or lines or [""])[-1]
    return re.sub(r"^\d{4}-\S+ \S+\s+", "", chosen)[:300].rstrip(".")
