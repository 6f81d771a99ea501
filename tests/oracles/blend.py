"""An arm that starts from other arms' fits: the smallest ensemble, for tests of what waits for what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.hist.labels import forward_returns
from samgraph.training.task import Fit, Job

KEYS = ["date", "company_id"]


@dataclass(frozen=True)
class Blend:
    """The needed arms' scores, weighted by their correlation with the label on the validation days."""

    name: str = "blend"
    words: str = "a weighted mean of other arms"
    concepts: str | None = None
    parts: tuple[str, ...] = ("score",)
    needs: tuple[str, ...] = ("product", "gru")
    colour: str = "#000000"

    def steps(self, config: HistConfig) -> int:
        return 1

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        valid, config = job.window.valid, job.config
        label = forward_returns(job.market, config.horizon, lag=config.lag, price=config.price)
        weights = {}
        for name, needed in job.needs.items():
            found = needed.task.piece.arm.score(needed, valid)
            row = job.market.dates.get_indexer(pd.DatetimeIndex(found["date"]))
            column = pd.Index(job.market.stocks).get_indexer(pd.Index(found["company_id"]))
            both = np.isfinite(label[row, column])
            weights[name] = float(np.corrcoef(found["score"][both], label[row, column][both])[0, 1])
        advance(1)
        curves = pd.DataFrame({"epoch": [0], "train_loss": [0.0], "valid_ic": [0.0], "best": [True]})
        return Fit(
            self._scored(job, job.window.test, weights),
            curves,
            {"weights.json": json.dumps(weights).encode()},
        )

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        return self._scored(job, days, json.loads((job.folder / "weights.json").read_bytes()))

    def _scored(self, job: Job, days: slice, weights: dict[str, float]) -> pd.DataFrame:
        frames = [
            weights[name] * needed.task.piece.arm.score(needed, days).set_index(KEYS)["score"]
            for name, needed in job.needs.items()
        ]
        score = pd.concat(frames, axis=1).mean(axis=1)
        frame = score.rename("score").reset_index()
        return frame.assign(concept=0.0, hidden=0.0, individual=frame["score"])[[*KEYS, *job_columns()]]


def job_columns() -> tuple[str, ...]:
    return ("concept", "hidden", "individual", "score")
