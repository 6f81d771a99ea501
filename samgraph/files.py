"""Files that are whole or absent: written beside their place, then renamed into it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.errors import DatasetError, RunError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place once the block has ended well.

    Raises:
        RunError: the folder cannot be written, or the disk is full; nothing is left behind then.
    """
    scratch: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        scratch = Path(name)
        scratch.chmod(0o644)
        yield scratch
        os.replace(scratch, path)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}; free the disk or choose another folder"
        ) from error
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path` alone; the system frees it when the process ends, however it ends.

    Raises:
        RunError: another process holds it for `seconds`
    """
    if sys.platform == "win32":  # no such locks there: two runs in one folder are the user's to avoid
        yield
        return
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RunError(
                        f"another process works in {path.parent}; wait for it, end it, or choose another folder"
                    ) from None
                time.sleep(0.1)
        yield


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder beside `out` that takes its place, or that of what was there, once the block has ended well.

    Raises:
        DatasetError: it cannot be made or written; what was there is there still.
    """
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise DatasetError(f"the folder {out} cannot be made: {error.strerror}; choose another") from error
    try:
        fresh = staging / "new"
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(staging / "old")
        fresh.rename(out)
    except OSError as error:
        if (staging / "old").exists() and not out.exists():  # moved away in vain
            (staging / "old").rename(out)
        raise DatasetError(
            f"the folder {out} cannot be written: {error.strerror}; nothing was changed"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN is refused by JSON's own rules and must be None."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write `frame` as Parquet, without its index."""
    with whole(path) as scratch:
        frame.to_parquet(scratch, index=False)
