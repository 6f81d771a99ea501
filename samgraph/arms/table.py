"""Arms whose model sees one row per stock and day: ridge regression and gradient boosting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.training.task import Fit, Job

if TYPE_CHECKING:
    from samgraph.hist.models.table import TableModel

MODEL = "model"  # the file that the fitted model is kept in


@dataclass(frozen=True)
class RidgeArm:
    """Ridge regression; see `samgraph.training.task.Arm`."""

    name: str = "ridge"
    words: str = "ridge regression on the day's features"
    concepts: str | None = None
    colour: str = "#3c965a"
    parts: tuple[str, ...] = ("score",)
    needs: tuple[str, ...] = ()

    def model(self) -> TableModel:
        """What is fitted."""
        from samgraph.hist.models.ridge import RidgeModel

        return RidgeModel()

    def steps(self, config: HistConfig) -> int:
        """Its penalties."""
        return 9

    def patience(self) -> int:
        """Steps without a better validation Rank IC that end the fit: never."""
        return 9

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Fit every candidate and keep the one that orders the validation days best."""
        from samgraph.hist.models.table import fit_table

        fitted = fit_table(
            self.model(), job.inputs(), job.window, job.config, job.seed, advance, patience=self.patience()
        )
        advance(self.steps(job.config) - len(fitted.curves))
        return Fit(fitted.predictions, fitted.curves, {MODEL: fitted.content})

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        """Apply the model that was kept."""
        from samgraph.hist.models.table import score_table

        content = (job.folder / MODEL).read_bytes()
        return score_table(self.model(), content, job.inputs(), job.window, job.config, days)


@dataclass(frozen=True)
class BoostingArm(RidgeArm):
    """Gradient-boosted trees."""

    name: str = "lightgbm"
    words: str = "LightGBM on the day's features, with qlib's published settings"
    colour: str = "#994499"
    trees: int = 500
    block: int = 10

    def model(self) -> TableModel:
        from samgraph.hist.models.boosting import BoostingModel

        return BoostingModel(self.trees, self.block)

    def steps(self, config: HistConfig) -> int:
        """Its blocks of trees."""
        return self.trees // self.block

    def patience(self) -> int:
        """Fifty trees without a better validation Rank IC, as published."""
        return 5
