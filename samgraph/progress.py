"""Progress of long stages on standard error: a bar on a terminal, lines in a log, nothing if asked to be quiet.

Where standard error is not a terminal, a stage says how far it is at most once every `EVERY` seconds, as
`train: 37% (37 of 100), 95 s so far, about 162 s left`, and how long it took once it is done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 30.0  # seconds between two lines of a stage
_quiet = False
_json = False


def be_quiet(quiet: bool) -> None:
    """Whether stages of this process keep silent from now on."""
    global _quiet  # noqa: PLW0603  one standard error, one switch
    _quiet = quiet


def as_json(wanted: bool) -> None:
    """Whether lines are JSON from now on, {"progress": ...} or {"warning": ...}, and no bar is drawn."""
    global _json  # noqa: PLW0603  as above
    _json = wanted


def warn(sentence: str) -> None:
    """Say what went otherwise than it should, and what is done about it; not even `be_quiet` keeps it back."""
    _line("warning", sentence, f"samgraph: {sentence}")


class Stage:
    """A stage that is under way; `advance` moves it forward, `total` may become known later. This one says nothing."""

    def advance(self, amount: int = 1) -> None:
        """So much more is done."""

    def set_total(self, total: int) -> None:
        """What is to be done is known, and begins now."""


class _Bar(Stage):
    """A stage as a bar."""

    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=total)

    def advance(self, amount: int = 1) -> None:
        self._progress.advance(self._task, amount)

    def set_total(self, total: int) -> None:
        self._progress.update(self._task, total=total, completed=0)


class _Lines(Stage):
    """A stage as lines of a log."""

    def __init__(self, name: str, total: int | None) -> None:
        self._name, self._total, self._done = name, total, 0
        self._began = self._counted = self._said = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._said < EVERY:
            return
        self._said = now
        so_far = f"{now - self._began:.0f} s so far"
        if not self._total:
            _say(f"{self._name}: {self._done:,} done, {so_far}")
            return
        left = (now - self._counted) * max(self._total - self._done, 0) / max(self._done, 1)
        _say(
            f"{self._name}: {min(self._done / self._total, 1):.0%} ({self._done:,} of {self._total:,}), {so_far}, "
            f"about {left:.0f} s left"
        )

    def set_total(self, total: int) -> None:
        self._total, self._done, self._counted = total, 0, time.monotonic()


def _say(line: str) -> None:
    _line("progress", line, line)


def _line(kind: str, words: str, plain: str) -> None:
    line = json.dumps({kind: words}, ensure_ascii=False) if _json else plain
    print(line, file=sys.stderr, flush=True)


@contextmanager
def stage(name: str, total: int | None = None) -> Iterator[Stage]:
    """Show that `name` is under way, and how long it took once it is done."""
    if _quiet:
        yield Stage()
        return
    began = time.monotonic()
    if sys.stderr.isatty() and not _json:
        with _progress() as progress:
            yield _Bar(progress, name, total)
    else:
        yield _Lines(name, total)
    _say(f"{name}: {time.monotonic() - began:.1f} s")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
