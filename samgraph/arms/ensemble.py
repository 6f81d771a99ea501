"""A blend of other arms, with weights from validation days alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.hist.labels import forward_returns, rank_normalise
from samgraph.hist.metrics import mean, rank_ic
from samgraph.training.task import Fit, Job

WEIGHTS = "weights.json"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EnsembleArm:
    """Day by day standardised scores of the arms it needs, blended; see `samgraph.training.task.Arm`."""

    name: str = "ensemble"
    words: str = "a blend of GRU, LightGBM and ridge with weights from validation days"
    concepts: str | None = None
    colour: str = "#5599dd"
    parts: tuple[str, ...] = ("score",)
    needs: tuple[str, ...] = ("gru", "lightgbm", "ridge")

    def steps(self, config: HistConfig) -> int:
        """One."""
        return 1

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Choose the weights on the validation days."""
        from samgraph.hist.models.blend import blend_weights

        config, valid = job.config, job.window.valid
        label = forward_returns(job.market, config.horizon, lag=config.lag, price=config.price)[valid]
        scores = self._scores(job, valid)
        known = np.isfinite(scores).all(axis=0) & np.isfinite(label)
        target = rank_normalise(label, known).astype(np.float64)
        weights = dict(zip(self.needs, blend_weights(scores, target).tolist(), strict=True))
        found = mean(rank_ic(self._blended(scores, weights), label))
        curves = pd.DataFrame({"epoch": [0], "train_loss": [np.nan], "valid_ic": [found], "best": [True]})
        advance(1)
        content = {WEIGHTS: json.dumps(weights).encode()}
        return Fit(self._table(job, job.window.test, weights), curves, content)

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        """Blend with the weights that were kept."""
        return self._table(job, days, json.loads((job.folder / WEIGHTS).read_bytes()))

    def _scores(self, job: Job, days: slice) -> Floats:
        """The needed arms' scores [n_arms, n_days, n_stocks], NaN where there is none."""
        dates, stocks = job.market.dates[days], pd.Index(job.market.stocks)
        panels = np.full((len(self.needs), len(dates), len(stocks)), np.nan)
        for panel, name in zip(panels, self.needs, strict=True):
            needed = job.needs[name]
            table = needed.task.piece.arm.score(needed, days)
            day = dates.get_indexer(pd.DatetimeIndex(table["date"]).as_unit("s"))
            panel[day, stocks.get_indexer(pd.Index(table["company_id"]))] = table["score"]
        return panels

    def _blended(self, scores: Floats, weights: dict[str, float]) -> Floats:
        from samgraph.hist.models.blend import day_scores

        whole: Floats = np.zeros(scores.shape[1:])
        for name, panel in zip(self.needs, scores, strict=True):
            whole += weights[name] * day_scores(panel)
        return np.where(np.isfinite(scores).all(axis=0), whole, np.nan)

    def _table(self, job: Job, days: slice, weights: dict[str, float]) -> pd.DataFrame:
        score = self._blended(self._scores(job, days), weights)
        day, stock = np.nonzero(np.isfinite(score))
        values = score[day, stock]
        return pd.DataFrame(
            {
                "date": job.market.dates[days][day],
                "company_id": np.array(job.market.stocks, dtype=object)[stock],
                "concept": 0.0,
                "hidden": 0.0,
                "individual": values,
                "score": values,
            }
        )
