"""Pieces on a Ray cluster: inputs travel to the nodes as bytes, checkpoints and results come back as bytes.

No node needs the driver's disk. The model inputs are put into Ray's object store once; after every epoch, once a
second at most, a task mails its checkpoint to an actor beside the driver, and the driver writes it into the run.
So a piece whose node died goes on elsewhere from its last mailed epoch. Ray places the tasks; it is not asked to
retry them, because it would begin anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import time
import uuid
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from samgraph.errors import RunError, SamgraphError
from samgraph.files import locked, whole
from samgraph.hist.checkpoint import pack_checkpoint, unpack_checkpoint
from samgraph.run import manifest
from samgraph.seals import seal_piece, sealed_names
from samgraph.training.fit import fit_piece
from samgraph.training.task import LOCK_SECONDS, Event, Task

CONNECT_SECONDS = 10.0
MAIL_SECONDS = 180.0  # the driver's and the tasks' patience with the actor between them
MAIL_EVERY = 1.0  # seconds between two mailed checkpoints of a piece
ROOM_SECONDS = 300.0  # how long a cluster may have no room for any piece, as while it grows


class Mailbox:
    """The actor between tasks and driver: the last word of every attempt."""

    def __init__(self) -> None:
        self._mail: dict[str, tuple[int, dict[str, bytes]]] = {}

    def put(self, attempt: str, epochs: int, checkpoint: dict[str, bytes]) -> None:
        kept = self._mail.get(attempt, (0, {}))[1]
        self._mail[attempt] = (epochs, checkpoint or kept)

    def take(self) -> dict[str, tuple[int, dict[str, bytes]]]:
        mail, self._mail = self._mail, {}
        return mail


@dataclass
class _Attempt:
    """One submission of a task, with the lock on the piece's folder that the driver holds meanwhile."""

    task: Task
    name: str
    held: contextlib.ExitStack


class RayExecutor:
    """See the module. Raises RunError if Ray is absent or no cluster answers at `address`."""

    def __init__(self, address: str | None, jobs: int | None) -> None:
        self._ray = ray = _import_ray()
        self._jobs = jobs
        self._begun = not ray.is_initialized()
        if self._begun:
            _connect(ray, address, jobs)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self._mailbox: Any = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()
        self._fit = ray.remote(_fit_remotely)
        self._put: dict[Path, Any] = {}
        self._versions = manifest.versions()
        self._waiting: deque[Task] = deque()
        self._running: dict[Any, _Attempt] = {}
        self._room_since = time.monotonic()

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def poll(self, seconds: float) -> list[Event]:
        while self._waiting and (self._jobs is None or len(self._running) < self._jobs):
            self._start(self._waiting.popleft())
        self._require_room()
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        done, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        events = self._take_mail()
        for reference in done:
            attempt = self._running.pop(reference)
            with attempt.held:
                events.append(self._outcome(reference, attempt.task))
        return events

    def close(self) -> None:
        running, self._running = self._running, {}
        for reference, attempt in running.items():
            with contextlib.suppress(Exception):  # the cluster may be what failed
                self._ray.cancel(reference, force=True)
            attempt.held.close()
        self._waiting.clear()
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:  # else it is closed, and asking Ray for anything would start another
            with contextlib.suppress(Exception):
                self._ray.kill(mailbox)
            if self._begun:
                self._ray.shutdown()

    def _start(self, task: Task) -> None:
        held = contextlib.ExitStack()
        held.enter_context(locked(task.folder / ".lock", LOCK_SECONDS))
        attempt = _Attempt(task, f"{task.piece.name}-{uuid.uuid4().hex}", held)
        inputs = {name: self._input(task.work.folder / name) for name in task.files}
        kind = {"num_gpus": 1} if task.work.device.startswith("cuda") else {}
        reference = self._fit.options(
            num_cpus=task.work.config.threads, max_retries=0, name=task.piece.name, **kind
        ).remote(
            replace(task, work=replace(task.work, folder=Path())),
            list(inputs),
            pack_checkpoint(task.folder),
            self._mailbox,
            attempt.name,
            self._versions,
            *inputs.values(),
        )
        self._running[reference] = attempt

    def _input(self, path: Path) -> Any:
        if path not in self._put:
            self._put[path] = self._ray.put(path.read_bytes())
        return self._put[path]

    def _take_mail(self) -> list[Event]:
        try:
            mail = self._ray.get(self._mailbox.take.remote(), timeout=MAIL_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise RunError(
                f"the Ray cluster no longer answers ({_first_line(error)}); start it and run the same command "
                "again: finished epochs are kept"
            ) from error
        events = []
        for attempt in self._running.values():  # mail of attempts that were given up is left unread
            if attempt.name in mail:
                epochs, checkpoint = mail[attempt.name]
                unpack_checkpoint(attempt.task.folder, checkpoint)
                events.append(Event(attempt.task, epochs))
        return events

    def _outcome(self, reference: Any, task: Task) -> Event:
        exceptions = self._ray.exceptions
        try:
            files, checkpoint = self._ray.get(reference, timeout=MAIL_SECONDS)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, SamgraphError):
                raise error.cause from error
            if "No module named 'samgraph" in str(error):
                raise RunError(
                    "a node of the Ray cluster has no samgraph; install the same version on every node"
                ) from error
            raise RunError(f"piece {task.piece.name} failed on the Ray cluster: {error}") from error
        except exceptions.RuntimeEnvSetupError as error:
            raise RunError(f"a node of the Ray cluster cannot start Python: {_first_line(error)}") from error
        except (exceptions.RayError, OSError) as error:  # a worker, its node or its result is gone
            return Event(task, lost=_first_line(error))
        unpack_checkpoint(task.folder, checkpoint)
        for name, content in files.items():
            with whole(task.folder / name) as scratch:
                scratch.write_bytes(content)
        seal_piece(task.folder, files)
        return Event(task, done=True)

    def _require_room(self) -> None:
        wanted = max((a.task.work.config.threads for a in self._running.values()), default=0)
        if self._ray.cluster_resources().get("CPU", 0.0) >= wanted:
            self._room_since = time.monotonic()
        elif time.monotonic() - self._room_since > ROOM_SECONDS:
            raise RunError(
                f"for {ROOM_SECONDS:.0f} s no node of the Ray cluster had {wanted} CPU(s) for a piece; add nodes and "
                "run the same command again: finished epochs are kept"
            )


