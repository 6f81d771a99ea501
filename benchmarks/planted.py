"""How much of what is planted in a simulated economy is found?

    python benchmarks/planted.py DEMO [DEMO ...]

DEMO is the folder of a finished `samgraph demo`. Every row is neutral to industry and log market cap, on the run's test
days: Rank IC by horizon, and its share of the first row's.

- all that products foretell: the return over the horizon that is to be expected of product premia, of suppliers' shocks
  on their way and of shocks that small companies have yet to follow, known exactly and seen through true revenue shares
- the premium alone, known exactly on its day
- the same on a twin of the economy with the same shocks and nothing planted: luck, of which the rows above have as much
- the factors of the run; `product_momentum` is the multi-label regression's own product returns, averaged and handed
  back through the shares
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.economy import companies as firms
from samgraph.economy import returns, taxonomy
from samgraph.economy.parameters import Parameters, trading_days
from samgraph.errors import SamgraphError
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.server.local import LocalServer
from samgraph.hist.labels import forward_returns
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import Inputs, read_inputs

ROWS = ("concept", "score", "industry_concept", "industry_score", "gru_score", "product_momentum")
OTHER = "planted: the economy is of another version of samgraph; make the demo again"


class Truth:
    """An economy made again, and its twin with the same shocks and nothing planted: frames of days by company_id."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.days = trading_days(parameters.years)
        self.tree = taxonomy.grow(parameters, self.days, self.days[0] - np.timedelta64(4 * 366, "D"))
        self.lives = firms.live(parameters, self.days)
        self.mixes = firms.drift(parameters, self.tree, self.days)
        self.drawn, self.twin = (
            returns.draw(one, self.tree, self.lives, self.mixes, self.days)
            for one in (parameters, replace(parameters, signal=0.0))
        )

    def premium(self) -> pd.DataFrame:
        """The product premium of each company on each day."""
        return self._frame(*returns.blend(self.mixes, self.days, self.tree.family, [self.drawn.premium]))

    def expected(self, horizon: int, lag: int) -> pd.DataFrame:
        """What of the returns from `lag` days on over `horizon` days products foretell at each close."""
        p, ahead = self.parameters, np.arange(lag + 1, lag + horizon + 1)
        premium = self.drawn.premium * (0.5 ** (ahead / p.premium_half_life)).sum()
        chained = _to_come(self.drawn.shock, p.chain_days, ahead) @ returns.row_shares(self.tree)
        late = _to_come(self.drawn.shock, p.slow_days, ahead)
        now, slow = returns.blend(
            self.mixes, self.days, self.tree.family, [premium + p.signal * p.chain * chained, late]
        )
        return self._frame(now + self.drawn.slow * slow)

    def luck(self) -> pd.DataFrame:
        """Prices of the twin."""
        return self._frame(np.cumprod(1.0 + self.twin.value, axis=0))

    def require(self, told: dict[str, Any]) -> None:
        """Refuse an economy of another program, whose truth this one would not make again."""
        month = pd.DatetimeIndex(self.days).strftime("%Y-%m")
        means = pd.DataFrame(self.drawn.premium, index=month).groupby(level=0).mean()
        if not np.allclose(means.to_numpy().T, list(told["premia"]["by_family"].values()), rtol=0, atol=1e-7):
            sys.exit(OTHER)

    def _frame(self, values: np.ndarray[Any, Any]) -> pd.DataFrame:
        days = pd.DatetimeIndex(self.days).as_unit("s")
        return pd.DataFrame(values, index=days, columns=self.lives.company_id)


