"""Who listens at an address that is no Neo4j: what it says when spoken to, as a cause in words.

Asked only after the driver failed. The first words of Bolt are sent, and some seconds are waited for an answer.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

WAIT_SECONDS = 2.0
PORT = 7687
# Bolt's opening: four bytes that name it, then four versions that the driver could speak.
_HELLO = bytes.fromhex("6060b017") + bytes.fromhex("00000105 00080805 00020404 00000003".replace(" ", ""))


def cause(uri: str) -> str | None:
    """Why nobody speaks Bolt at `uri`, as a sentence without its end; None where that cannot be told."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port or PORT
        if host:
            told = _cause(host, port, secure=parts.scheme.endswith(("+s", "+ssc")))
            if told is None and parts.scheme.endswith("+s"):
                return _distrusted(host, port, parts.scheme)
            return told
    return None


def _cause(host: str, port: int, *, secure: bool) -> str | None:
    there = f"{host}:{port}"
    try:
        said = _answer(host, port, _HELLO)
    except socket.gaierror:
        return f"no machine is called {host}"
    except ConnectionRefusedError:
        return f"nobody listens at {there}"
    except OSError:  # no answer, or hung up: it may wait for something else than Bolt
        said = b""
    if said:
        return _who(there, said, secure=secure)
    if _speaks_tls(host, port):
        return None if secure else f"{there} speaks TLS: write bolt+s:// or neo4j+s:// for its address"
    with contextlib.suppress(OSError):
        said = _answer(host, port, b"GET / HTTP/1.0\r\n\r\n")
    if said:
        return _who(there, said, secure=secure)
    return f"{there} takes connections and says nothing, or cannot be reached: no Neo4j, or one that hangs"


def _answer(host: str, port: int, words: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=WAIT_SECONDS) as line:
        line.settimeout(WAIT_SECONDS)
        line.sendall(words)
        return line.recv(64)


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who it is does not matter here
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, port), timeout=WAIT_SECONDS) as line,
        context.wrap_socket(line),
    ):
        return True
    return False


def _distrusted(host: str, port: int, scheme: str) -> str | None:
    """Why this machine does not trust the certificate of the TLS server there; None where it does."""
    try:
        with socket.create_connection((host, port), timeout=WAIT_SECONDS) as line:
            ssl.create_default_context().wrap_socket(line, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate of {host}:{port} is not trusted here ({error.verify_message.rstrip('.')}): write "
            f"{scheme}sc:// for its address to take it unchecked, or name its authority's file in SSL_CERT_FILE"
        )
    except OSError:
        pass
    return None


def _who(there: str, said: bytes, *, secure: bool) -> str | None:
    if said.startswith(b"SSH-"):
        return f"an SSH server listens at {there}, not Neo4j's Bolt"
    if said.startswith((b"HTTP/", b"<")):
        return f"a web server listens at {there}, not Neo4j's Bolt (whose port is {PORT} where nothing else was set)"
    if said[:2] in (b"\x15\x03", b"\x16\x03"):
        return None if secure else f"{there} speaks TLS: write bolt+s:// or neo4j+s:// for its address"
    if (len(said) == 4 and said[:3] in (b"\x00\x00\x00", b"\x00\x00\x01")) or said[:2] == b"\x00\x00":
        return (
            f"{there} speaks Bolt without TLS: write bolt:// or neo4j:// for its address" if secure else None
        )
    return f"{there} answers something that is not Bolt"
