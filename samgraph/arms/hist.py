"""HIST on products, on industries, on random groups, and without concepts (a plain GRU)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.training.task import Fit, Job

PARTS = ("concept", "hidden", "individual", "score")


@dataclass(frozen=True)
class HistArm:
    """HIST with the settings of [model]; see `samgraph.training.task.Arm`."""

    name: str
    words: str
    concepts: str | None
    colour: str
    parts: tuple[str, ...] = PARTS
    needs: tuple[str, ...] = ()

    def steps(self, config: HistConfig) -> int:
        """Its epochs."""
        return config.epochs

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Train on the window; a checkpoint after every epoch."""
        from samgraph.hist.train import fit_window

        fitted = fit_window(
            job.inputs(),
            job.window,
            job.config,
            job.seed,
            device=job.device,
            checkpoint_dir=job.folder,
            progress=advance,
        )
        return Fit(fitted.predictions, fitted.curves)

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        """Apply the chosen parameters of the checkpoint."""
        from samgraph.hist.apply import score_fitted
        from samgraph.hist.checkpoint import chosen_parameters

        inputs = job.inputs()
        parameters = chosen_parameters(job.folder, config=job.config.identity(), seed=job.seed)
        return score_fitted(inputs, job.window, job.config, parameters, days, job.device)
