"""The local Neo4j community server: started, watched, stopped and emptied by the program itself.

Two ways to start it. `LocalServer.start` leaves a server that runs until `stop`. `start_for_this_process` starts
one that ends with the process, even if that is killed: a small watcher (`watch.py`) sees to it. A second program
that finds such a server running uses it too, and it ends with the last of them; one that was started to stay is
left alone. A start that fails or is interrupted leaves nothing running.

It listens on the loopback address alone. Every wait is bounded, and a process is only ever ended by its number,
after its identity is checked.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from samgraph.errors import GraphError
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.db.failures import LoginError
from samgraph.graph.server import built, processes, watch
from samgraph.graph.server import jars as jar_store
from samgraph.graph.server.conf import java_command, write_configuration
from samgraph.graph.server.home import USER, Home, Ports, PortTaken, Running, is_free
from samgraph.graph.server.java import Java, find_java
from samgraph.progress import warn

LOGIN_SECONDS = 12.0
START_SECONDS = 180.0  # that a start may take; SAMGRAPH_NEO4J_START_SECONDS sets it
TELL_SECONDS = 30.0
STOP_SECONDS = 90.0

Progress = Callable[[int], None]


@dataclass(frozen=True)
class ServerStatus:
    """What `samgraph neo4j status` says; where no server runs, `version` is the one that would be started."""

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


@dataclass(frozen=True)
class Workshop:
    """The home of a server that is kept stopped, and the beginning of a command line that runs its classes."""

    home: Home
    java: tuple[str, ...]


class LocalServer:
    """The local server of one home (default: SAMGRAPH_HOME, else the platform's user data folder)."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = Home(home)

    @property
    def home(self) -> Path:
        return self._home.root

    def count_files(self) -> int:
        """How many jars `prepare` sees to."""
        return len(jar_store.release().jars)

    def prepare(self, *, progress: Progress | None = None) -> None:
        """Fetch what a start needs and is not there yet; `progress` gets 1 for each jar that is ready."""
        find_java()
        jar_store.fetch(jar_store.release().jars, progress=progress)

    def start(self, *, new_ports: bool = False) -> Address:
        """Make sure that the server runs and answers, until `stop`; where it is.

        Raises GraphError: no network, no Java, a busy port, a full disk, a server that does not come up (with
        its log's last words).
        """
        with self._home.locked():
            run = self._home.running() or self._launch(new_ports)
            address = self._checked(run)
            if run.watcher:
                processes.end_watcher(run.watcher, self.home)
                self._home.keep_running(Running(run.pid, run.created, 0, run.version, run.ports))
            self._home.leave_client()
            return address

    def start_for_this_process(self) -> Address:
        """Make sure that the server runs; if it does not yet, it ends with this process (see the module)."""
        with self._home.locked():
            run = self._home.running() or self._launch(new_ports=False)
            address = self._checked(run)
            if self._is_watched(run):
                self._home.enter_client()
                self._leave_at_exit()
            return address

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
            ends_with_its_clients=run is not None and self._is_watched(run),
        )

    def address(self) -> Address | None:
        """Where the running server is; None if none runs."""
        run = self._home.running()
        return None if run is None else self._address(run.ports)

    @contextlib.contextmanager
    def offline(self) -> Iterator[Workshop]:
        """Keep the server stopped while its database is built anew; nobody can start it meanwhile.

        Afterwards it does not run. Raises GraphError where other programs use the server.
        """
        with self._home.locked():
            run = self._home.running()
            if run is not None and self._is_watched(run):
                self._home.leave_client()
                if watch.has_clients(self._home.clients):
                    self._home.enter_client()
                    raise GraphError(
                        f"The local Neo4j server of {self.home} is in use by another program: wait until it has ended."
                    )
            self._stop()
            release = jar_store.release()
            java = find_java()
            self._home.make()
            self._home.claim_version(release)
            built.adopt(self._home.neo4j)
            self._home.make_password()
            jars = jar_store.fetch(release.jars)
            yield Workshop(self._home, java_command(release, jars, java))

    def has_database(self) -> bool:
        """Whether this home holds a database already, be it empty."""
        return any((self._home.neo4j / part).exists() for part in ("data/databases/neo4j", "built"))

    # --- starting

    def _launch(self, new_ports: bool) -> Running:
        """Start a server with a watcher, and wait until it answers. The home is locked."""
        release = jar_store.release()
        java = find_java()
        self._home.make()
        self._home.claim_version(release)
        built.adopt(self._home.neo4j)
        jars = jar_store.fetch(release.jars)
        self._home.make_password()
        kept = None if new_ports else self._home.kept_ports()
        ports = kept or self._home.choose_ports(new=new_ports)
        try:
            write_configuration(self._home, release, jars, java, ports)
            return self._bring_up(java, release.version, ports)
        except PortTaken:
            if kept:
                raise
        # Another server took the free port first, between the look and the start.
        ports = self._home.choose_ports(new=True)
        write_configuration(self._home, release, jars, java, ports)
        return self._bring_up(java, release.version, ports)

    def _bring_up(self, java: Java, version: str, ports: Ports) -> Running:
        self._home.enter_client()
        log_began, debug_began = processes.size(self._neo4j_log), processes.size(self._debug_log)
        watcher: int | None = None
        found: tuple[int, float] | None = None
        try:
            watcher = processes.start_watcher(self._order(java), self.home)
            found = processes.launched(watcher)
            if found is None:
                raise GraphError(f"The local Neo4j server could not be launched: see {self._console_log}.")
            run = Running(*found, watcher, version, ports)
            self._home.keep_running(run)
            self._await_answer(run, log_began, debug_began)
            return run
        except BaseException:
            # Ctrl-C as well: a start in progress leaves nothing behind. Should this be cut short too, the
            # watcher finds no client any more and does the same.
            self._home.leave_client()
            if watcher is not None:
                found = found or processes.launched(watcher, seconds=2.0)
                if found is not None:
                    processes.end(*found, seconds=10.0)
                processes.reap(watcher)
            self._home.forget_running()
            raise

    def _order(self, java: Java) -> dict[str, object]:
        """What the watcher is to do (see `watch.main`)."""
        # Credentials of other servers, and options that other programs set for Java, are not this server's.
        environment = {key: value for key, value in os.environ.items() if not _is_foreign(key)}
        neo4j = self._home.neo4j
        return {
            "command": [str(java.launcher), f"@{self._home.arguments}"],
            "env": environment | {"NEO4J_HOME": str(neo4j), "NEO4J_CONF": str(neo4j / "conf")},
            "cwd": str(neo4j),
            "log": str(self._console_log),
            "clients": str(self._home.clients),
            "lock": str(self._home.lock_file),
            "run": str(self._home.run_file),
        }

    def _await_answer(self, run: Running, log_began: int, debug_began: int) -> None:
        """Wait until the server answers a query over Bolt and its HTTP port is open."""
        began, allowed = time.monotonic(), start_seconds()
        deadline, tell_at = began + allowed, began + TELL_SECONDS
        login_deadline: float | None = None
        while True:
            if not watch.is_process(run.pid, run.created):
                raise self._did_not_start("ended while it started", run, log_began)
            # Until it has told that it has the port, another home's server may be the one that answers there: asked
            # with a password that is not its own, that one would lock its user out for some seconds.
            if processes.listens(self._neo4j_log, log_began) and not is_free(run.ports.http):
                try:
                    self._ask(run.ports)
                    return
                except LoginError:  # on a busy machine it answers before it has taken over the first user
                    login_deadline = login_deadline or time.monotonic() + LOGIN_SECONDS
                    if time.monotonic() > login_deadline:
                        raise
                    time.sleep(2.0)  # it locks a user out for a while after several quick failures
                except GraphError:  # it listens before its databases are open
                    why = processes.unopened(self._debug_log, debug_began)
                    if why is not None:
                        raise self._unopened(why) from None
            if time.monotonic() > deadline:
                what = f"did not answer within {allowed:.0f} s (SAMGRAPH_NEO4J_START_SECONDS gives it more)"
                raise self._did_not_start(what, run, log_began)
            if time.monotonic() > tell_at:
                warn(f"the local Neo4j server is still starting ({tell_at - began:.0f} of {allowed:.0f} s)")
                tell_at += TELL_SECONDS
            time.sleep(0.1)

    def _did_not_start(self, what: str, run: Running, log_began: int) -> GraphError:
        said = processes.last_words(self._neo4j_log, log_began) or processes.last_words(self._console_log)
        if "already in use" in said or "BindException" in said:
            ports = (run.ports.bolt, run.ports.http)
            return self._home.port_taken(next((port for port in ports if str(port) in said), ports[0]))
        return GraphError(
            f"The local Neo4j server of {self.home} {what}: {said or 'its log is empty'}; see {self._neo4j_log}."
        )

    def _unopened(self, why: str) -> GraphError:
        return GraphError(
            f"The local Neo4j server of {self.home} cannot open its database ({why}), most often "
            f"because files in {self._home.neo4j / 'data'} are damaged: put a back-up of the home in its place, or "
            f"empty it with `samgraph neo4j reset --yes` and load again. Its words are in {self._debug_log}."
        )

    def _checked(self, run: Running) -> Address:
        """The address of a server that runs, if it is the right release and answers."""
        pinned = jar_store.release().version
        if run.version != pinned:
            raise GraphError(
                f"The local server of {self.home} already runs Neo4j {run.version}, not {pinned}: stop it first "
                "(`samgraph neo4j stop`), or use another SAMGRAPH_HOME."
            )
        try:
            self._ask(run.ports)
        except LoginError:
            raise
        except GraphError as error:
            raise GraphError(
                f"The local Neo4j server of {self.home} runs (process {run.pid}) but does not answer: run "
                f"`samgraph neo4j stop`, then start it again. {error}"
            ) from error
        return self._address(run.ports)

    # --- stopping

    def _stop(self) -> bool:
        run = self._home.running()
        if run is not None:
            processes.end(run.pid, run.created, seconds=STOP_SECONDS)
            processes.reap(run.watcher)
        self._home.forget_running()
        self._home.leave_client()
        return run is not None

    def _is_watched(self, run: Running) -> bool:
        return bool(run.watcher) and processes.is_watcher(run.watcher, self.home)

    def _leave_at_exit(self) -> None:
        if self.home in _LEAVING:
            return
        _LEAVING.add(self.home)
        began = os.getpid()

        def leave() -> None:
            if os.getpid() == began:  # not in a fork
                with contextlib.suppress(GraphError):
                    self._leave()

        atexit.register(leave)

    def _leave(self) -> None:
        """End a watched server, if this process was the last to use it."""
        with self._home.locked():
            self._home.leave_client()
            run = self._home.running()
            if run is not None and self._is_watched(run) and not watch.has_clients(self._home.clients):
                self._stop()

    # --- asking

    def _address(self, ports: Ports) -> Address:
        return Address(_uri(ports), USER, self._home.password())

    def _ask(self, ports: Ports) -> None:
        try:
            with Graph.open(self._address(ports)):
                pass
        except LoginError as error:
            raise LoginError(
                f"The local Neo4j server of {self.home} refuses the password in {self._home.password_file}: write "
                "the right one into that file, or empty the database with `samgraph neo4j reset --yes`."
            ) from error

    @property
    def _neo4j_log(self) -> Path:
        return self._home.neo4j / "logs" / "neo4j.log"

    @property
    def _debug_log(self) -> Path:
        return self._home.neo4j / "logs" / "debug.log"

    @property
    def _console_log(self) -> Path:
        return self._home.neo4j / "logs" / "console.log"


# Homes whose server this process leaves when it exits.
_LEAVING: set[Path] = set()


def start_seconds() -> float:
    """Seconds that a start may take.

    Raises GraphError: SAMGRAPH_NEO4J_START_SECONDS is not a number of 1 or more.
    """
    asked = os.environ.get("SAMGRAPH_NEO4J_START_SECONDS") or str(START_SECONDS)
    with contextlib.suppress(ValueError):
        if 1.0 <= float(asked) < float("inf"):
            return float(asked)
    raise GraphError(f"SAMGRAPH_NEO4J_START_SECONDS is {asked!r}: give a number of seconds, 1 or more.")


def _uri(ports: Ports) -> str:
    return f"bolt://127.0.0.1:{ports.bolt}"


def _is_foreign(variable: str) -> bool:
    return variable.startswith(("SAMGRAPH_NEO4J_", "NEO4J_")) or variable in (
        "JAVA_TOOL_OPTIONS",
        "CLASSPATH",
    )
