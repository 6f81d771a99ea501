"""A listener that is no Neo4j is named for what it is."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samgraph.errors import GraphError
from samgraph.graph.db import listener
from samgraph.graph.db.driver import Address, Graph


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on which each connection is handed to `answer`, and then closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line = server.accept()[0]
                    threading.Thread(target=one, args=(line,), daemon=True).start()

        def one(line: socket.socket) -> None:
            with line, contextlib.suppress(OSError):
                answer(line)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def waits_for_ever(line: socket.socket) -> None:
    while line.recv(1024):
        pass


WORDS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "ssh": (lambda line: line.sendall(b"SSH-2.0-made\r\n"), "an SSH server listens"),
    "mail": (lambda line: line.sendall(b"220 made\r\n"), "not Bolt"),
    "hung up": (lambda line: None, "says nothing"),
    "tls alert": (lambda line: line.sendall(b"\x15\x03\x01\x00\x02\x02\x16"), "speaks TLS: write bolt"),
}


@pytest.mark.parametrize("who", WORDS)
def test_whoever_answers_otherwise_than_neo4j_is_named(who: str) -> None:
    answer, words = WORDS[who]
    with listening(answer) as port, pytest.raises(GraphError) as told:
        Graph.open(Address(f"bolt://127.0.0.1:{port}", "neo4j", "secret"))
    assert words in str(told.value) and str(port) in str(told.value) and "secret" not in str(told.value)


def test_a_web_server_and_a_silent_listener_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "WAIT_SECONDS", 0.3)
    quiet = type("Quiet", (http.server.BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        told = listener.cause(f"neo4j://127.0.0.1:{web.server_port}")
        web.shutdown()
    assert told is not None and "a web server listens" in told
    with listening(waits_for_ever) as port:
        told = listener.cause(f"bolt://127.0.0.1:{port}")
    assert told is not None and "says nothing" in told


def test_a_plain_bolt_server_is_told_to_one_who_asks_with_tls_and_nobody_is_nobody() -> None:
    with listening(lambda line: line.sendall(b"\x00\x00\x04\x05")) as port:
        assert "without TLS" in str(listener.cause(f"bolt+s://127.0.0.1:{port}"))
        assert listener.cause(f"bolt://127.0.0.1:{port}") is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "nobody listens" in str(listener.cause(f"bolt://127.0.0.1:{port}"))
    assert listener.cause("7687") is None and listener.cause("bolt://127.0.0.1:99999") is None


@pytest.mark.parametrize("version", [b"\x00\x00\x00\x00", b"\x00\x00\x00\x03", b"\x00\x00\x04\x04"])
def test_a_server_that_is_too_old_is_told_with_the_release_that_is_needed(version: bytes) -> None:
    """None in common, Neo4j 3.5 and Neo4j 4.4, which speak a Bolt that lacks what is asked of it."""

    def old(line: socket.socket) -> None:
        line.recv(20)
        line.sendall(version)
        waits_for_ever(line)

    with listening(old) as port, pytest.raises(GraphError, match=r"too old.* needs Neo4j 5\.26 or newer"):
        Graph.open(Address(f"bolt://127.0.0.1:{port}", "neo4j", "secret"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_told_and_how_to_take_it(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=made"
    )
    subprocess.run([*made.split()], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def secured(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as inner:
            inner.recv(20)
            inner.sendall(b"\x00\x00\x04\x04")
            waits_for_ever(inner)

    with listening(secured) as port:
        for scheme in ("bolt", "neo4j"):
            with pytest.raises(GraphError) as told:
                Graph.open(Address(f"{scheme}+s://127.0.0.1:{port}", "neo4j", "secret"))
            assert "not trusted here (self-signed certificate)" in str(told.value)
            assert f"{scheme}+ssc://" in str(told.value) and "SSL_CERT_FILE" in str(told.value)
        with pytest.raises(GraphError, match="too old"):  # taken unchecked, and spoken with
            Graph.open(Address(f"bolt+ssc://127.0.0.1:{port}", "neo4j", "secret"))
