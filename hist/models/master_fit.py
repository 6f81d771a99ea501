"""The fit of MASTER on one window: a day a step as published, in random order, early stop on validation Rank IC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from samgraph.errors import ModelError
from samgraph.hist.checkpoint import ARITHMETIC, read_checkpoint
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, WindowData
from samgraph.hist.features.scaling import Float32Array, scaled_by
from samgraph.hist.kernels import device_of, fixed_kernels
from samgraph.hist.models.market_state import market_state
from samgraph.hist.models.master import Master, MasterShape
from samgraph.hist.models.rows import fit_data, predictions, quality, score_data
from samgraph.hist.progress import Training, restore, store
from samgraph.hist.windows import Window


@dataclass(frozen=True)
class MasterModel:
    """How MASTER is fitted.

    Attributes:
        shape: of the network
        learning_rate: of Adam; days: in one step
        epoch_days: days of an epoch, drawn anew for each; neighbours tell nearly the same
        epochs, patience: at most so many, and so many without a better validation Rank IC end the fit
    """

    shape: MasterShape = field(default_factory=MasterShape)
    learning_rate: float = 1e-3
    days: int = 4
    epoch_days: int = 500
    epochs: int = 20
    patience: int = 4

    def fit(
        self,
        inputs: TrainingInputs,
        window: Window,
        config: HistConfig,
        seed: int,
        folder: Path,
        advance: Callable[[int], None],
        device: str = "cpu",
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Predictions of the test days and learning curves; goes on from a checkpoint in `folder`.

        Raises:
            ModelError: the training or validation days have no label, or the loss is not a number
        """
        with fixed_kernels(config.threads, device_of(device)):
            training = self._trained(inputs, window, config, seed, folder, advance, device)
        scored = self.score(inputs, window, config, training.best, window.test, device)
        return scored, training.progress.curves()

    def _trained(
        self,
        inputs: TrainingInputs,
        window: Window,
        config: HistConfig,
        seed: int,
        folder: Path,
        advance: Callable[[int], None],
        device: str,
    ) -> Training[Master]:
        days = _Days(fit_data(inputs, window, config, device), self.shape.days)
        days.require_labels()
        training = self._begin(days, seed)
        found = read_checkpoint(folder)
        if found is not None:
            restore(training, found, folder)
        advance(training.progress.epoch)
        while not training.finished:
            loss = self._epoch(training, days, seed)
            training.keep_parameters()
            valid = days.data.days(window.valid)
            with training.averaged():
                found_ic = quality(days.data, valid, days.scores(training.model, valid))
            training.judge(loss, found_ic)
            store(training, folder)
            advance(1)
        advance(self.epochs - training.progress.epoch)
        return training

    def score(
        self,
        inputs: TrainingInputs,
        window: Window,
        config: HistConfig,
        parameters: dict[str, Tensor],
        days: slice,
        device: str = "cpu",
    ) -> pd.DataFrame:
        """Scores of some days (positions in the market's dates) with given parameters."""
        with fixed_kernels(config.threads, device_of(device)):
            held = _Days(score_data(inputs, window, config, days, device), self.shape.days)
            model = Master(inputs.n_features, held.state.shape[1], self.shape, seed=0).to(device)
            model.load_state_dict(parameters)
            some = held.data.days(days)
            return predictions(held.data, some, held.scores(model, some))

    def parameters(self, folder: Path) -> dict[str, Tensor]:
        """The chosen parameters of a finished fit in `folder`.

        Raises:
            ModelError: there is none
        """
        found = read_checkpoint(folder)
        if found is None:
            raise ModelError(f"{folder} holds no fit of MASTER; run the backtest again")
        chosen = {k.removeprefix("best/"): v for k, v in found.tensors.items() if k.startswith("best/")}
        return {_named(name): value for name, value in chosen.items()}

    def _begin(self, days: _Days, seed: int) -> Training[Master]:
        model = Master(days.data.inputs.n_features, days.state.shape[1], self.shape, seed=seed)
        settings = replace(
            days.data.config,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            patience=self.patience,
            min_epochs=1,
            start="nothing",
        )
        identity: dict[str, Any] = {
            "model": repr(self),
            "inputs": days.data.inputs.fingerprint(),
            "window": str(days.data.window),
            "scaling": days.data.config.scaling,
            "seed": seed,
            "torch": torch.__version__,
            "arithmetic": ARITHMETIC,
        }
        return Training.begin(model.to(days.data.device), settings, identity)

    def _epoch(self, training: Training[Master], days: _Days, seed: int) -> float:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1_000_003 + training.progress.epoch)
            drawn = torch.randperm(len(days.train))[: self.epoch_days]
            order = [days.train[k] for k in drawn.tolist()]
            training.model.train()
            total = 0.0
            for first in range(0, len(order), self.days):
                some = order[first : first + self.days]
                losses = [days.loss(training.model, day) for day in some]
                loss = torch.stack(losses).mean()
                if not torch.isfinite(loss):
                    raise ModelError(
                        f"MASTER's training loss is not a number on {days.data.date(some[0])}; lower its learning rate "
                        f"(now {self.learning_rate})"
                    )
                training.step(loss)
                total += float(loss.detach()) * len(some)
        return total / len(order)


