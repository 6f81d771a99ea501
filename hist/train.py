"""Training on one walk-forward window (arXiv 2110.13716, section 4.1).

Mean squared error of each day's cross-section against the rank-normalised forward return, Adam, gradient
values clipped, early stop on the validation days' Rank IC of the parameters averaged over the last epochs.
With the stream encoder a step is a chunk of consecutive days, which goes on from the state that the parameters of the
epoch's beginning give the days before it (truncated back-propagation through time); chunks come in random order, as
days do with the window encoder, because neighbours tell nearly the same. Same seed, inputs, threads and machine: the
same numbers; a killed run that goes on from its checkpoint ends with the same numbers too.

HIST is trained from its encoder, the plain GRU, as well as from nothing (`HistConfig.start`): from nothing it can fall
short of its own encoder, from the encoder the shared parts may find nothing to add. The validation days choose.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from samgraph.errors import ModelError
from samgraph.hist.apply import (
    COLUMNS,
    as_frame,
    encode_rows,
    heard,
    score_days,
    states_before,
    windows_of,
)
from samgraph.hist.checkpoint import ARITHMETIC, read_checkpoint
from samgraph.hist.concepts import concept_mean
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, WindowData, first_bad_feature
from samgraph.hist.encoder import WindowEncoder
from samgraph.hist.kernels import device_of, fixed_kernels
from samgraph.hist.metrics import ic, mean, rank_ic
from samgraph.hist.model import PARTS, Hist
from samgraph.hist.progress import Progress, Training, attempt_of, restore, store
from samgraph.hist.windows import Window


@dataclass(frozen=True, eq=False)
class FittedWindow:
    """What training one window gives.

    `predictions` has one row per stock and test day: date, company_id, concept, hidden, individual, score, and
    score = concept + hidden + individual + `bias` (with split "exact"). `curves` has one row an epoch: epoch,
    train_loss, valid_ic (of the validation days with averaged parameters: the mean Rank IC, or IC, by `stop_on`), best,
    start ("encoder" or "nothing": what the epoch's training began from).
    """

    predictions: pd.DataFrame
    curves: pd.DataFrame
    bias: float
    best_epoch: int
    parameters: dict[str, Tensor]


def fit_window(
    inputs: TrainingInputs,
    window: Window,
    config: HistConfig,
    seed: int,
    *,
    device: str = "cpu",
    start: Mapping[str, Tensor] | None = None,
    checkpoint_dir: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> FittedWindow:
    """Train on the window's train days, choose on its valid days, score its test days.

    Args:
        inputs: `inputs.series` None trains the plain GRU, all of whose score is individual
        window: days to train, choose and test on
        config: architecture and training
        seed: draws the first parameters, dropout and the order of days
        device: a torch device, "cpu" or "cuda"
        start: the parameters of the plain GRU fitted with the same window, configuration and seed, from which a model
            with concepts starts if `config.start` says so; fitted here, too, if not given
        checkpoint_dir: written after every epoch; a folder with an unfinished training of the same inputs,
            window, configuration and seed is continued
        progress: called with the number of epochs advanced, those of all `config.attempts` in all, early stop included

    Raises:
        ModelError: nothing to train or validate on, a loss that is not a number, a foreign checkpoint
    """
    place = device_of(device)
    concepts = inputs.series is not None
    attempts = config.attempts(concepts=concepts)
    if attempts[0].start == "encoder" and start is None:
        plain = replace(inputs, series=None)
        folder = None if checkpoint_dir is None else checkpoint_dir / "encoder"
        start = fit_window(plain, window, config, seed, device=device, checkpoint_dir=folder).parameters
    identity = _identity(inputs, window, config, seed, start if attempts[0].start == "encoder" else None)
    with fixed_kernels(config.threads, place):
        data = WindowData(inputs, window, config, place, fit=True)
        _require_labels(data)
        training = _train(data, attempts, identity, seed, start, checkpoint_dir, progress or (lambda _: None))
        del data  # its memory is needed for the test days
        return _finish(training, WindowData(inputs, window, config, place))


def _train(
    data: WindowData,
    attempts: Sequence[HistConfig],
    identity: dict[str, object],
    seed: int,
    start: Mapping[str, Tensor] | None,
    checkpoint_dir: Path | None,
    advance: Callable[[int], None],
) -> Training[Hist]:
    """One attempt after the other, each to its end, from where the checkpoint stands."""
    found = None if checkpoint_dir is None else read_checkpoint(checkpoint_dir)
    settings = attempts[0 if found is None else attempt_of(found)]
    training = Training.begin(_fresh(data, settings, seed, start), settings, identity)
    if found is not None and checkpoint_dir is not None:
        restore(training, found, checkpoint_dir)
    advance(sum(one.epochs for one in attempts[: training.progress.attempt]) + training.progress.here)
    while True:
        while not training.finished:
            _one_epoch(training, data, seed)
            if checkpoint_dir is not None:
                store(training, checkpoint_dir)
            advance(1)
        advance(training.config.epochs - training.progress.here)
        if training.progress.attempt + 1 == len(attempts):
            return training
        settings = attempts[training.progress.attempt + 1]
        training = training.again(_fresh(data, settings, seed, start), settings)


def _fresh(data: WindowData, settings: HistConfig, seed: int, start: Mapping[str, Tensor] | None) -> Hist:
    """A model before its first epoch."""
    inputs = data.inputs
    model = Hist(settings, inputs.n_features, seed=seed, concepts=inputs.series is not None).to(data.device)
    if settings.start == "encoder":
        assert start is not None
        model.start_from(start)
    elif isinstance(model.encoder, WindowEncoder):
        _fit_scale(model.encoder, data, seed)
    return model


def _one_epoch(training: Training[Hist], data: WindowData, seed: int) -> None:
    epoch = training.progress.here
    loss = math.nan
    if epoch > 0 or training.config.start == "nothing":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1_000_003 + epoch)  # for dropout and the order of days, and nothing else
            loss = _pass(training, data)
    training.keep_parameters()
    with training.averaged():
        days = data.days(data.window.valid)
        values = score_days(training.model, data, days, step=max(training.config.chunk, 10), exact=False)
    measured = ic if training.config.stop_on == "ic" else rank_ic
    quality = mean(measured(values[:, :, COLUMNS.index("score")], data.label[days.start : days.stop]))
    training.judge(loss, quality)


def _pass(training: Training[Hist], data: WindowData) -> float:
    """One pass over the training days; the mean loss a day."""
    model, config = training.model, training.config
    total, counted = 0.0, 0
    for group, stocks, state in _steps(model, data):
        x, _, batch = encode_rows(model, data, group, state, stocks)
        target = torch.cat([data.target[day, data.rows[day]] for day in group])
        known = torch.isfinite(target)
        n_days = sum(bool(part.any()) for part in torch.split(known, list(batch.row_sizes)))
        if n_days == 0:
            continue
        scores = model.head(x, batch)
        weight = _day_weights(known, batch.row_sizes) / n_days
        target = torch.where(known, target, 0.0)
        loss = (weight * (scores.score - target) ** 2).sum()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise ModelError(_blame(data, group, scores.score.detach(), batch.row_sizes))
        if config.separation > 0 and model.head.predefined is not None:
            for part in (scores.hidden, scores.individual):
                loss = loss + config.separation * (weight * concept_mean(part, batch) ** 2).sum()
        if config.auxiliary > 0:
            for name in PARTS:
                loss = loss + config.auxiliary * (weight * (getattr(scores, name) - target) ** 2).sum()
        training.step(loss)
        total += value * n_days
        counted += n_days
    return total / counted


def _steps(model: Hist, data: WindowData) -> Iterator[tuple[list[int], Tensor | None, Tensor]]:
    """The training days of each step in random order, their stocks and the state of these before them.

    The model is in `train`. A window encoder carries no state, and stocks are then None.
    """
    days, size = list(data.days(data.window.train)), data.config.chunk
    if isinstance(model.encoder, WindowEncoder):
        days = [days[k] for k in torch.randperm(len(days)).tolist()]
        model.train()
        yield from ((days[i : i + size], None, data.features) for i in range(0, len(days), size))
        return
    groups = [days[i : i + size] for i in range(0, len(days), size)]
    stocks = [heard(data, group) for group in groups]
    model.eval()
    states = states_before(model, data, [group[0] for group in groups], stocks)
    model.train()
    for k in torch.randperm(len(groups)).tolist():
        yield groups[k], stocks[k], states[k]


def _day_weights(known: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """1 / (stocks with a label) within each day, 0 for those without: every day counts the same."""
    parts = [part / part.sum().clamp(min=1) for part in torch.split(known.to(torch.float32), list(sizes))]
    return torch.cat(parts)


def _blame(data: WindowData, group: list[int], score: Tensor, sizes: tuple[int, ...]) -> str:
    day = next(
        (
            d
            for d, part in zip(group, torch.split(score, list(sizes)), strict=True)
            if not part.isfinite().all()
        ),
        group[0],
    )
    feature = first_bad_feature(data)
    if feature is None:
        cause = (
            f"every feature of the training days is finite, so training diverged: lower learning_rate "
            f"(now {data.config.learning_rate})"
        )
    else:
        cause = f"{feature}; correct the bars or leave the feature out"
    return f"the training loss is not a number on {data.date(day)}: {cause}"


def _require_labels(data: WindowData) -> None:
    for name in ("train", "valid"):
        days = data.days(getattr(data.window, name))
        if not np.isfinite(data.label[days.start : days.stop]).any():
            raise ModelError(
                f"the {name} days of the window ({data.window}) have no stock with valid features and a "
                f"label (members need {data.config.min_history} valid days of history); use a longer period"
            )


def _fit_scale(encoder: WindowEncoder, data: WindowData, seed: int) -> None:
    days = data.days(data.window.train)
    chosen = np.random.default_rng(seed).choice(len(days), size=min(len(days), 40), replace=False)
    encoder.fit_scale(windows_of(data, [days[int(k)] for k in np.sort(chosen)]))


def _finish(training: Training[Hist], data: WindowData) -> FittedWindow:
    training.load(training.best)
    days = data.days(data.window.test)
    values = score_days(training.model, data, days)
    return FittedWindow(
        predictions=as_frame(data, days, values),
        curves=training.progress.curves(),
        bias=training.model.head.bias,
        best_epoch=training.progress.best_epoch,
        parameters={name: value.detach().cpu().clone() for name, value in training.best.items()},
    )


def _identity(
    inputs: TrainingInputs,
    window: Window,
    config: HistConfig,
    seed: int,
    start: Mapping[str, Tensor] | None,
) -> dict[str, object]:
    return {
        "config": config.identity(),
        "inputs": inputs.fingerprint(),
        "window": str(window),
        "seed": seed,
        "start": None if start is None else _digest(start),
        "torch": torch.__version__,
        "arithmetic": ARITHMETIC,
    }


def _digest(parameters: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


__all__ = ["FittedWindow", "Progress", "TrainingInputs", "fit_window"]
