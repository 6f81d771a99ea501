"""The size of a run's tests on simulated economies with nothing planted, whose models are trained as a run trains.

python tools/null_economies.py FIRST LAST [--small] --out FILE.jsonl
python tools/null_economies.py --read FILE.jsonl

Each economy (`samgraph simulate --signal 0`, by one of several makers) has its product and its industry models
fitted, its factors evaluated and its portfolios compared, by the functions that a backtest calls; only the way through
Neo4j is left out. FILE gets a line an economy. The makers differ in what moves returns together, never in whether the
past says anything of the future:

    families     the default: product families, sectors, a market
    market       a strong market and weak products, so that betas and sizes dominate
    products     products move far more than sectors do, and companies sell many of them
    fat          returns whose size follows a common, persistent volatility, with fat tails and delistings

With --small the economies are of 40 companies and the models tiny, fitted from nothing, so that product and industry
models differ everywhere: a few seconds of one core each, so that hundreds can be examined.

With --read it prints how often a p-value fell below 0.05 and what a binomial would allow.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from oracles.offline import market_of, series_of

from samgraph.arms.hist import PARTS
from samgraph.config import RunConfig, load_config
from samgraph.economy.parameters import UNIVERSE, Parameters
from samgraph.economy.simulate import Economy, make, write
from samgraph.exchange.calendar import days_a_year
from samgraph.graph.dataset.folder import Dataset
from samgraph.outcome import assess
from samgraph.outcome.books import keep_books, trading_rules
from samgraph.outcome.run_figures import compare
from samgraph.run.inputs import Inputs, _windows
from samgraph.run.pieces import run_pieces, run_work, write_model_inputs
from samgraph.training.fit import fit_piece
from samgraph.training.pieces import fit_pieces, gather
from samgraph.training.task import PREDICTIONS, Event, Task

MAKERS: dict[str, dict[str, Any]] = {
    "families": {},
    "market": {"market_volatility": 0.02, "family_volatility": 0.004, "leaf_volatility": 0.002},
    "products": {
        "family_volatility": 0.02,
        "sector_volatility": 0.002,
        "many_product": 0.9,
        "mislabelled": 0.4,
    },
    "fat": {"delistings": 0.15, "listings": 0.2},
}
SIZES: dict[str, Any] = {"companies": 80, "products": 100, "years": 4, "signal": 0.0}
SETTINGS: dict[str, Any] = {
    "universe": UNIVERSE,
    "start": "2019-10-01",
    "variants": ["product", "industry"],
    "horizons": [1, 20],
    "seeds": 1,
    "jobs": 1,
    "windows": {"train_days": 240, "valid_days": 60, "test_days": 500},
    "model": {"hidden_size": 16},
    "trading": {"top": 15},
}
SMALL_SIZES = SIZES | {"companies": 40, "products": 60, "years": 2}
SMALL_SETTINGS = SETTINGS | {
    "start": "2019-09-02",
    "windows": {"train_days": 60, "valid_days": 20, "test_days": 200},
    "model": {"hidden_size": 4, "epochs": 2, "start": "nothing"},
    "trading": {"top": 8},
}
LEVEL = 0.05


def economy(number: int, sizes: dict[str, Any]) -> tuple[str, Economy]:
    """The economy of a number, and its maker's name."""
    maker = list(MAKERS)[number % len(MAKERS)]
    made = make(Parameters(seed=40_000 + number, **sizes, **MAKERS[maker]))
    return maker, _with_clustered_volatility(made, number) if maker == "fat" else made


def _with_clustered_volatility(made: Economy, seed: int) -> Economy:
    """The same economy with every day's log return multiplied by one persistent factor that knows no stock."""
    bars = made.tables["bars"].copy()
    days = np.sort(bars["date"].unique())
    rng, log = np.random.default_rng(seed), np.zeros(len(days))
    for t in range(1, len(days)):
        log[t] = 0.97 * log[t - 1] + rng.normal(0.0, 0.15)
    scale = pd.Series(np.clip(np.exp(log - log.var() / 2), 0.3, 3.0), index=days)
    adjusted = bars["close"] * bars["adj_factor"] if "adj_factor" in bars else bars["close"]
    step = np.log(adjusted).groupby(bars["company_id"]).diff().fillna(0.0)
    moved = (step * (bars["date"].map(scale) - 1.0)).groupby(bars["company_id"]).cumsum()
    for name in ("open", "high", "low", "close", "vwap", "market_cap", "float_cap"):
        if name in bars:
            bars[name] = bars[name] * np.exp(moved)
    return replace(made, tables={k: v for k, v in made.tables.items() if k != "benchmarks"} | {"bars": bars})


