"""The state of one training: parameters, optimiser, averages, best epoch; to and from a checkpoint."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from samgraph.errors import ModelError
from samgraph.hist.checkpoint import Checkpoint, write_checkpoint
from samgraph.hist.config import HistConfig

Parameters = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)
SAME = 1e-9  # Rank ICs of two epochs that differ by no more are equal
BEHIND = 0.01  # a later attempt whose best Rank IC is that much below an earlier one's is given up
_ICS = ("best_ic", "attempt_ic")


@dataclass
class Progress:
    """What has happened so far, in plain values. `epoch` counts finished epochs.

    A training may begin more than once, each time from another start: `attempt` counts the earlier ones, `begun` is
    the present one's first epoch, and `attempt_epoch`, `attempt_ic` are its best epoch so far. `best_epoch` and
    `best_ic` are the best of all.
    """

    epoch: int = 0
    best_epoch: int = -1
    best_ic: float = -math.inf
    attempt: int = 0
    begun: int = 0
    attempt_epoch: int = -1
    attempt_ic: float = -math.inf
    starts: list[str] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    valid_ic: list[float] = field(default_factory=list)

    @property
    def here(self) -> int:
        """Finished epochs of the present attempt."""
        return self.epoch - self.begun

    def curves(self) -> pd.DataFrame:
        """One row an epoch: epoch, train_loss, valid_ic, best (whether it was chosen), start (of its attempt)."""
        frame = pd.DataFrame(
            {"epoch": range(self.epoch), "train_loss": self.train_loss, "valid_ic": self.valid_ic}
        )
        frame["best"] = frame["epoch"] == self.best_epoch
        frame["start"] = pd.Series(self.starts, dtype=object)
        return frame


@dataclass
class Training(Generic[Model]):
    """A model while it is trained."""

    model: Model
    config: HistConfig
    optimiser: torch.optim.Adam
    identity: dict[str, Any]
    recent: deque[Parameters]
    best: Parameters
    progress: Progress

    @classmethod
    def begin(cls, model: Model, config: HistConfig, identity: dict[str, Any]) -> Training[Model]:
        """A training before its first epoch."""
        optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        return cls(model, config, optimiser, identity, deque(maxlen=config.average), _copy(model), Progress())

    def again(self, model: Model, config: HistConfig) -> Training[Model]:
        """The next attempt, from another start; what was best so far remains a candidate."""
        p = self.progress
        begun = Training.begin(model, config, self.identity)
        begun.best = self.best
        begun.progress = replace(
            p, attempt=p.attempt + 1, begun=p.epoch, attempt_epoch=-1, attempt_ic=-math.inf
        )
        return begun

    @property
    def finished(self) -> bool:
        """Whether all epochs of the attempt are done, `patience` of them brought nothing better, or it is behind."""
        p = self.progress
        if p.here >= self.config.epochs:
            return True
        waited = p.epoch - 1 - p.attempt_epoch
        behind = p.attempt_ic < p.best_ic - BEHIND
        return p.attempt_epoch >= 0 and (waited >= self.config.patience or behind)

    def step(self, loss: Tensor) -> None:
        """One optimiser step with clipped gradient values."""
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip)
        self.optimiser.step()

    def keep_parameters(self) -> None:
        """Add the present parameters to those that are averaged."""
        self.recent.append(_copy(self.model))

    def average(self) -> Parameters:
        """Mean of the kept parameters."""
        return {name: torch.stack([p[name] for p in self.recent]).mean(dim=0) for name in self.recent[0]}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with averaged parameters; the present ones come back afterwards."""
        present = _copy(self.model)
        self.load(self.average())
        try:
            yield
        finally:
            self.load(present)

    def load(self, parameters: Parameters) -> None:
        """Set the model's parameters."""
        self.model.load_state_dict(parameters)

    def judge(self, train_loss: float, valid_ic: float) -> None:
        """Close an epoch and choose it if it is the best of those that can be chosen in any attempt.

        Of Rank ICs that are equal but for rounding the earlier epoch's stays; one that is not a number (scores without
        spread) loses against any other.
        """
        p = self.progress
        p.train_loss.append(train_loss)
        p.valid_ic.append(valid_ic)
        p.starts.append(self.config.start)
        if p.here >= self.config.first_choice:
            value = valid_ic if math.isfinite(valid_ic) else -math.inf
            if p.attempt_epoch < 0 or value > p.attempt_ic + SAME:
                p.attempt_epoch, p.attempt_ic = p.epoch, value
            if p.best_epoch < 0 or value > p.best_ic + SAME:
                p.best_epoch, p.best_ic = p.epoch, value
                self.best = self.average()
        p.epoch += 1


def store(training: Training[Model], folder: Path) -> None:
    """Write the training's checkpoint."""
    tensors = {f"model/{name}": value for name, value in training.model.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in training.best.items()}
    for age, parameters in enumerate(training.recent):
        tensors |= {f"recent/{age}/{name}": value for name, value in parameters.items()}
    for number, state in training.optimiser.state_dict()["state"].items():
        tensors |= {f"adam/{number}/{name}": value for name, value in state.items()}
    # JSON has no infinity: a best Rank IC that does not exist yet is null.
    values = {**asdict(training.progress), "recent": len(training.recent)}
    for name in _ICS:
        values[name] = values[name] if math.isfinite(values[name]) else None
    checkpoint = Checkpoint(tensors, {"identity": training.identity, "progress": values})
    write_checkpoint(folder, training.progress.epoch, checkpoint)


def attempt_of(checkpoint: Checkpoint) -> int:
    """Which attempt a checkpoint was written in, counted from 0."""
    return int(checkpoint.values["progress"].get("attempt", 0))


def restore(training: Training[Model], checkpoint: Checkpoint, folder: Path) -> None:
    """Continue from a checkpoint.

    Raises:
        ModelError: it belongs to another training
    """
    found = checkpoint.values["identity"]
    differing = [name for name, value in training.identity.items() if found.get(name) != value]
    if differing:
        raise ModelError(
            f"the checkpoint in {folder} belongs to another training (different: {', '.join(differing)}); "
            "remove that folder or choose another"
        )
    tensors, device = checkpoint.tensors, next(training.model.parameters()).device
    groups: dict[str, Parameters] = {}
    for key, value in tensors.items():
        group, name = key.rsplit("/", 1)
        groups.setdefault(group, {})[name] = value.to(device)
    training.load(groups["model"])
    training.best = groups["best"]
    values = dict(checkpoint.values["progress"])
    for age in range(values.pop("recent")):
        training.recent.append(groups[f"recent/{age}"])
    state = training.optimiser.state_dict()
    state["state"] = {
        int(group.split("/")[1]): {
            name: value.cpu() if name == "step" else value for name, value in part.items()
        }
        for group, part in groups.items()
        if group.startswith("adam/")
    }
    training.optimiser.load_state_dict(state)
    for name in _ICS:
        values[name] = -math.inf if values[name] is None else values[name]
    training.progress = Progress(**values)


def _copy(model: nn.Module) -> Parameters:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
