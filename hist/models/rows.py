"""A window's features and targets as rows, one per stock and day, for models that see no history of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.hist.apply import COLUMNS, as_frame
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, WindowData
from samgraph.hist.features.scaling import Float32Array
from samgraph.hist.kernels import device_of
from samgraph.hist.metrics import mean, rank_ic
from samgraph.hist.windows import Window


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of some days, in their order.

    Shapes:
        x: float32 [n_rows, n_features], scaled; y: float32 [n_rows], the day's rank-normalised forward return, NaN
        where unknown; day: int64 [n_rows], counted from the window data's first; stock: int64 [n_rows]
    """

    x: Float32Array
    y: Float32Array
    day: npt.NDArray[np.int64]
    stock: npt.NDArray[np.int64]

    def labelled(self) -> Rows:
        """Those with a known label."""
        known = np.isfinite(self.y)
        return Rows(self.x[known], self.y[known], self.day[known], self.stock[known])

    def day_weights(self) -> npt.NDArray[np.float64]:
        """1 / (rows of the day), so that every day counts the same [n_rows]."""
        _, place, count = np.unique(self.day, return_inverse=True, return_counts=True)
        weights: npt.NDArray[np.float64] = 1.0 / count[place]
        return weights


def fit_data(inputs: TrainingInputs, window: Window, config: HistConfig, device: str = "cpu") -> WindowData:
    """What a fit may see of the inputs, with features scaled as the configuration says, whatever its encoder."""
    return WindowData(inputs, window, replace(config, encoder="stream"), device_of(device), fit=True)


def score_data(
    inputs: TrainingInputs, window: Window, config: HistConfig, days: slice, device: str = "cpu"
) -> WindowData:
    """The window's share of the inputs up to the last of some days, scaled as for its fit."""
    if days.stop <= window.valid.stop:  # as the fit saw them: without whoever joins later
        return fit_data(inputs, window, config, device)
    test = slice(min(days.start, window.test.start), max(days.stop, window.test.start + 1))
    stream = replace(config, encoder="stream")
    return WindowData(inputs, replace(window, test=test), stream, device_of(device))


def rows_of(data: WindowData, days: Sequence[int]) -> Rows:
    """The rows of some days: members with enough history, traded today or not."""
    sizes = [len(data.rows[day]) for day in days]
    day = np.repeat(np.asarray(days, dtype=np.int64), sizes)
    stock = np.concatenate([data.rows[d] for d in days]) if len(days) else np.zeros(0, dtype=np.int64)
    return Rows(data.features.numpy()[day, stock], data.target.numpy()[day, stock], day, stock)


def panel(data: WindowData, days: range, rows: Rows, score: npt.NDArray[np.floating]) -> Float32Array:
    """Scores of rows as [n_days, n_stocks of the window]."""
    result = np.full((len(days), len(data.stocks)), np.nan, dtype=np.float32)
    result[rows.day - days.start, rows.stock] = score
    return result


def quality(data: WindowData, days: range, scores: Float32Array) -> float:
    """Mean daily Rank IC of scores [n_days, n_stocks] against the label."""
    return mean(rank_ic(scores, data.label[days.start : days.stop]))


def predictions(data: WindowData, days: range, scores: Float32Array) -> pd.DataFrame:
    """Scores [n_days, n_stocks] as a table; all of a score is individual."""
    values = np.zeros((*scores.shape, len(COLUMNS)), dtype=np.float32)
    for part in ("individual", "score"):
        values[:, :, COLUMNS.index(part)] = scores
    return as_frame(data, days, values)
