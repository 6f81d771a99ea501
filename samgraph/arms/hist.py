"""HIST on products, on industries, on random groups, and without concepts (a plain GRU)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from samgraph.hist.config import HistConfig
from samgraph.training.task import Fit, Job

PARTS = ("concept", "hidden", "individual", "score")
ENCODER = "gru"  # the arm whose fit is the encoder that `model.start = "encoder"` starts from


@dataclass(frozen=True)
class HistArm:
    """HIST with the settings of [model]; see `samgraph.training.task.Arm`."""

    name: str
    words: str
    concepts: str | None
    colour: str
    parts: tuple[str, ...] = PARTS
    needs: tuple[str, ...] = ()

    def starting_from_encoder(self) -> HistArm:
        """The same arm, which waits for the plain GRU's fit and starts from it."""
        return self if self.concepts is None else replace(self, needs=(ENCODER,))

    def steps(self, config: HistConfig) -> int:
        """Its epochs, from each start."""
        return sum(one.epochs for one in config.attempts(concepts=self.concepts is not None))

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Train on the window, from the plain GRU's fit if the piece needs one; a checkpoint after every epoch."""
        from samgraph.hist.checkpoint import chosen_parameters
        from samgraph.hist.train import fit_window

        encoder = job.needs.get(ENCODER)
        fitted = fit_window(
            job.inputs(),
            job.window,
            job.config,
            job.seed,
            device=job.device,
            start=None if encoder is None else chosen_parameters(encoder.folder, seed=job.seed),
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
