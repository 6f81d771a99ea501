"""Checkpoints: one safetensors file with one JSON file beside it, replaced after every epoch.

Both are written beside their final names, flushed to the disk and renamed; the JSON comes last and names the
safetensors file and its SHA-256. So a process killed at any moment leaves the last complete pair or none.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samgraph.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

STATE = "state.json"
ARITHMETIC = 3
"""Of the program's own fits; raise it whenever the same inputs, settings and seed would end in other parameters.

A fit begun by another arithmetic is not continued. A finished one is kept: its parameters score as they are.
"""


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and everything else that JSON can say."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def write_checkpoint(folder: Path, number: int, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; older files are removed once the new pair is complete."""
    from safetensors.torch import save  # loads torch, which who only asks about a checkpoint need not

    content = save({name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()})
    name = f"epoch-{number:04d}.safetensors"
    state = {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "values_sha256": _digest(checkpoint.values),
        "values": checkpoint.values,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / name, content)
        _write(folder / STATE, json.dumps(state, indent=1).encode())
    except OSError as error:
        raise ModelError(
            f"the checkpoint in {folder} cannot be written: {error.strerror or error}; free the disk or choose another "
            "folder, then run the same command again: earlier epochs are kept"
        ) from error
    _remove_others(folder, [name])


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The last complete checkpoint, or None where there is none.

    Raises:
        ModelError: a file is there but damaged
    """
    state_file = folder / STATE
    if not state_file.exists():
        return None
    try:
        state = json.loads(state_file.read_bytes())
        content = (folder / state["file"]).read_bytes()
        values = dict(state["values"])
        whole = hashlib.sha256(content).hexdigest() == state["sha256"]
        whole = whole and state.get("values_sha256", _digest(values)) == _digest(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"the checkpoint in {folder} cannot be read ({error}); remove that folder"
        ) from error
    if not whole:
        raise ModelError(
            f"the checkpoint {folder / state['file']} or its {STATE} is damaged (its SHA-256 differs); remove that "
            "folder"
        )
    from safetensors.torch import load

    return Checkpoint(load(content), values)


def chosen_parameters(folder: Path, **identity: Any) -> dict[str, Tensor]:
    """The chosen parameters of a finished training.

    Args:
        folder: of its checkpoint
        identity: what it must have been made with (see `samgraph.hist.train`), by name

    Raises:
        ModelError: there is no checkpoint, or it was made with something else
    """
    checkpoint = read_checkpoint(folder)
    if checkpoint is None:
        raise ModelError(
            f"{folder} holds no checkpoint: it was removed (samgraph models --prune) or never written; ask about a day "
            "of newer models, or run the backtest into a new folder"
        )
    for name, value in identity.items():
        if checkpoint.values["identity"][name] != value:
            raise ModelError(
                f"the checkpoint in {folder} was made with another {name}; run the backtest again"
            )
    return {
        name.removeprefix("best/"): value
        for name, value in checkpoint.tensors.items()
        if name.startswith("best/")
    }


def rebind_checkpoint(folder: Path, **identity: Any) -> None:
    """Say of a finished training what else would give the very same: its inputs went on after what it knew.

    Args:
        folder: of its checkpoint; nothing happens without one
        identity: what it is now made with (see `samgraph.hist.train`), by name; of these, those that it has

    Raises:
        ModelError: the checkpoint is damaged, or cannot be written
    """
    found = read_checkpoint(folder)
    if found is None:
        return
    own = found.values["identity"]
    own |= {name: value for name, value in identity.items() if name in own}
    state = json.loads((folder / STATE).read_bytes())
    state |= {"values_sha256": _digest(found.values), "values": found.values}
    try:
        _write(folder / STATE, json.dumps(state, indent=1).encode())
    except OSError as error:
        raise ModelError(
            f"the checkpoint in {folder} cannot be written: {error.strerror or error}"
        ) from error


def forget_checkpoint(folder: Path) -> None:
    """Remove the folder's checkpoint, whether or not it can be read."""
    (folder / STATE).unlink(missing_ok=True)
    _remove_others(folder, [])


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def pack_checkpoint(folder: Path) -> dict[str, bytes]:
    """The files of the last complete checkpoint by name, to be carried to another machine; none: empty."""
    try:
        state = (folder / STATE).read_bytes()
        name = str(json.loads(state)["file"])
        return {name: (folder / name).read_bytes(), STATE: state}
    except FileNotFoundError:
        return {}


def unpack_checkpoint(folder: Path, files: dict[str, bytes]) -> None:
    """Put a carried checkpoint in place of the folder's own; nothing happens without files."""
    if not files:
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in files if name != STATE]
    for name in (*names, STATE):  # the JSON last, as when it was written
        _write(folder / name, files[name])
    _remove_others(folder, names)


def _remove_others(folder: Path, kept: list[str]) -> None:
    for old in folder.glob("epoch-*.safetensors*"):
        if old.name not in kept:
            old.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".partial")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
