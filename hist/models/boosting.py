"""Gradient-boosted trees by LightGBM, with the settings that qlib publishes for its Alpha158 benchmark.

The rank-normalised forward return is learnt by least squares, every day counting the same. The number of trees is
chosen by the validation days' Rank IC, `block` trees at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from samgraph.hist.models.rows import Rows

PUBLISHED = {
    "learning_rate": 0.2,
    "max_depth": 8,
    "num_leaves": 210,
    "colsample_bytree": 0.8879,
    "subsample": 0.8789,
    "lambda_l1": 205.6999,
    "lambda_l2": 580.9768,
}


@dataclass(frozen=True, eq=False)
class Trees:
    """A booster."""

    booster: lightgbm.Booster

    def predict(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Scores [n_rows]."""
        result: npt.NDArray[np.float64] = np.asarray(self.booster.predict(x), dtype=np.float64)
        return result

    def content(self) -> bytes:
        """LightGBM's own text."""
        return str(self.booster.model_to_string()).encode()


@dataclass(frozen=True)
class BoostingModel:
    """Candidates differ in their number of trees.

    Attributes:
        trees: at most; block: trees between two looks at the validation days
        settings: LightGBM's parameters; qlib's by default
    """

    trees: int = 500
    block: int = 10
    settings: dict[str, Any] = field(default_factory=lambda: dict(PUBLISHED))

    def stages(self, train: Rows, seed: int, threads: int) -> Iterator[tuple[Trees, float]]:
        """A candidate per block of trees."""
        weights = train.day_weights()
        weights *= len(weights) / weights.sum()
        parameters = {
            "objective": "mse",
            "verbosity": -1,
            "num_threads": threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            **self.settings,
        }
        data = lightgbm.Dataset(train.x, train.y, weight=weights, params=parameters, free_raw_data=False)
        booster = lightgbm.Booster(parameters, data)
        booster.set_train_data_name("train")
        for _ in range(0, self.trees, self.block):
            ended = [booster.update() for _ in range(self.block)]
            loss = next(found[2] for found in booster.eval_train() if found[1] == "l2")
            yield Trees(booster), float(loss)
            if all(ended):
                return

    def read(self, content: bytes) -> Trees:
        """A candidate from its bytes."""
        return Trees(lightgbm.Booster(model_str=content.decode()))
