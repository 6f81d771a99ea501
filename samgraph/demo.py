"""The whole path on a simulated economy: simulate, load, backtest, report."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from samgraph.config import RunConfig, load_config
from samgraph.economy.parameters import UNIVERSE
from samgraph.economy.simulate import STAGES, simulate
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer
from samgraph.progress import stage
from samgraph.run.backtest import backtest

TRAIN_DAYS, VALID_DAYS = 720, 120  # the rest of the made years is for testing
CUT = "adaptive:min=10,max=0.3"  # 200 companies: finer concepts are held by too few of them
SCALING = "day"  # what the made market does as a whole is chance, and 720 days of it would be learnt by heart


def demo(out: Path, *, seed: int, signal: float, seeds: int) -> dict[str, Any]:
    """Make an economy in `out`/data, load it into a server of its own and backtest it; the run's summary.

    The server lives in `out`/neo4j and is stopped at the end, so that nothing made here can mix with a real graph.

    Raises:
        SamgraphError: as the stages do; what was done is kept, and the same call continues
    """
    out = out.resolve()
    data = out / "data"
    with stage("make an economy", STAGES) as progress:
        simulate(data, seed, signal=signal, progress=progress.advance)
    days = Dataset(data).read("benchmarks")["date"]
    config = load_config(
        None,
        {
            "data": data,
            "universe": UNIVERSE,
            "start": _half_a_year_after(days.min()),
            "end": days.max().date(),
            "seeds": seeds,
            "seed": seed,
            "concepts": {"cut": CUT, "industry_cut": CUT},
            "model": {"scaling": SCALING},
            "windows": {"train_days": TRAIN_DAYS, "valid_days": VALID_DAYS, "test_days": len(days)},
        },
    )
    return backtest_alone(config, out)


def backtest_alone(config: RunConfig, out: Path) -> dict[str, Any]:
    """Load a run's dataset into a server of its own in `out`/neo4j, and run, or continue, the backtest in `out`/run.

    Raises:
        SamgraphError: as the stages do; what was done is kept, and the same call continues
    """
    server = LocalServer(out / "neo4j")
    with stage("fetch Neo4j", server.count_files()) as progress:
        server.prepare(progress=progress.advance)
    with stage("start Neo4j"):
        address = server.start_for_this_process()
    try:
        with Graph.open(address) as graph:
            with stage("load") as progress:
                load(graph, Dataset(config.data), progress=progress.advance, expect=progress.set_total)
            return backtest(config, out / "run", graph=graph)
    finally:
        server.stop()


def _half_a_year_after(first: Any) -> dt.date:
    """Training starts when every company has reported once."""
    day: dt.date = (first + dt.timedelta(days=183)).date()
    return day
