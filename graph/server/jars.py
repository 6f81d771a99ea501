"""The Neo4j server's jars: pinned by a committed lock, fetched side by side, checked by SHA-256.

A lock (`neo4j-VERSION.lock` beside this module) names every jar of one server release by its Maven coordinate
with its SHA-256 and size; `tools/lock_neo4j.py` makes it. Jars are kept in the user's cache in Maven's own
layout and are hashed again before every start (176 MB, a tenth of a second), so a damaged one is noticed and
fetched anew.

Settings: SAMGRAPH_NEO4J_VERSION (which lock; `5.26` is enough for the newest 5.26 there is),
SAMGRAPH_CACHE (the cache folder), SAMGRAPH_MAVEN_URL (a mirror of Maven Central).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.resources
import os
import re
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import platformdirs

from samgraph.errors import GraphError

MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
DEFAULT_VERSION = "2026.09.0"
WORKERS = 16
ATTEMPTS = 3
SOCKET_SECONDS = 20.0
FETCH_SECONDS = 900.0
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Jar:
    """One file of a Maven repository: its coordinate, SHA-256 (hex) and size in bytes."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size: int

    @property
    def path(self) -> str:
        """Where the file lies below the root of a Maven repository."""
        name = f"{self.artifact}-{self.version}" + (f"-{self.classifier}" if self.classifier else "") + ".jar"
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{name}"


@dataclass(frozen=True)
class Release:
    """A pinned server release: its version and its jars."""

    version: str
    jars: tuple[Jar, ...]

    @property
    def line(self) -> str:
        """The release line whose stores are compatible: `5` or `2026` (calendar versions)."""
        return "5" if self.version.startswith("5.") else "calendar"

    @property
    def main_class(self) -> str:
        entry = "CommunityEntryPoint" if self.line == "5" else "Neo4jCommunity"
        return f"org.neo4j.server.{entry}"

    @property
    def size(self) -> int:
        """Bytes of all jars together."""
        return sum(jar.size for jar in self.jars)


