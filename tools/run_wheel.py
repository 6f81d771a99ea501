"""Prove that the wheel alone goes from a simulated economy to its report: python tools/run_wheel.py DIST

Makes a new environment with the locked packages (no development groups) and the one wheel in DIST, and from an empty
folder, with nothing of the checkout on any path, simulates a small economy, loads it into a local server, backtests it
with `--quick` and reports. Every module of the program must come from that environment. Prints how large it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
UV = str(Path(sys.executable).with_name("uv"))
SETTINGS = """data = "data"
universe = "SIM"
start = 2019-03-01
end = 2020-06-30
horizons = [1, 5]
[windows]
train_days = 120
valid_days = 40
test_days = 120
[model]
horizon = 5
[concepts]
regression_cut = "adaptive:min=5,max=0.9"
"""
IMPORTED = """
import importlib, pathlib, sys, samgraph.cli
for name in ("graph.load.load", "hist.train", "factors.evaluation.evaluate", "run.backtest", "desk.trade"):
    importlib.import_module(f"samgraph.{name}")
own = {n: pathlib.Path(m.__file__) for n, m in sys.modules.items() if n.split(".")[0] == "samgraph" and m.__file__}
own = {n: file for n, file in own.items() if not n.endswith("_propagate")}  # PyTorch Geometric writes these itself
strangers = sorted(n for n, file in own.items() if not file.is_relative_to(sys.prefix))
print(len(own), "modules of samgraph")
sys.exit(f"not of the wheel: {strangers}" if strangers or not own else 0)
"""


def main(dist: Path) -> int:
    """0 if the report is there and no module came from elsewhere."""
    (wheel,) = dist.resolve().glob("*.whl")
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "empty"
        folder.mkdir()
        python = _environment(Path(base), wheel)
        own = {"PATH": f"{python.parent}:{os.defpath}", "HOME": os.environ.get("HOME", base)}
        own |= {
            "SAMGRAPH_HOME": f"{base}/home",
            "SAMGRAPH_TRIALS": f"{base}/trials.jsonl",
            "OMP_NUM_THREADS": "1",
        }

        def run(*command: str, limit: float = 400) -> None:
            began = time.monotonic()
            subprocess.run(command, cwd=folder, env=own, check=True, timeout=limit)
            print(f"{' '.join(command[:2])[-60:]}: {time.monotonic() - began:.0f} s", flush=True)

        run(str(python), "-c", IMPORTED)
        (folder / "run.toml").write_text(SETTINGS, encoding="utf-8")
        samgraph = str(python.with_name("samgraph"))
        run(samgraph, "simulate", "data", "--seed", "5", "--companies", "40", "--years", "2")
        try:
            run(samgraph, "neo4j", "start")
            run(samgraph, "load", "data")
            run(samgraph, "backtest", "--config", "run.toml", "--quick", "--jobs", "1", "--out", "run")
            run(samgraph, "report", "run")
        finally:
            run(samgraph, "neo4j", "stop")
        page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    if "id='verdict'" not in page:
        print("the report has no verdict", file=sys.stderr)
        return 1
    return 0


def _environment(base: Path, wheel: Path) -> Path:
    """The interpreter of a new environment with the locked packages and the wheel."""
    locked = base / "locked.txt"
    export = ["export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project", "--no-hashes"]
    subprocess.run([UV, *export, "-o", locked], cwd=CHECKOUT, check=True, timeout=60)
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, base / "venv"], check=True, timeout=60)
    python = base / "venv" / "bin" / "python"
    install = [UV, "pip", "install", "--quiet", "--no-deps", "--python", python]
    subprocess.run([*install, "-r", locked, wheel], check=True, timeout=600)
    size = sum(file.lstat().st_size for file in (base / "venv").rglob("*") if not file.is_symlink())
    print(f"{wheel.name} and what it needs: {size / 2**30:.1f} GiB", flush=True)
    return python


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