def _to_come(shocks: np.ndarray[Any, Any], days: float, ahead: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What of the shocks up to each day arrives on the days `ahead` (1 is the next), as `returns` lets them arrive."""
    keep = 1.0 - 1.0 / days
    pending, state = np.zeros(shocks.shape[1]), np.empty_like(shocks)
    for t, shock in enumerate(shocks):
        pending = keep * pending + shock
        state[t] = pending
    found: np.ndarray[Any, Any] = state * (keep ** (ahead - 1)).sum() / days
    return found


def ceilings(truth: Truth, inputs: Inputs, run: RunFolder) -> dict[str, dict[int, float]]:
    """Neutral Rank IC by horizon of what is planted, on the stocks and days of the run."""
    market, test, trading = inputs.market, inputs.test, run.config.trading

    def panel(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        return frame.reindex(index=market.dates, columns=list(market.stocks)).to_numpy()

    def quality(values: np.ndarray[Any, Any], forward: np.ndarray[Any, Any], horizon: int) -> float:
        found = evaluate(
            {"truth": np.where(market.member, values, np.nan)[test]},
            {horizon: forward[test]},
            market.dates[test],
            market.stocks,
            labels=inputs.sectors[test],
            log_cap=market.log_caps()[test],
        )
        return float(found.decay["rank_ic"].iloc[0])

    premium, twin = panel(truth.premium()), panel(truth.luck())
    rows: dict[str, dict[int, float]] = {
        name: {} for name in ("all that products foretell", "premium alone", "premium, by luck")
    }
    for h in run.config.horizons:
        forward = forward_returns(market, h, lag=trading.lag, price=trading.price)
        chance = np.full_like(forward, np.nan)
        last = len(twin) - trading.lag - h
        chance[:last] = twin[trading.lag + h :] / twin[trading.lag : trading.lag + last] - 1.0
        chance[np.isnan(forward)] = np.nan
        told = (panel(truth.expected(h, trading.lag)), forward), (premium, forward), (premium, chance)
        for name, (values, earned) in zip(rows, told, strict=True):
            rows[name][h] = quality(values, earned, h)
    return rows


def table(demo: Path) -> str:
    """The table of one demo, in Markdown."""
    if not (demo / "neo4j").is_dir() or not (demo / "data" / "truth.json").is_file():
        sys.exit(f"planted: {demo} is no folder of a finished `samgraph demo`")
    try:
        told = json.loads((demo / "data" / "truth.json").read_text(encoding="utf-8"))
        parameters = Parameters(**told["parameters"])
    except (ValueError, KeyError, TypeError):
        sys.exit(OTHER)
    if parameters.signal == 0:
        sys.exit(f"planted: nothing is planted in {demo}, so there is no share to tell")
    truth, run = Truth(parameters), RunFolder.open(demo / "run")
    truth.require(told)
    server = LocalServer(demo / "neo4j")
    try:
        with Graph.open(server.start_for_this_process()) as graph:
            known = dt.datetime.fromisoformat(run.manifest["known"])
            inputs = read_inputs(run.config, graph, Dataset(demo / "data"), known)
    finally:
        server.stop()
    best, *others = (planted := ceilings(truth, inputs, run))
    horizons = sorted(planted[best])
    lines = [
        f"seed {parameters.seed}, neutral Rank IC (share of the first row's):\n",
        "| | " + " | ".join(f"{h} day{'s' if h > 1 else ''}" for h in horizons) + " |",
        "|---" * (len(horizons) + 1) + "|",
        f"| {best} | " + " | ".join(f"{planted[best][h]:+.3f}" for h in horizons) + " |",
    ]
    found = {name: planted[name] for name in others}
    for name in ROWS:
        if name in run.summary["horizons"]:
            found[name] = {h: run.summary["horizons"][name][str(h)]["rank_ic"] for h in horizons}
    for name, row in found.items():
        cells = [
            "–" if row[h] is None else f"{row[h]:+.3f} ({row[h] / planted[best][h]:.0%})" for h in horizons
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("demo", type=Path, nargs="+", help="folder of a finished demo")
    for demo in parser.parse_args().demo:
        try:
            print(table(demo), end="\n\n")
        except SamgraphError as error:
            sys.exit(f"planted: {error}")


if __name__ == "__main__":
    main()
