"""How much of what is planted in a simulated economy is found?

    python benchmarks/planted.py DEMO [DEMO ...]

DEMO is the folder of a finished `samgraph demo`. The ceiling is the product premium itself, known exactly on its day
and seen through each company's true revenue shares; the floor is `product_momentum`, the multi-label regression's own
product returns, averaged and handed back through the shares. Both, and the factors of the run, neutral to industry and
log market cap on the run's test days: Rank IC by horizon, and its share of the ceiling's. No model reads the truth.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.economy import companies as firms
from samgraph.economy import returns, taxonomy
from samgraph.economy.parameters import Parameters, trading_days
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.server.local import LocalServer
from samgraph.hist.labels import forward_returns
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import Inputs, read_inputs

ROWS = ("concept", "score", "industry_concept", "industry_score", "gru_score", "product_momentum")


def premium(parameters: Parameters) -> pd.DataFrame:
    """The planted product premium of each company, by day and company_id: made again, which is exact."""
    days = trading_days(parameters.years)
    tree = taxonomy.grow(parameters, days, days[0] - np.timedelta64(4 * 366, "D"))
    lives = firms.live(parameters, days)
    mixes = firms.drift(parameters, tree, days)
    drawn = returns.draw(parameters, tree, lives, mixes, days)
    (seen,) = returns.blend(mixes, days, tree.family, [drawn.premium])
    return pd.DataFrame(seen, index=pd.DatetimeIndex(days).as_unit("s"), columns=lives.company_id)


def ceiling(truth: pd.DataFrame, inputs: Inputs, run: RunFolder) -> dict[int, float]:
    """The premium's neutral Rank IC at each horizon, on the stocks and days of the run."""
    market, test, trading = inputs.market, inputs.test, run.config.trading
    panel = truth.reindex(index=market.dates, columns=list(market.stocks)).to_numpy()
    found = evaluate(
        {"premium": np.where(market.member, panel, np.nan)[test]},
        {
            h: forward_returns(market, h, lag=trading.lag, price=trading.price)[test]
            for h in run.config.horizons
        },
        market.dates[test],
        market.stocks,
        labels=inputs.sectors[test],
        log_cap=market.log_caps()[test],
    )
    return dict(zip(found.decay["horizon"], found.decay["rank_ic"], strict=True))


def table(demo: Path) -> str:
    """The table of one demo, in Markdown."""
    told = json.loads((demo / "data" / "truth.json").read_text(encoding="utf-8"))
    parameters = Parameters(**told["parameters"])
    run = RunFolder.open(demo / "run")
    server = LocalServer(demo / "neo4j")
    try:
        with Graph.open(server.start_for_this_process()) as graph:
            known = dt.datetime.fromisoformat(run.manifest["known"])
            inputs = read_inputs(run.config, graph, Dataset(run.config.data), known)
    finally:
        server.stop()
    best = ceiling(premium(parameters), inputs, run)
    horizons = sorted(best)
    lines = [
        f"seed {parameters.seed}, neutral Rank IC (share of the ceiling's):\n",
        "| | " + " | ".join(f"{h} days" for h in horizons) + " |",
        "|---" * (len(horizons) + 1) + "|",
        "| premium, known exactly | " + " | ".join(f"{best[h]:+.3f}" for h in horizons) + " |",
    ]
    for name in ROWS:
        figures = run.summary["horizons"].get(name)
        if figures is not None:
            own = [figures[str(h)]["rank_ic"] for h in horizons]
            cells = [f"{value:+.3f} ({value / best[h]:.0%})" for value, h in zip(own, horizons, strict=True)]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("demo", type=Path, nargs="+", help="folder of a finished demo")
    for demo in parser.parse_args().demo:
        print(table(demo), end="\n\n")


if __name__ == "__main__":
    main()
