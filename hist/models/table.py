"""The fit of a model that sees one row per stock and day: ridge regression and gradient boosting.

Such a model is fitted at several stages (penalties, numbers of trees); the stage with the best mean Rank IC on the
validation days is kept, and no later day is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ModelError
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs
from samgraph.hist.models.rows import Rows, fit_data, panel, predictions, quality, rows_of, score_data
from samgraph.hist.windows import Window

Scores = npt.NDArray[np.floating]


class Stage(Protocol):
    """A fitted candidate."""

    def predict(self, x: npt.NDArray[np.float32]) -> Scores:
        """Scores of rows [n_rows, n_features] -> [n_rows]."""

    def content(self) -> bytes:
        """The candidate as bytes, from which its model reads it again."""


class TableModel(Protocol):
    """A kind of model."""

    def stages(self, train: Rows, seed: int, threads: int) -> Iterator[tuple[Stage, float]]:
        """Candidates, each with its mean squared error on the training rows."""

    def read(self, content: bytes) -> Stage:
        """What `Stage.content` wrote."""


@dataclass(frozen=True, eq=False)
class FittedTable:
    """What a fit gives: predictions and curves as `samgraph.hist.train.FittedWindow` has them, and the model."""

    predictions: pd.DataFrame
    curves: pd.DataFrame
    content: bytes


def fit_table(
    model: TableModel,
    inputs: TrainingInputs,
    window: Window,
    config: HistConfig,
    seed: int,
    advance: Callable[[int], None],
    *,
    patience: int,
) -> FittedTable:
    """Fit on the window's training days, choose on its validation days, score its test days.

    `advance` hears every stage; `patience` stages without a better validation Rank IC end the fit.

    Raises:
        ModelError: no training or validation row has a label
    """
    data = fit_data(inputs, window, config)
    train = rows_of(data, data.days(window.train)).labelled()
    valid_days = data.days(window.valid)
    valid = rows_of(data, valid_days)
    if not len(train.y) or not np.isfinite(valid.y).any():
        raise ModelError(
            f"the training or validation days of the window ({window}) have no stock with features and a label; use a "
            "longer period"
        )
    best: tuple[float, int, bytes] | None = None
    curves: list[tuple[float, float]] = []
    for number, (stage, loss) in enumerate(model.stages(train, seed, config.threads)):
        found = quality(data, valid_days, panel(data, valid_days, valid, stage.predict(valid.x)))
        curves.append((loss, found))
        if best is None or found > best[0] or not np.isfinite(best[0]):
            best = (found, number, stage.content())
        advance(1)
        if number - best[1] >= patience:
            break
    assert best is not None
    table = pd.DataFrame(curves, columns=["train_loss", "valid_ic"])
    table.insert(0, "epoch", range(len(table)))
    table["best"] = table["epoch"] == best[1]
    scored = score_table(model, best[2], inputs, window, config, window.test)
    return FittedTable(scored, table, best[2])


def score_table(
    model: TableModel,
    content: bytes,
    inputs: TrainingInputs,
    window: Window,
    config: HistConfig,
    days: slice,
) -> pd.DataFrame:
    """Scores of some days (positions in the market's dates) by a fit of the window."""
    data = score_data(inputs, window, config, days)
    some = data.days(days)
    rows = rows_of(data, some)
    return predictions(data, some, panel(data, some, rows, model.read(content).predict(rows.x)))
