"""HIST's own input: a matrix of stocks and concepts as `.npy`, and the file that says which row is which stock.

HIST's index is a dictionary that NumPy stores by pickling it. Reading a pickle may run what its author wrote into it,
so this one is read by an unpickler that makes dictionaries, lists, texts and numbers and refuses everything else.
"""

from __future__ import annotations

import io
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.dataset import paths as table_paths
from samgraph.importers.reading import read

_ALLOWED = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("scalar", "_reconstruct")
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("builtins", "dict"), ("builtins", "list")}


def read_matrix(file: Path, index: Path) -> pd.DataFrame:
    """company, concept of every 1 of the matrix; concepts are called by their column, `concept 1` the first.

    Raises:
        DatasetError: a file cannot be read, a cell is neither 0 nor 1, or the index names a row that is not there
    """
    matrix = _numbers(file)
    rows = _index(index)
    outside = [name for name, row in rows.items() if not 0 <= row < len(matrix)]
    if outside:
        raise DatasetError(
            f"{index} gives {outside[0]} the row {rows[outside[0]]}, and {file} has {len(matrix):,} rows; name the "
            "index of this matrix"
        )
    names = np.array(list(rows), dtype=object)
    stock, concept = np.nonzero(matrix[np.array(list(rows.values()), dtype=np.int64)])
    width = len(str(matrix.shape[1]))
    called = [f"concept {number:0{width}d}" for number in range(1, matrix.shape[1] + 1)]
    return pd.DataFrame(
        {"company": names[stock], "concept": np.array(called, dtype=object)[concept]}, dtype="str"
    )


def _numbers(file: Path) -> npt.NDArray[np.float64]:
    if file.stat().st_size > table_paths.room() // 4:
        raise DatasetError(f"{file} takes more than a quarter of the memory here; import a part of it")
    try:
        matrix = np.load(file, allow_pickle=False)
        cells = np.asarray(matrix, dtype=np.float64)
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise DatasetError(f"{file} cannot be read as a NumPy matrix of numbers; check the file") from error
    if cells.ndim != 2:
        raise DatasetError(
            f"{file} has the shape {list(cells.shape)}; a matrix of stocks and concepts has two axes"
        )
    if not np.isin(cells, (0.0, 1.0)).all():
        raise DatasetError(f"{file} has cells that are neither 0 nor 1; a membership has no weight")
    return cells


def _index(file: Path) -> dict[str, int]:
    """Company -> row; of a .npy dictionary, or of a table with the columns company and row."""
    if not file.is_file():
        raise DatasetError(f"{file} is not a file; name the index of the matrix")
    if file.suffix != ".npy":
        source = read(file.name, [file])
        source.require("company", "row")
        numbers = source.numbers("row")
        pairs: list[tuple[Any, Any]] = list(zip(source.text("company"), numbers.tolist(), strict=True))
    else:
        pairs = list(_unpickled(file).items())
    found: dict[str, int] = {}
    for name, row in pairs:
        if not isinstance(name, str) or not isinstance(row, (int, float, np.number)) or row != int(row):
            raise DatasetError(
                f"{file} has the entry {str(name)[:60]!r}: {str(row)[:60]!r}; an index has stock: row"
            )
        if found.setdefault(name, int(row)) != int(row):
            raise DatasetError(f"{file} gives {name} two rows; keep one of them")
    return found


class _Reader(Unpickler):
    """Makes plain values alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def _unpickled(file: Path) -> dict[Any, Any]:
    try:
        with file.open("rb") as opened:
            version = np.lib.format.read_magic(opened)
            reader = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            _, _, dtype = reader(opened)
            if not dtype.hasobject:
                raise ValueError("no dictionary")
            value = _Reader(io.BytesIO(opened.read())).load()
        while isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if not isinstance(value, dict):
            raise ValueError("no dictionary")
    except Exception as error:  # a pickle can fail in any way
        raise DatasetError(
            f"{file} cannot be read as HIST's index, a dictionary of stocks and rows ({type(error).__name__}); give a "
            "CSV with the columns company and row"
        ) from error
    return value
