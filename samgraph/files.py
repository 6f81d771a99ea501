"""Files that are whole or absent: written beside their place, then renamed into it.

What is under way lies beside its place as `.NAME.XXXXXXXX.unfinished` and is locked by the process that writes it. The
system frees the lock however that process ends, so what nobody holds is the rest of a killed one: the next writer of
the same place takes it away.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.errors import DatasetError, RunError

UNFINISHED = ".unfinished"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place once the block has ended well.

    Raises:
        RunError: the folder cannot be written, or the disk is full; nothing is left behind then.
    """
    scratch: Path | None = None
    handle: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for rest in _remains(path):
            rest.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
        scratch = Path(name)
        with contextlib.suppress(OSError):  # a file system without locks: remains are not told, and stay
            _lock(handle)
        scratch.chmod(0o666 & ~_umask())
        yield scratch
        os.replace(scratch, path)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}; free the disk or choose another folder"
        ) from error
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def _umask() -> int:
    """What the user takes away from the rights of new files; the system tells it only in exchange for another."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def is_unfinished(path: Path) -> bool:
    """Whether it is what a writer has under way, or what a killed one left."""
    return path.name.startswith(".") and path.name.endswith(UNFINISHED)


def _remains(path: Path) -> list[Path]:
    """What killed writers of `path` left beside it; none where the system has no locks to tell by."""
    if sys.platform == "win32":
        return []
    pattern = re.compile(re.escape(f".{path.name}.") + r"\w{8}" + re.escape(UNFINISHED))
    found = []
    for name in os.listdir(path.parent):
        if pattern.fullmatch(name):
            with contextlib.suppress(OSError):  # held by a living writer, or gone by now
                handle = os.open(path.parent / name, os.O_RDONLY)
                try:
                    _lock(handle)
                finally:
                    os.close(handle)
                found.append(path.parent / name)
    return found


def _lock(handle: int) -> None:
    """Lock an open file or folder; BlockingIOError where another process holds it."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
                    raise _occupied(path.parent) from None
                time.sleep(0.1)
        yield


def _occupied(folder: Path) -> RunError:
    return RunError(f"another process works in {folder}; wait for it, end it, or choose another folder")


@contextmanager
def folder_alone(folder: Path) -> Iterator[None]:
    """Hold a folder alone, without a file in it; it is made where it is absent, and goes again if it stays empty.

    The lock stays with the folder when that is renamed. A folder that cannot be made or opened is passed over: who
    writes there says why.

    Raises:
        RunError: another process holds it
    """
    folder = folder.absolute()
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    handle: int | None = None
    try:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
        if handle is not None:
            try:
                _lock(handle)
            except BlockingIOError:
                raise _occupied(folder) from None
            except OSError:  # a file system without locks: two runs in one folder are the user's to avoid
                pass
        yield
    finally:
        if handle is not None:
            os.close(handle)
        with contextlib.suppress(OSError):  # not empty
            for one in made:
                one.rmdir()


def same_file(source: str | Path, target: str | Path) -> None:
    """A second name of a file that is replaced and never written into, or a copy where the file system has none.

    A target that is there stays as it is.

    Raises:
        RunError: the copy cannot be written; nothing is left behind then
    """
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        with whole(Path(target)) as scratch:
            shutil.copyfile(source, scratch)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder beside `out` that takes its place, or that of what was there, once the block has ended well.

    Raises:
        DatasetError: it cannot be made or written; what was there is there still.
    """
    out = out.absolute()
    handle: int | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        put_back(out)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=UNFINISHED, dir=out.parent))
        if sys.platform != "win32":
            handle = os.open(staging, os.O_RDONLY)
            with contextlib.suppress(OSError):
                _lock(handle)
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
        if handle is not None:
            os.close(handle)


def put_back(out: Path) -> None:
    """Mend what a killed `whole_folder` left: the folder that it had moved away and not yet replaced is put back.

    Raises:
        OSError: it cannot be moved
    """
    out = out.absolute()
    if not out.parent.is_dir():
        return
    for staging in _remains(out):
        if (staging / "old").is_dir() and not os.path.lexists(out):
            (staging / "old").rename(out)
        shutil.rmtree(staging, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN is refused by JSON's own rules and must be None."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def json_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by name as JSON has them: None for a NaN or an infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def flattened(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with its path: variants.product.ic."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write `frame` as Parquet, without its index."""
    with whole(path) as scratch:
        frame.to_parquet(scratch, index=False)
