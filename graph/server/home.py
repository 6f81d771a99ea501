"""The folder of a local server (`SAMGRAPH_HOME`): its layout, settings, password, ports and who runs it.

HOME/                0700
  lock               held while a server is started, stopped or reset
  password           0600, made on the spot
  ports.json         the two loopback ports that this home keeps
  run.json           the server's process, and the watcher's if it ends with its clients
  clients/PID        one file a process that the server must not outlive
  neo4j/             NEO4J_HOME: conf, data, logs
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
import string
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
import psutil

from samgraph.errors import GraphError
from samgraph.graph.server.jars import Release
from samgraph.graph.server.watch import is_process

USER = "neo4j"
LOCK_SECONDS = 240.0
LEAST_FREE_BYTES = 200 << 20
PREFERRED_PORTS = {"bolt": 7687, "http": 7474}


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one home."""

    bolt: int
    http: int


@dataclass(frozen=True)
class Running:
    """The process of a running server; `watcher` is the process that ends it with its clients (0: none)."""

    pid: int
    created: float
    watcher: int
    version: str
    ports: Ports


class PortTaken(GraphError):
    """Another program listens on a port that this home's server uses."""


class Home:
    """A local server's folder."""

    def __init__(self, root: Path | None = None) -> None:
        chosen = os.environ.get("SAMGRAPH_HOME")
        default = Path(chosen) if chosen else Path(platformdirs.user_data_dir("samgraph"))
        self.root = (root or default).expanduser().resolve()
        self.neo4j = self.root / "neo4j"
        self.arguments = self.neo4j / "conf" / "java.args"
        self.clients = self.root / "clients"
        self.password_file = self.root / "password"
        self.run_file = self.root / "run.json"
        self.lock_file = self.root / "lock"
        self._ports = self.root / "ports.json"

    def make(self) -> None:
        """Create the folders; GraphError if they cannot be written or the disk is full."""
        with self._writing():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("conf", "data/dbms", "logs", "import", "plugins", "run"):
                (self.neo4j / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.clients.mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < LEAST_FREE_BYTES:
            raise GraphError(
                f"The disk of {self.root} has {free >> 20} MB left and the local Neo4j server needs "
                f"{LEAST_FREE_BYTES >> 20}: free some, or set SAMGRAPH_HOME to a folder on another disk."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time starts, stops or resets the server of this home."""
        if sys.platform == "win32":
            raise GraphError(
                "The local Neo4j server runs on Linux and macOS: name a server in SAMGRAPH_NEO4J_URI instead."
            )
        import fcntl

        with self._writing():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise GraphError(
                            f"Another program has been starting or stopping the Neo4j server of {self.root} "
                            f"for {LOCK_SECONDS:.0f} s: wait for it, or end it."
                        ) from None
                    time.sleep(0.1)
            yield
        finally:
            os.close(handle)

    # --- who runs it

    def running(self) -> Running | None:
        """The server that run.json names, if that process is still the one that was started."""
        try:
            kept = json.loads(self.run_file.read_text())
            run = Running(**{**kept, "ports": Ports(**kept["ports"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return run if self.is_server(run.pid, run.created) else None

    def is_server(self, pid: int, created: float) -> bool:
        """Whether this process is the Java that was started for this home, not another that got its number."""
        if not is_process(pid, created):
            return False
        try:
            return f"@{self.arguments}" in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    def keep_running(self, run: Running) -> None:
        self.write(self.run_file, json.dumps(asdict(run)))

    def forget_running(self) -> None:
        self.run_file.unlink(missing_ok=True)

    def enter_client(self) -> None:
        """Note that this process uses the server, which must not outlive the last such process."""
        process = psutil.Process()
        self.write(self.clients / str(process.pid), repr(process.create_time()))

    def leave_client(self) -> None:
        (self.clients / str(os.getpid())).unlink(missing_ok=True)

    # --- what the server needs

    def password(self) -> str:
        """The password of user `neo4j`, as kept in the password file."""
        try:
            return self.password_file.read_text().strip()
        except FileNotFoundError:
            raise GraphError(
                f"The password of the local Neo4j server is gone from {self.password_file}: put it back, or "
                "empty the database with `samgraph neo4j reset --yes`."
            ) from None
        except OSError as error:
            raise GraphError(
                f"The password file {self.password_file} cannot be read ({error.strerror})."
            ) from error

    def make_password(self) -> str:
        """Make a password if this home has no database yet.

        The server gets it as the salted hash that it keeps itself (`data/dbms/auth.ini`, which is what
        `neo4j-admin dbms set-initial-password` writes), so the password is never an argument of a process.
        """
        if any((self.neo4j / "data").glob("databases/*")):
            password = self.password()
            os.chmod(self.password_file, 0o600)
            return password
        if not self.password_file.exists():
            letters = string.ascii_letters + string.digits
            self.write(self.password_file, "".join(secrets.choice(letters) for _ in range(20)) + "\n")
        password = self.password()
        salt = secrets.token_bytes(32)
        digest = hashlib.sha256(salt + password.encode()).digest()
        for _ in range(1023):
            digest = hashlib.sha256(digest).digest()
        self.write(
            self.neo4j / "data" / "dbms" / "auth.ini", f"{USER}:SHA-256,{digest.hex()},{salt.hex()},1024:\n"
        )
        return password

    def kept_ports(self) -> Ports | None:
        """The ports that this home keeps, None the first time; PortTaken if another program has one of them."""
        try:
            ports = Ports(**json.loads(self._ports.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        for port in (ports.bolt, ports.http):
            if not is_free(port):
                raise self.port_taken(port)
        return ports

    def choose_ports(self, *, new: bool = False) -> Ports:
        """Free ports, kept from now on: 7687 and 7474 if they are free and not `new`."""
        chosen = {
            name: preferred if not new and is_free(preferred) else _any_free_port()
            for name, preferred in PREFERRED_PORTS.items()
        }
        ports = Ports(**chosen)
        self.write(self._ports, json.dumps(asdict(ports)))
        return ports

    def port_taken(self, port: int) -> PortTaken:
        return PortTaken(
            f"Port {port} of 127.0.0.1, which the Neo4j server of {self.root} uses, is taken by another "
            "program: stop that one, or move to free ports with `samgraph neo4j start --new-ports`."
        )

    def claim_version(self, release: Release) -> None:
        """Note which release keeps this home's data; GraphError if another line or a newer one already does."""
        note = self.neo4j / "version"
        kept = note.read_text().strip() if note.exists() else ""
        if kept and any((self.neo4j / "data").glob("databases/*")):
            before = Release(kept, ())
            if before.line != release.line or _numbers(kept) > _numbers(release.version):
                raise GraphError(
                    f"{self.root} holds a database of Neo4j {kept}, which {release.version} cannot open: set "
                    f"SAMGRAPH_NEO4J_VERSION={kept}, use another SAMGRAPH_HOME, or empty it with "
                    "`samgraph neo4j reset --yes`."
                )
        self.write(note, release.version + "\n")

    def write(self, path: Path, text: str) -> None:
        """Put a file into place whole, readable by its owner alone."""
        part = path.with_name(f".{path.name}.{os.getpid()}")
        with self._writing():
            try:
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(part, path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise GraphError(
                    f"No space is left on the disk of {self.root}: free some, or set SAMGRAPH_HOME to a folder "
                    "on another disk."
                ) from error
            raise GraphError(
                f"The local Neo4j server's folder {self.root} cannot be written ({error.strerror}): make it "
                "writable, or set SAMGRAPH_HOME to another one."
            ) from error


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
