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
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from samgraph.errors import ModelError

STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and everything else that JSON can say."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def write_checkpoint(folder: Path, number: int, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; older files are removed once the new pair is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()})
    name = f"epoch-{number:04d}.safetensors"
    _write(folder / name, content)
    state = {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "values": checkpoint.values}
    _write(folder / STATE, json.dumps(state, indent=1).encode())
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
        whole = hashlib.sha256(content).hexdigest() == state["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the checkpoint in {folder} cannot be read ({error}); remove that folder"
        ) from error
    if not whole:
        raise ModelError(f"the checkpoint {folder / state['file']} is damaged; remove that folder")
    return Checkpoint(load(content), state["values"])


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
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
