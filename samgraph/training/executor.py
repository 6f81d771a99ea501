"""Where the pieces of a run are fitted: an executor takes tasks and tells what became of them.

    submit(task)      the executor fits it when it has room
    poll(seconds)     what happened since, waiting at most so long: epochs finished, piece done, worker lost
    close()           stop everything under way at once; what was finished is kept

Two executors keep this protocol: processes of this machine (`samgraph.training.local`) and a Ray cluster
(`samgraph.training.ray`). They schedule by themselves; `samgraph.training.pieces.fit_pieces` gives lost tasks to
them again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from samgraph.errors import ConfigError
from samgraph.training.local import LocalExecutor
from samgraph.training.task import Engine, Executor


@contextlib.contextmanager
def open_executor(
    engine: Engine, address: str | None, jobs: int | None, ahead: int = 0
) -> Iterator[Executor]:
    """The executor of a run, closed at the end of the block.

    Args:
        engine: "local" or "ray"
        address: of a Ray cluster (HOST:PORT, ray://HOST:PORT or auto); None starts Ray on this machine alone
        jobs: pieces at once; None: one a core, or as many as the cluster has room for
        ahead: processes of this machine to start at once, before there is a task for them

    Raises:
        ConfigError: an address without Ray
        RunError: Ray is not installed, or no cluster answers there
    """
    executor: Executor
    if engine == "ray":
        from samgraph.training.ray import RayExecutor

        executor = RayExecutor(address, jobs)
    elif address is not None:
        raise ConfigError(
            f"address {address} names a Ray cluster, but the engine is local; set engine to ray"
        )
    else:
        executor = LocalExecutor(jobs or os.cpu_count() or 1)
    try:
        if isinstance(executor, LocalExecutor):
            executor.start(ahead)
        yield executor
    finally:
        executor.close()


def processes_ahead(pieces: int, out: Path) -> int:
    """How many processes to start before there is a task, for a run of so many pieces or more in the folder `out`.

    None for a run that has begun, of which all may be fitted. One core is left to the process that reads.
    """
    if (out / "manifest.json").exists():
        return 0
    return min(pieces, max(1, (os.cpu_count() or 1) - 1))
