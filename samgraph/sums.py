"""Sums over companies whose bits do not depend on who else has a place on the axis.

A company that joins later has a place on the axis of all days, with nothing (0) on those before. numpy and BLAS add in
an order that depends on an axis's length, so that such a place moves the last bit of a sum. Here values are added one
after the other: a zero changes nothing, wherever it stands.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CELLS = 1 << 16  # of a block of days, turned round so that the days' sums run side by side


def over_stocks(values: Floats) -> Floats:
    """Sum of each day. Shapes: values [n_dates, n_stocks], 0 where nothing counts; result [n_dates]."""
    n_dates, n_stocks = values.shape
    out = np.zeros(n_dates)
    if not n_stocks:
        return out
    step = max(8, CELLS // n_stocks)
    for first in range(0, n_dates, step):
        block = values[first : first + step]
        if len(block) == 1:  # one column alone would be added as numpy adds a row
            out[first] = np.cumsum(block[0])[-1]
        else:
            out[first : first + step] = np.add.reduce(np.ascontiguousarray(block.T), axis=0)
    out += 0.0  # no sum is minus nothing
    return out


def total(values: Floats) -> float:
    """Sum of the values of one day [n_stocks]; 0 of none."""
    return float(np.cumsum(values)[-1]) + 0.0 if len(values) else 0.0
