"""Is the stream encoder worse than the published window encoder? Seed by seed, at the same budget.

    python benchmarks/encoders.py --out FOLDER                       a simulated economy
    python benchmarks/encoders.py --out FOLDER --data DATASET        and a dataset as well (CSI 300): all seeds on
                                                                     one period, then each seed on its own

All train the same head on the same stocks, days, labels, learning rate, chunks and epochs; they differ in the
encoder and the features that it needs. The stream is fitted with both scalings of its features. Small, so that ten
fits of the window encoder, which reads 60 days anew for every day, end in minutes: hidden 32, a hundred stocks, 200
training days. Each fit is kept in FOLDER; the same command goes on where it stopped. The table says mean and spread of
the validation and test Rank IC, and the mean difference of the seeds' pairs, each stream less the window, with its
95% t interval.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from oracles.offline import market_of, members_of, series_of

from samgraph.economy.parameters import UNIVERSE, Parameters
from samgraph.economy.simulate import make, write
from samgraph.files import write_json
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.config import variant
from samgraph.hist.data import training_inputs
from samgraph.hist.labels import forward_returns
from samgraph.hist.market import Market
from samgraph.hist.metrics import mean, rank_ic
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window

SEEDS = 5
TRAIN, VALID, TEST, STOCKS = 200, 100, 100, 120
SIGNAL = 2.0  # of the simulated economies: twice the default, because these are small and short
GAP = 11  # purge of the 10-day label with its lag
FORMS = {
    "stream-day": {"encoder": "stream", "scaling": "day"},
    "stream-training": {"encoder": "stream", "scaling": "training"},
    "window": {"encoder": "window"},
}


def fit(market: Market, series: SnapshotSeries, first: int, form: str, seed: int) -> dict[str, float]:
    """One model: Rank IC on the validation days (of the chosen epoch) and on the test days, and its cost."""
    config = variant(
        "samgraph",
        hidden_size=32,
        epochs=10,
        min_epochs=5,
        patience=10,
        average=3,
        **FORMS[form],
    )
    valid = first + TRAIN + GAP
    test = valid + VALID + GAP
    window = Window(slice(first, first + TRAIN), slice(valid, valid + VALID), slice(test, test + TEST))
    began = time.process_time()
    fitted = fit_window(training_inputs(market, series, config), window, config, seed)
    spent = time.process_time() - began
    label = forward_returns(market, config.horizon, lag=config.lag, price=config.price)
    score = np.full(label.shape, np.nan)
    told = fitted.predictions
    row = market.dates.get_indexer(told["date"])
    column = {name: place for place, name in enumerate(market.stocks)}
    score[row, [column[name] for name in told["company_id"]]] = told["score"]
    days = slice(test, test + TEST)
    best = fitted.curves.loc[fitted.curves["best"].to_numpy(dtype=bool).nonzero()[0][-1]]
    return {
        "valid": float(best["valid_ic"]),
        "test": mean(rank_ic(score[days], label[days])),
        "seconds": spent,
    }


def made(folder: Path) -> list[tuple[Market, SnapshotSeries, int]]:
    """Five economies of a hundred companies: each seed its own, so that the interval is over worlds too."""
    cases = []
    for seed in range(SEEDS):
        economy = Parameters(seed=seed + 1, companies=110, products=150, years=3, signal=SIGNAL)
        write(make(economy), folder / f"made{seed}")
        dataset = Dataset(folder / f"made{seed}")
        market = market_of(dataset, UNIVERSE, "2019-06-01", "2021-12-31")
        cases.append((market, series_of(dataset, market, "adaptive:min=5,max=0.3"), 100))
    return cases


def real(root: Path, universe: str, start: str, end: str) -> list[tuple[Market, SnapshotSeries, int]]:
    """One market of a hundred stocks, drawn once, for all seeds."""
    dataset = Dataset(root)
    everyone = members_of(dataset, universe, pd.bdate_range(start, end))
    chosen = np.random.default_rng(0).choice(everyone.columns, STOCKS, replace=False)
    market = market_of(dataset, universe, start, end, stocks=tuple(chosen))
    series = series_of(dataset, market, "adaptive:min=3,max=0.2")
    first = int(market.dates.searchsorted(np.datetime64(start)))
    return [(market, series, first)] * SEEDS


def rolling(root: Path, universe: str, start: str, end: str) -> list[tuple[Market, SnapshotSeries, int]]:
    """A period and a draw of stocks for each seed, so that the interval is over both as well."""
    dataset = Dataset(root)
    everyone = members_of(dataset, universe, pd.bdate_range(start, end))
    days = market_of(dataset, universe, start, end, stocks=everyone.columns[:1]).dates
    first, length = int(days.searchsorted(np.datetime64(start))), TRAIN + VALID + TEST + 2 * GAP
    cases = []
    for seed, begin in enumerate(np.linspace(first, len(days) - length, SEEDS).astype(int)):
        chosen = np.random.default_rng(seed).choice(everyone.columns, STOCKS, replace=False)
        period = (str(days[begin].date()), str(days[begin + length - 1].date()))
        market = market_of(dataset, universe, *period, stocks=tuple(chosen))
        series = series_of(dataset, market, "adaptive:min=3,max=0.2")
        cases.append((market, series, int(market.dates.searchsorted(np.datetime64(period[0])))))
    return cases


def tell(name: str, found: dict[str, dict[str, float]]) -> None:
    """A data set's rows of the table."""
    print(f"{name}: {SEEDS} seeds, train {TRAIN}, validate {VALID}, test {TEST} days")
    for part in ("valid", "test"):
        values = {form: np.array([found[f"{form}-{s}"][part] for s in range(SEEDS)]) for form in FORMS}
        print(
            f"  {part} Rank IC: "
            + ", ".join(f"{f} {v.mean():+.4f} (sd {v.std(ddof=1):.4f})" for f, v in values.items())
        )
        for form in list(FORMS)[:-1]:
            gap = values[form] - values["window"]
            reach = stats.t.ppf(0.975, SEEDS - 1) * gap.std(ddof=1) / np.sqrt(SEEDS)
            ends = f"{gap.mean() - reach:+.4f} to {gap.mean() + reach:+.4f}"
            print(f"    {form} less window {gap.mean():+.4f} ({ends})")
    for form in FORMS:
        spent = [found[f"{form}-{s}"]["seconds"] for s in range(SEEDS)]
        print(f"  {form}: {np.mean(spent):.1f} CPU s a fit")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of a dataset with bars, such as CSI 300")
    parser.add_argument("--universe", default="CSI300")
    parser.add_argument("--start", default="2022-01-04", help="first training day")
    parser.add_argument("--end", default="2024-02-29", help="last test day where all seeds share one period")
    parser.add_argument("--last", default="2026-05-08", help="last test day of the last of five periods")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cases = {"simulated economies": made(options.out)}
    if options.data is not None:
        name = options.universe
        cases[name] = real(options.data, name, options.start, options.end)
        cases[f"{name} rolling"] = rolling(options.data, name, options.start, options.last)
    for name, worlds in cases.items():
        kept = options.out / f"{name.replace(' ', '-')}.json"
        found: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
        for seed, (market, series, first) in enumerate(worlds):
            for form in FORMS:
                if f"{form}-{seed}" not in found:
                    found[f"{form}-{seed}"] = fit(market, series, first, form, seed)
                    write_json(kept, found)
                    print(name, form, seed, found[f"{form}-{seed}"], file=sys.stderr, flush=True)
        tell(name, found)


if __name__ == "__main__":
    main()
