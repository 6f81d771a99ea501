"""Which files of a folder are a table: regular files inside it, and small enough to be unpacked here.

A dataset may come from elsewhere. So a link that leads out of its folder, a pipe, a device, or a folder in place of a
file is refused before anything is opened, and so is a Parquet file whose few bytes unpack to more than the memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from samgraph.errors import DatasetError


def table_files(root: Path, name: str) -> tuple[Path, ...]:
    """The files of table `name` in the folder `root`, its parts sorted; empty where there is none.

    Raises DatasetError where it is there in two forms, is no regular file, or lies outside the folder.
    """
    forms = [root / f"{name}.parquet", root / f"{name}.csv", root / name]
    found = [form for form in forms if os.path.lexists(form)]
    if len(found) > 1:
        both = " and ".join(form.name for form in found)
        raise DatasetError(f"{root} holds table {name} as {both}; keep one of them")
    if not found:
        return ()
    inside = root.resolve()
    (path,) = found
    if path != forms[-1]:
        _require_file(name, path, inside)
        return (path,)
    _require_inside(name, path, inside)
    if not path.is_dir():
        raise DatasetError(
            f"table {name}: {path} is not a folder; name a file {name}.parquet or {name}.csv, or make a folder of parts"
        )
    parts = tuple(sorted(_parquet_below(name, path, inside)))
    if not parts:
        raise DatasetError(f"table {name}: the folder {path} holds no Parquet part (*.parquet)")
    return parts


def _parquet_below(name: str, folder: Path, inside: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        for one in folders:
            if (Path(here) / one).is_symlink():  # would be left out without a word, or lead round in a circle
                raise DatasetError(
                    f"table {name}: {Path(here) / one} is a link to a folder; put the folder itself there"
                )
        for one in (*folders, *files):
            if one.endswith(".parquet"):
                _require_file(name, Path(here) / one, inside)
                yield Path(here) / one


def _require_inside(name: str, path: Path, inside: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a link to nothing, or to itself
        raise DatasetError(
            f"table {name}: {path} is a link that leads nowhere; put the file itself there"
        ) from error
    if not target.is_relative_to(inside):
        raise DatasetError(
            f"table {name}: {path} is a link out of the dataset's folder; put the file itself there"
        )


def _require_file(name: str, path: Path, inside: Path) -> None:
    _require_inside(name, path, inside)
    if not stat.S_ISREG(path.stat().st_mode):
        raise DatasetError(
            f"table {name}: {path} is no regular file (a folder, a pipe or a device); put a file there"
        )


def require_right(path: Path, what: str) -> None:
    """Refuse a file or folder that this user may not read, or not enter, before it passes for absent or empty.

    Raises DatasetError: `what` cannot be read.
    """
    needed = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
    if not os.access(path, needed):
        raise DatasetError(f"{what} cannot be read (Permission denied); let this user read it")


def require_room(table: str, file: Path, metadata: Any) -> None:
    """Refuse a Parquet file that declares more than this machine's memory can hold.

    Raises DatasetError: what it says of itself is more than the memory that this process may have, or its texts are
    more than half of it (a dictionary says a long one in few bytes as often as there are rows).
    """
    memory = room()
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    values = sum(group.column(k).num_values for group in groups for k in range(group.num_columns))
    packed = sum(group.total_byte_size for group in groups)
    if max(values, packed) > memory:  # at least a byte a value, and what the pages unpack to
        raise DatasetError(
            f"table {table}: {file} of {file.stat().st_size:,} bytes says that it holds {metadata.num_rows:,} rows and "
            f"unpacks to {packed:,} bytes, more than the memory here ({memory / 2**30:.1f} GiB); split it, or see "
            "where it comes from"
        )
    if _texts(file, metadata, memory // 2) > memory // 2:
        raise DatasetError(
            f"table {table}: {file} of {file.stat().st_size:,} bytes unpacks to texts of more than half of the memory "
            f"here ({memory / 2**30:.1f} GiB); split it, or see where it comes from"
        )


def _texts(file: Path, metadata: Any, enough: int) -> int:
    """Bytes of the texts that a Parquet file unpacks to, counted until they are more than `enough`.

    Only columns are read that could come to so much (no text is longer than its column's chunk), and these packed.
    """
    groups = range(metadata.num_row_groups)
    names = []
    for k in range(metadata.num_columns):
        chunks = [metadata.row_group(n).column(k) for n in groups]
        most = sum(chunk.num_values * chunk.total_uncompressed_size for chunk in chunks)
        if metadata.schema.column(k).physical_type == "BYTE_ARRAY" and most > enough:
            names.append(metadata.schema.column(k).path)
    total = 0
    if names:
        with pyarrow.parquet.ParquetFile(file, read_dictionary=names) as opened:
            for n in groups:
                for column in opened.read_row_group(n, columns=names).columns:
                    total += sum(map(_decoded, column.chunks))
                    if total > enough:
                        return total
    return total


def _decoded(chunk: Any) -> int:
    """Bytes of a chunk's texts, each as often as a row has it."""
    if not pa.types.is_dictionary(chunk.type):
        return int(chunk.nbytes)
    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(chunk.indices)).as_py() or 0)


def room() -> int:
    """How many bytes of memory this process may have at most."""
    most = int(psutil.virtual_memory().total)
    if os.name == "posix":
        import resource

        allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
        if allowed != resource.RLIM_INFINITY:
            most = min(most, allowed)
    return most


def arrow_reason(error: Exception) -> str:
    """The first line of what Arrow says."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


ARROW_FAULTS = (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError)
"""What Arrow raises for a file that it cannot read: of another form, damaged, of a type it does not know, too big."""
