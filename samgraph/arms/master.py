"""The arm of MASTER, a published transformer (arXiv 2312.15235)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.training.task import Fit, Job


@dataclass(frozen=True)
class MasterArm:
    """MASTER; see `samgraph.training.task.Arm`."""

    name: str = "master"
    words: str = "MASTER, a market-guided transformer along days and across stocks"
    concepts: str | None = None
    colour: str = "#bb3333"
    parts: tuple[str, ...] = ("score",)
    needs: tuple[str, ...] = ()

    def steps(self, config: HistConfig) -> int:
        """Its epochs, as many as [model] allows at most."""
        return config.epochs

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Train on the window; a checkpoint after every epoch."""
        from samgraph.hist.models.master_fit import MasterModel

        model = MasterModel(epochs=job.config.epochs)
        fitted = model.fit(
            job.inputs(), job.window, job.config, job.seed, job.folder, advance, device=job.device
        )
        return Fit(*fitted)

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        """Apply the chosen parameters of the checkpoint."""
        from samgraph.hist.models.master_fit import MasterModel

        model = MasterModel(epochs=job.config.epochs)
        parameters = model.parameters(job.folder)
        return model.score(job.inputs(), job.window, job.config, parameters, days, job.device)
