"""Check that a built wheel holds every module, Cypher statement and data file of the checkout, and nothing else.

python tools/check_wheel.py DIST
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = {"samgraph": "samgraph", "graph": "samgraph/graph", "hist": "samgraph/hist",
            "factors": "samgraph/factors", "cypher": "samgraph/cypher"}  # fmt: skip


def main(dist: Path) -> int:
    """0 if the one wheel in `dist` holds exactly the files that git tracks below the packages' folders."""
    (wheel,) = dist.glob("*.whl")
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()
    expected = {f"{PACKAGES[top]}/{rest}" for top, rest in (name.split("/", 1) for name in tracked) if rest}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    for name in sorted(expected - held):
        print(f"{wheel.name} lacks {name}", file=sys.stderr)
    for name in sorted(held - expected):
        print(f"{wheel.name} holds {name}, which git does not track", file=sys.stderr)
    print(f"{wheel.name}: {len(held)} files")
    return int(held != expected)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
