"""Processes that a run starts before it has anything to fit: they load PyTorch while it reads its inputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samgraph.config import RunConfig


def ahead(config: RunConfig, out: Path) -> int:
    """How many: none for a run that has begun, of which all may be fitted; never more than it has pieces.

    One core is left to the process that reads.
    """
    if (out / "manifest.json").exists():
        return 0
    return min(len(config.variants) * config.seeds, max(1, (os.cpu_count() or 1) - 1))