def read_lock(text: str, name: str = "lock") -> tuple[Jar, ...]:
    """Parse a lock: lines of `group:artifact:version[:classifier]  sha256  size`, `#` begins a comment."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = re.fullmatch(r"([^\s:]+):([^\s:]+):([^\s:]+)(?::([^\s:]+))?\s+([0-9a-f]{64})\s+(\d+)", line)
        if found is None:
            raise GraphError(f"{name}, line {number} is not `coordinate  sha256  size`: {line!r}.")
        group, artifact, version, classifier, sha256, size = found.groups()
        jars.append(Jar(group, artifact, version, classifier or "", sha256, int(size)))
    return tuple(jars)


def release(version: str | None = None) -> Release:
    """The pinned release for `version` (default: SAMGRAPH_NEO4J_VERSION, else the newest supported).

    A prefix such as `5.26` means the one that is pinned of that line.
    """
    asked = version or os.environ.get("SAMGRAPH_NEO4J_VERSION") or DEFAULT_VERSION
    folder = importlib.resources.files("samgraph.graph.server")
    locks = {
        entry.name.removeprefix("neo4j-").removesuffix(".lock"): entry
        for entry in folder.iterdir()
        if entry.name.startswith("neo4j-") and entry.name.endswith(".lock")
    }
    found = [known for known in locks if known == asked or known.startswith(asked.removesuffix(".x") + ".")]
    if len(found) != 1:
        known = " and ".join(sorted(locks, reverse=True))
        raise GraphError(
            f"Neo4j {asked} (SAMGRAPH_NEO4J_VERSION) is not one of the pinned releases: choose {known}."
        )
    lock = locks[found[0]]
    return Release(found[0], read_lock(lock.read_text(encoding="utf-8"), lock.name))


def cache_folder() -> Path:
    """Where jars are kept: SAMGRAPH_CACHE, else the platform's user cache folder."""
    chosen = os.environ.get("SAMGRAPH_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("samgraph"))


def fetch(
    jars: Sequence[Jar],
    *,
    cache: Path | None = None,
    url: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Make sure that all jars are in the cache, whole; their paths, in the order given.

    Each one is hashed; one that is missing or damaged is fetched from `url` (SAMGRAPH_MAVEN_URL, else Maven
    Central), 16 side by side, into a temporary file that takes its place only once its SHA-256 is right.
    `progress` is called with 1 for each jar that is ready. Two processes may fetch into one cache at once.

    Raises GraphError: no network, a wrong sum, no space, no right to write. The first failure ends the rest.
    """
    root = (cache_folder() if cache is None else cache) / "jars"
    base = (url or os.environ.get("SAMGRAPH_MAVEN_URL") or MAVEN_CENTRAL).rstrip("/")
    stop = threading.Event()
    deadline = time.monotonic() + FETCH_SECONDS
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="jars")
    try:
        # The largest first, so that none of them is what the others end up waiting for.
        ordered = sorted(jars, key=lambda jar: -jar.size)
        jobs = [pool.submit(_ready, jar, root, base, stop, progress) for jar in ordered]
        done, waiting = wait(jobs, timeout=deadline - time.monotonic(), return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
        if waiting:
            raise GraphError(
                f"Fetching the Neo4j server from {base} took more than {FETCH_SECONDS:.0f} s: "
                f"{len(done)} of {len(jars)} files are there; run the same command again to continue."
            )
    finally:
        # Ends the others too, at their next chunk, when one failed or the user pressed Ctrl-C.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return [root / jar.path for jar in jars]


class _Stopped(Exception):
    """Another download failed; this one gave up."""


def _ready(
    jar: Jar, root: Path, base: str, stop: threading.Event, progress: Callable[[int], None] | None
) -> None:
    target = root / jar.path
    if stop.is_set():
        raise _Stopped
    if not _whole(target, jar):
        _download(jar, target, f"{base}/{jar.path}", stop)
    if progress is not None:
        progress(1)


def _whole(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != jar.size:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise GraphError(f"The Neo4j server's file {path} cannot be read ({error.strerror}).") from error


def _download(jar: Jar, target: Path, address: str, stop: threading.Event) -> None:
    problem = ""
    for attempt in range(ATTEMPTS):
        if stop.wait(0.25 * 2**attempt if attempt else 0.0):
            raise _Stopped
        try:
            problem = _download_once(jar, target, address, stop)
        except urllib.error.HTTPError as error:
            problem = f"the answer was {error.code} {error.reason}"
            if error.code == 404:
                break
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        except OSError as error:
            raise _cannot_write(target, error) from error
        if not problem:
            return
    raise GraphError(
        f"The Neo4j server cannot be downloaded: {address}: {problem}. Connect to the network, name a mirror "
        "of Maven Central in SAMGRAPH_MAVEN_URL, or name a running server in SAMGRAPH_NEO4J_URI."
    )


def _download_once(jar: Jar, target: Path, address: str, stop: threading.Event) -> str:
    """Fetch one file into its place; what is wrong with it, or nothing."""
    request = urllib.request.Request(address, headers={"User-Agent": "samgraph"})
    digest = hashlib.sha256()
    size = 0
    with urllib.request.urlopen(request, timeout=SOCKET_SECONDS) as answer:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                while chunk := answer.read(_CHUNK):
                    if stop.is_set():
                        raise _Stopped
                    digest.update(chunk)
                    size += len(chunk)
                    if size > jar.size:
                        break
                    file.write(chunk)
            if size != jar.size or digest.hexdigest() != jar.sha256:
                return f"its content is not what the lock says (SHA-256 {jar.sha256[:12]}…, {jar.size} bytes)"
            os.replace(name, target)
            return ""
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _cannot_write(target: Path, error: OSError) -> GraphError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return GraphError(
            f"No space is left for the Neo4j server's files in {target.parent}: free some (about 250 MB), or "
            "set SAMGRAPH_CACHE to a folder on another disk."
        )
    return GraphError(
        f"The Neo4j server's files cannot be written to {target.parent} ({error.strerror}): make it writable, "
        "or set SAMGRAPH_CACHE to another folder."
    )
