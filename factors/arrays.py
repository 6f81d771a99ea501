"""Types and small helpers that the other modules share.

Every panel is a float64 array [n_dates, n_stocks] in which NaN means missing; a class label is an integer
array of the same shape in which a negative number means no class. Work over all days is done in blocks of
days, so that temporary arrays stay a few megabytes however long the period is.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import threadpoolctl

from samgraph.errors import ModelError
from samgraph.factors.labels import Axes, axes_of, labelled, placed
from samgraph.sums import over_stocks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CHUNK = 512  # stocks that one matrix product takes; the last chunk is filled up with empty places by `Seats`
BLOCK_CELLS = 1 << 16  # float64 cells of one temporary: 512 KiB, which a core's cache holds


def day_blocks(n_dates: int, n_stocks: int, cells: int = BLOCK_CELLS) -> Iterator[slice]:
    """Slices of consecutive days of about `cells` cells each, at least one day."""
    step = max(1, cells // max(1, n_stocks))
    for start in range(0, n_dates, step):
        yield slice(start, min(start + step, n_dates))


def panel(values: Any, name: str, shape: tuple[int, int] | None = None, axes: Axes | None = None) -> Floats:
    """`values` as float64 [n_dates, n_stocks], infinities made missing; a frame by its labels (see `table`).

    Raises:
        ModelError: not two-dimensional, of another shape than `shape`, or labels that do not fit.
    """
    array = table(values, name, shape, axes)
    infinite = np.isinf(array)
    return np.where(infinite, np.nan, array) if infinite.any() else array


def table(values: Any, name: str, shape: tuple[int, int] | None = None, axes: Axes | None = None) -> Floats:
    """As `panel`, with infinities as they are: for one that takes what is not finite for missing anyway.

    A frame, or a series by (day, stock), is put on `axes`; the first panel of a function has none yet and keeps its own
    (`axes_of`). Beside arrays without labels it is refused: nothing says which row is which.
    """
    if labelled(values):
        if axes is None and shape is not None:
            raise ModelError(
                f"{name} has labels and what it is held against has none; give both as frames, or both as arrays."
            )
        own = axes if axes is not None else axes_of(values, name)
        assert own is not None  # it is labelled
        values = placed(values, name, own)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or (shape is not None and array.shape != shape):
        wanted = "two axes (dates, stocks)" if shape is None else f"shape {shape}"
        raise ModelError(f"{name} has shape {array.shape}; give it {wanted}, with NaN where unknown.")
    return array


def class_labels(labels: Any, shape: tuple[int, int], axes: Axes | None = None) -> Ints:
    """Class labels as int64 [n_dates, n_stocks], negative where a stock has no class; a frame by its labels.

    Raises:
        ModelError: of another shape, or not integers.
    """
    if labelled(labels):
        found = table(labels, "labels", shape, axes)
        found = np.where(np.isnan(found), -1.0, found)
        labels = found.astype(np.int64) if (found == np.floor(found)).all() else found
    array = np.asarray(labels)
    if array.shape != shape or not np.issubdtype(array.dtype, np.integer):
        raise ModelError(
            f"labels have shape {array.shape} and type {array.dtype}; "
            f"give integers of shape {shape}, -1 for none."
        )
    return array.astype(np.int64, copy=False)


def centred(values: Floats, mask: Bools) -> Floats:
    """Values less their mean over `mask` on each day, 0 outside the mask. Shapes: [n_dates, n_stocks]."""
    count = np.maximum(mask.sum(axis=1), 1)
    filled = np.where(mask, values, 0.0)
    out: Floats = np.where(mask, filled - (over_stocks(filled) / count)[:, None], 0.0)
    return out


def across(left: Floats, right: Floats) -> Floats:
    """Matrix product over the stocks, chunk by chunk, so that empty places behind the others change no bit.

    Shapes: left [..., n, n_stocks]; right [..., n_stocks, m] or [n_stocks, m]; result [..., n, m].
    """
    n_stocks = left.shape[-1]
    out: Floats = np.matmul(left[..., :CHUNK], right[..., :CHUNK, :])
    for first in range(CHUNK, n_stocks, CHUNK):
        chunk = slice(first, first + CHUNK)
        out += np.matmul(left[..., chunk], right[..., chunk, :])
    return out


def along(left: Floats, right: Floats) -> Floats:
    """Matrix product whose result has the stocks, chunk by chunk. Shapes: left [n_stocks, n]; right [n, ...]."""
    parts = [left[first : first + CHUNK] @ right for first in range(0, len(left), CHUNK)]
    out: Floats = np.concatenate(parts) if parts else left @ right
    return out


def inner(left: Floats, right: Floats) -> Floats:
    """Sum over the stocks of a product on each day, as `across`. Shapes: both [n_dates, n_stocks]; result [n_dates]."""
    out = np.zeros(len(left))
    for first in range(0, left.shape[1], CHUNK):
        chunk = slice(first, first + CHUNK)
        out += np.vecdot(left[:, chunk], right[:, chunk])
    return out


def sums(values: Floats) -> Floats:
    """Sum over the stocks of each day, as `across`. Shapes: values [n_dates, n_stocks]; result [n_dates]."""
    out = np.zeros(len(values))
    for first in range(0, values.shape[1], CHUNK):
        out += values[:, first : first + CHUNK].sum(axis=1)
    return out


def products(left: Floats, right: Floats) -> Floats:
    """Sums over the stocks of left_i right_j for j >= i on each day, as `across`; 0 below the diagonal.

    Shapes: both [n_dates, n, n_stocks], whole chunks of stocks; result [n_dates, n, n].
    """
    n_dates, n, n_stocks = left.shape
    out = np.zeros((n_stocks // CHUNK, n_dates, n, n))
    one, two = (part.reshape(n_dates, n, -1, CHUNK).transpose(2, 0, 1, 3) for part in (left, right))
    for i in range(n):
        np.vecdot(one[:, :, i, None], two[:, :, i:], out=out[:, :, i, i:])
    found: Floats = np.add.accumulate(out)[-1]  # chunk after chunk: empty ones at the end change nothing
    return found


_limited: list[threadpoolctl.threadpool_limits] = []  # the limit, once for each call under way
_limiting = threading.Lock()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let matrix products and factorisations run on one thread.

    At a few hundred rows sharing them gains nothing, and costs tenfold where other work uses the cores; sums would also
    round by the number of cores. The limit is the process's: of calls that overlap, the last restores what there was.
    """
    with _limiting:
        _limited.append(_limited[0] if _limited else threadpoolctl.threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _limiting:
            limit = _limited.pop()
            if not _limited:
                limit.restore_original_limits()
