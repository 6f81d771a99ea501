"""Choices that rounding must not turn: what varies, which is least, what comes first.

Matrix products, factorisations and long sums end in other last digits on another processor, with other kernels or
threads (docs/honesty.md). Numbers that are equal by what they mean then differ by that much, and a comparison that
takes them as they are is decided by it. These helpers take what differs by no more for equal; order decides ties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

ROUNDING = (
    1e-10  # of the largest number; sums of thousands of float64 differ by less than a hundredth of this
)
EQUAL = 9  # digits of shares to which their sums are equal, in whatever order they were added
SHARE = 1e-6  # of shares and other sums of float32 between 0 and 1


def varies(values: npt.NDArray[np.floating], *made_from: npt.NDArray[np.floating]) -> bool:
    """Whether numbers differ by more than the rounding of themselves and of those that they were `made_from`."""
    if not len(values):
        return False
    size = max(float(np.abs(part).max()) for part in (values, *made_from))
    return float(np.ptp(values)) > ROUNDING * size


def first_least(values: npt.NDArray[np.floating]) -> int:
    """Position of the least number; of several that only rounding tells apart the first."""
    least = float(values.min())
    return int(np.flatnonzero(values <= least + ROUNDING * abs(least))[0])


def to_digits(digits: int) -> Callable[[pd.Series[Any]], pd.Series[Any]]:
    """A key for `sort_values`: numbers to so many digits behind the point, anything else as it is."""

    def key(column: pd.Series[Any]) -> pd.Series[Any]:
        return column.round(digits) if column.dtype.kind == "f" else column

    return key
