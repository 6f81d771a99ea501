"""Features made comparable: across each day's members, or by what the training days had.

Both clip at 4 and leave 0, the average, where a feature is unknown or the stock has none that day.

Shapes of all: features float32 [n_dates, n_stocks, n_features]; mask, members, fitted bool [n_dates, n_stocks]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from samgraph.hist.market import BoolArray
from samgraph.sums import over_stocks

Float32Array = npt.NDArray[np.float32]

CLIP = 4.0  # standard deviations; a first day after a re-listing would otherwise drown the day


def scaled_by_day(features: Float32Array, mask: BoolArray, members: BoolArray) -> Float32Array:
    """Features less the mean of that day's `members`, over their standard deviation."""
    scaled = np.zeros_like(features)
    for f in range(features.shape[2]):
        values = features[:, :, f].astype(np.float64)
        used = members & mask & np.isfinite(values)
        count = np.maximum(used.sum(axis=1), 1)
        mean = over_stocks(np.where(used, values, 0.0)) / count
        centred = values - mean[:, None]
        variance = (over_stocks(np.where(used, centred * centred, 0.0)) / count)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            score = np.where(variance > 0, centred / np.sqrt(variance), 0.0)
        _put(scaled, f, score, mask)
    return scaled


def scaled_by(features: Float32Array, mask: BoolArray, fitted: BoolArray) -> Float32Array:
    """Features less their median, over their median absolute deviation x 1.4826, both of the cells `fitted`.

    A feature that does not vary there keeps its scale.
    """
    scaled = np.zeros_like(features)
    for f in range(features.shape[2]):
        column = features[:, :, f]
        values = column[fitted & mask]
        values = values[np.isfinite(values)]
        centre = spread = np.float32(0)
        if len(values):
            centre = np.median(values)
            spread = np.float32(1.4826) * np.median(np.abs(values - centre))
        _put(scaled, f, (column - centre) / (spread if spread > 0 else np.float32(1)), mask)
    return scaled


def _put(scaled: Float32Array, f: int, score: npt.NDArray[np.floating], mask: BoolArray) -> None:
    scaled[:, :, f] = np.where(mask, np.nan_to_num(np.clip(score, -CLIP, CLIP), nan=0.0), 0.0)
