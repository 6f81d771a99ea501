"""Checksums of a run's files: a file that is damaged, or was changed by hand, is named and never used.

A finished run's `manifest.json` has the SHA-256 of each of its tables, of `summary.json` and of its models' inputs
under `files`; a finished piece's folder has those of its own files in `finished.json`. `samgraph.run.folder` checks
both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from samgraph.errors import RunError
from samgraph.files import write_json

FINISHED = "finished.json"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex.

    Raises:
        OSError: it cannot be read
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a folder, by name."""
    return {name: sha256_of(folder / name) for name in names}


def unlike(folder: Path, sealed: Mapping[str, Any]) -> str | None:
    """The first of the sealed files that is missing or other than it was; None where all are as they were."""
    for name, digest in sealed.items():
        try:
            if sha256_of(folder / name) != digest:
                return str(name)
        except OSError:
            return str(name)
    return None


def require_unchanged(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse a finished run with a file that is not what the backtest wrote.

    Raises:
        RunError: names the file
    """
    sealed = manifest.get("files", {})  # runs of earlier versions have none
    name = unlike(folder, sealed) if isinstance(sealed, dict) else "manifest.json"
    if name is not None:
        raise RunError(
            f"{folder / name} is not what the backtest wrote (its SHA-256 differs): it is damaged or was changed; run "
            f"samgraph backtest --config {folder / 'config.toml'} --out {folder} again, which makes it anew"
        )


def seal_piece(folder: Path, names: Iterable[str]) -> None:
    """Say that a piece is finished: the last file to be written."""
    write_json(folder / FINISHED, {"files": digests(folder, names)})


def damaged_file(folder: Path, names: Iterable[str]) -> str | None:
    """The first file of a finished piece that is not as it was; None where all are, `names` among them."""
    sealed = _sealed(folder)
    return unlike(folder, sealed) if set(names) <= set(sealed) else FINISHED


def sealed_names(folder: Path) -> tuple[str, ...]:
    """The files of a finished piece; none where its seal cannot be read."""
    return tuple(name for name in _sealed(folder) if Path(name).name == name)


def _sealed(folder: Path) -> dict[str, Any]:
    try:
        sealed = json.loads((folder / FINISHED).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return sealed if isinstance(sealed, dict) else {}
