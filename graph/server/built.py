"""Put a database that was built outside into a local server's place, whole or not at all.

A finished build is renamed to `HOME/neo4j/built`, which is the moment from which it counts: whoever starts the
server next moves it into place first, also where the program that built it was killed in between.
"""

from __future__ import annotations

import shutil
from pathlib import Path

PARTS = ("databases/neo4j", "transactions/neo4j")


def hand_over(data: Path, neo4j: Path) -> None:
    """Declare the `data` folder of a build finished, and adopt it; the server of `neo4j` does not run."""
    data.rename(neo4j / "built")
    adopt(neo4j)


def adopt(neo4j: Path) -> None:
    """Move a finished build into its place, if there is one. May be repeated until it was done once."""
    built = neo4j / "built"
    if not built.is_dir():
        return
    for part in PARTS:
        source, target = built / part, neo4j / "data" / part
        if source.is_dir():
            if target.exists():
                shutil.rmtree(target)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source.rename(target)
    shutil.rmtree(built)
