"""Progress of long stages on standard error: a bar on a terminal, one line otherwise, nothing if asked to be quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_quiet = False


def be_quiet(quiet: bool) -> None:
    """Whether stages of this process keep silent from now on."""
    global _quiet  # noqa: PLW0603  one standard error, one switch
    _quiet = quiet


def warn(sentence: str) -> None:
    """Say what went otherwise than it should, and what is done about it; not even `be_quiet` keeps it back."""
    print(f"samgraph: {sentence}", file=sys.stderr, flush=True)


class Stage:
    """A stage that is under way; `advance` moves its bar, `total` may become known later."""

    def __init__(self, progress: Progress | None, name: str, total: int | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task(name, total=total)

    def advance(self, amount: int = 1) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, amount)

    def set_total(self, total: int) -> None:
        """What is to be done is known, and begins now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total, completed=0)


@contextmanager
def stage(name: str, total: int | None = None) -> Iterator[Stage]:
    """Show that `name` is under way, and how long it took once it is done."""
    if _quiet:
        yield Stage(None, name, total)
        return
    began = time.monotonic()
    if not sys.stderr.isatty():
        yield Stage(None, name, total)
        print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Stage(progress, name, total)
    print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