def inputs_of(config: RunConfig, dataset: Dataset) -> Inputs:
    """What a run would read through Neo4j."""
    market = market_of(
        dataset, config.universe, str(config.start), str(config.end), history=config.windows.history
    )
    first_day = int(market.dates.searchsorted(pd.Timestamp(config.start)))
    cuts = config.concepts
    sectors = series_of(dataset, market, f"level:{cuts.neutral_level}", "industries")
    labels = np.full((market.n_dates, market.n_stocks), -1, dtype=np.int64)
    for day, version in enumerate(sectors.day_version):
        edges = sectors.versions[int(version)]
        labels[day, edges.stock] = edges.concept
    leaf = series_of(dataset, market, "leaf")
    last = leaf.versions[int(leaf.day_version[-1])]
    tree = dataset.read("products", ["product_id", "name", "parent_id"]).drop_duplicates("product_id")
    tree = tree.astype(object).where(tree.notna() & (tree != ""), None).sort_values("product_id")
    windows = tuple(_windows(config, market, first_day))
    products = series_of(dataset, market, cuts.cut)
    industries = series_of(dataset, market, cuts.industry_cut, "industries")
    return Inputs(
        market=market,
        products=products,
        industries=industries,
        fitted={"product": (products,) * len(windows), "industry": (industries,) * len(windows)},
        coarse_products=series_of(dataset, market, cuts.regression_cut),
        coarse_industries=series_of(dataset, market, cuts.regression_cut, "industries"),
        sectors=labels,
        sector_ids=tuple(sectors.concepts),
        last_edges=pd.DataFrame(
            {
                "company_id": np.asarray(market.stocks, dtype=object)[last.stock],
                "product_id": np.asarray(leaf.concepts, dtype=object)[last.concept],
                "weight": last.weight.astype(np.float64),
            }
        ),
        first_tree=tree.reset_index(drop=True),
        last_tree=tree.reset_index(drop=True),
        first_day=first_day,
        windows=windows,
        known=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
    )


def examine(number: int, *, small: bool = False) -> dict[str, Any]:
    """The p-values of one economy."""
    maker, made = economy(number, SMALL_SIZES if small else SIZES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(made, folder / "data")
        end = str(pd.Timestamp(made.tables["bars"]["date"].max()).date())
        config = load_config(
            None, (SMALL_SETTINGS if small else SETTINGS) | {"data": folder / "data", "end": end}
        )
        inputs = inputs_of(config, Dataset(config.data))
        pieces, work = run_pieces(config, inputs), run_work(config, folder)
        write_model_inputs(pieces, inputs, work.folder)
        fit_pieces([Task(piece, work) for piece in pieces], _Here(), _Silent())
        predictions = gather(pieces, work, PREDICTIONS)
    return {"economy": number, "maker": maker} | _tests(config, inputs, predictions)


def _tests(config: RunConfig, inputs: Inputs, predictions: pd.DataFrame) -> dict[str, Any]:
    """What `assess` tests, without the regressions and the risk model that no test here needs."""
    scores = {str(name): assess._average(rows, inputs) for name, rows in predictions.groupby("variant")}
    forward = {h: assess._forward(config, inputs, h) for h in config.horizons}
    parts = assess._evaluate_factors(
        inputs, {name: scores["product"][name] for name in PARTS}, forward, 0
    ).decay
    horizon = config.model.hist(config.trading).horizon
    raw = assess._evaluate_raw(inputs, scores, horizon, assess._forward(config, inputs, horizon))
    own = {name: one["score"] for name, one in scores.items()}
    kept = keep_books(config, inputs, own, trading_rules(config, inputs), None)
    gap = compare(kept, raw, horizon, 0, days_a_year(inputs.market.dates))
    assert gap is not None
    named = zip(parts["factor"], parts["horizon"], parts["p_value"], strict=True)
    return {
        "days": inputs.test.stop - inputs.test.start,
        "p_value": gap["p_value"],
        "rank_ic_p_value": gap["rank_ic_p_value"],
        "parts": {f"{factor}_{h}": float(p) for factor, h, p in named},
        "largest_t": float(parts["tstat_nw"].abs().max()),
    }


class _Here:
    """Pieces in this process, one after the other."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def submit(self, task: Task) -> None:
        fit_piece(task, lambda steps: None)
        self._events.append(Event(task, done=True))

    def poll(self, seconds: float) -> list[Event]:
        events, self._events = self._events, []
        return events

    def close(self) -> None: ...


class _Silent:
    """A progress bar that shows nothing."""

    def set_total(self, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...


def read(file: Path) -> None:
    """Print what the economies of a file say."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    tests = {name: [row[name] for row in rows] for name in ("p_value", "rank_ic_p_value")}
    for name in rows[0]["parts"]:
        tests[name] = [row["parts"][name] for row in rows]
    makers = pd.Series([row["maker"] for row in rows]).value_counts().to_dict()
    print(f"{len(rows)} economies, {makers}, {sorted({row['days'] for row in rows})} test days")
    for name, values in tests.items():
        known = [value for value in values if value is not None and np.isfinite(value)]
        hits, n = sum(value < LEVEL for value in known), len(known)
        span = stats.binomtest(hits, n).proportion_ci(method="wilson") if n else (np.nan, np.nan)
        uniform = stats.kstest(known, "uniform").pvalue if n else np.nan
        print(
            f"{name:20} {hits:3} of {n} below {LEVEL} (95%: {span[0]:.3f} to {span[1]:.3f}), KS p {uniform:.2f}"
        )
    print("largest |t| of a part above 4:", sum(row["largest_t"] > 4 for row in rows))


def main() -> int:
    """Examine economies, or read what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("last", type=int, nargs="?", default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--read", type=Path)
    asked = parser.parse_args()
    if asked.read:
        read(asked.read)
        return 0
    for number in range(asked.first, asked.last + 1):
        line = json.dumps(examine(number, small=asked.small))
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
