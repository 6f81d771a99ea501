"""The pieces of a run: every arm with every seed on every walk-forward window, and what they read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from samgraph.arms.hist import HistArm
from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.run.concepts import concept_file, concept_series
from samgraph.run.inputs import Inputs
from samgraph.training.stored import write_market, write_series
from samgraph.training.task import Arm, Piece, Work


def arms_of(config: RunConfig) -> list[Arm]:
    """The arms that the settings compare, each with those that it starts from under these settings."""
    arms = [ARMS[name] for name in config.variants]
    if config.model.hist(config.trading).start == "nothing":
        return arms
    return [arm.starting_from_encoder() if isinstance(arm, HistArm) else arm for arm in arms]


def run_pieces(config: RunConfig, inputs: Inputs) -> list[Piece]:
    """All pieces, arm by arm; those that they need hang on them."""
    return [
        piece_of(arm, config.seed + number, index, inputs)
        for arm in arms_of(config)
        for number in range(config.seeds)
        for index in range(len(inputs.windows))
    ]


def piece_of(arm: Arm, seed: int, number: int, inputs: Inputs) -> Piece:
    """One piece of a run, with the pieces of the same seed and window that it needs."""
    return Piece(
        arm,
        seed,
        number,
        inputs.windows[number],
        None if arm.concepts is None else concept_file(arm.concepts, seed, number),
        tuple(piece_of(ARMS[name], seed, number, inputs) for name in arm.needs),
    )


def run_work(config: RunConfig, folder: Path) -> Work:
    """What a run's pieces share; `folder` is the run's."""
    return Work(folder / "checkpoints", config.model.hist(config.trading), config.device)


def write_model_inputs(pieces: Iterable[Piece], inputs: Inputs, folder: Path) -> None:
    """Keep the market, and the snapshots that the pieces and those they need read, for the workers."""
    write_market(folder, inputs.market)
    every = {one.name: one for piece in pieces for one in (*piece.below, piece)}
    written: set[str] = set()
    for piece in every.values():
        if piece.concepts is None or piece.concepts in written:
            continue
        assert piece.arm.concepts is not None
        write_series(
            folder, piece.concepts, concept_series(piece.arm.concepts, inputs, piece.seed, piece.number)
        )
        written.add(piece.concepts)