def _fit_remotely(
    task: Task,
    names: list[str],
    checkpoint: dict[str, bytes],
    mailbox: Any,
    attempt: str,
    versions: dict[str, str],
    *contents: bytes,
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """On a node: fit a piece in a folder of its own; its files and its last checkpoint."""
    import ray

    for name, version in manifest.versions().items():
        if version != versions.get(name):
            raise RunError(
                f"a node of the Ray cluster has {name} {version}, the run has {versions.get(name)}; install the same "
                "versions on every node, or its numbers would differ"
            )
    with tempfile.TemporaryDirectory(prefix="samgraph-") as scratch:
        here = replace(task, work=replace(task.work, folder=Path(scratch)))
        for name, content in zip(names, contents, strict=True):
            path = here.work.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        unpack_checkpoint(here.folder, checkpoint)
        mailed = 0.0
        pending: Any = None

        def epoch_done(epochs: int) -> None:
            nonlocal mailed, pending
            if time.monotonic() - mailed < MAIL_EVERY:
                return
            if pending is not None:
                ray.get(pending, timeout=MAIL_SECONDS)  # one letter under way at a time
            pending = mailbox.put.remote(attempt, epochs, pack_checkpoint(here.folder))
            mailed = time.monotonic()

        fit_piece(here, epoch_done)
        files = {name: (here.folder / name).read_bytes() for name in sealed_names(here.folder)}
        return files, pack_checkpoint(here.folder)


def _import_ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # and no warning about it
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise RunError(
            "the engine ray needs the package ray, which is not installed; install samgraph[ray], or leave the "
            "engine local"
        ) from error
    return ray


def _connect(ray: Any, address: str | None, jobs: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        local = {"num_cpus": jobs or os.cpu_count() or 1, "include_dashboard": False}
        ray.init(**local, **quiet, _node_ip_address="127.0.0.1")
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        if "AuthenticationError" in repr(error.__cause__) + str(error.__cause__):
            raise RunError(
                f"the Ray cluster at {address} asks for another token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as "
                "its nodes have them"
            ) from error
        raise RunError(
            f"no Ray cluster answers at {address} ({_first_line(error)}); start one with ray start --head, or correct "
            "the address"
        ) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