_BEFORE = {  # what parameters of the attention layers were called while they were PyTorch's
    "attend.in_proj_weight": "packed.weight",
    "attend.out_proj.weight": "joined.weight",
    "feed.0.": "inner.",
    "feed.3.": "outer.",
}


def _named(name: str) -> str:
    """A parameter's name, that of an older fit too."""
    for old, new in _BEFORE.items():
        name = name.replace(old, new)
    return name


class _Days:
    """The window's days as MASTER sees them.

    Shapes:
        state: [n_days, n_state], scaled by training days, 0 where unknown
    """

    def __init__(self, data: WindowData, length: int) -> None:
        self.data, self.length = data, length
        self.state = torch.from_numpy(self._state()).to(data.device)
        self.train = [day for day in data.days(data.window.train) if self._known(day).any()]

    def require_labels(self) -> None:
        """Refuse a window without anything to train or validate on."""
        valid = self.data.days(self.data.window.valid)
        if not self.train or not any(self._known(day).any() for day in valid):
            raise ModelError(
                f"the training or validation days of the window ({self.data.window}) have no stock with features and a "
                "label; use a longer period"
            )

    def window(self, day: int) -> Tensor:
        """Features of a day's stocks over its last days [length, n_rows, n_features], 0 before the data begin."""
        rows = torch.from_numpy(self.data.rows[day]).to(self.data.device)
        first = max(0, day + 1 - self.length)
        part = self.data.features[first : day + 1][:, rows]
        missing = self.length - len(part)
        return torch.cat([part.new_zeros(missing, *part.shape[1:]), part]) if missing else part

    def loss(self, model: Master, day: int) -> Tensor:
        """Mean squared error against the day's rank-normalised forward returns."""
        target = self.data.target[day, self.data.rows[day]]
        known = torch.isfinite(target)
        score: Tensor = model(self.window(day), self.state[day])
        return ((score[known] - target[known]) ** 2).mean()

    @torch.no_grad()
    def scores(self, model: Master, days: range) -> Float32Array:
        """Scores [n_days, n_stocks of the window], NaN where there is none."""
        model.eval()
        result = np.full((len(days), len(self.data.stocks)), np.nan, dtype=np.float32)
        for day in days:
            rows = self.data.rows[day]
            if len(rows):
                result[day - days.start, rows] = model(self.window(day), self.state[day]).cpu().numpy()
        return result

    def _known(self, day: int) -> Tensor:
        return torch.isfinite(self.data.target[day, self.data.rows[day]])

    def _state(self) -> Float32Array:
        data = self.data
        state = market_state(data.inputs.market.until(data.stop))[:, None, :]
        mask = np.ones(state.shape[:2], dtype=np.bool_)
        fitted = np.zeros_like(mask)
        fitted[data.window.train] = True
        return scaled_by(state, mask, fitted)[data.start :, 0]
