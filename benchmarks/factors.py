"""Speed of the factor statistics beside their peers, in one run: `python benchmarks/factors.py [--quick]`.

Times are processor seconds of this process (so a busy machine disturbs them little), one thread, best of the
repeats; the peers do the same work on the same input. Prints one line a measurement.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import argparse
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.fama_macbeth import fama_macbeth
from samgraph.factors.regression.ridge import Ridge
from samgraph.graph.series.snapshots import Edges, SnapshotSeries

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles.toraniko_core import load_core
from oracles.toraniko_frames import estimate_by_samgraph

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alphalens import performance, utils
    from linearmodels.panel import FamaMacBeth
    from toraniko.model import estimate_factor_returns


TURNS = 3  # of two that are measured against each other


def seconds(work: Callable[[], Any], repeats: int = 1) -> float:
    """Least processor time of `repeats` runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def line(what: str, ours: float, peer: str = "", theirs: float | None = None, *, days: int = 1) -> None:
    """Print one measurement, milliseconds a day if `days` is given."""
    unit, scale = ("ms a day", 1e3 / days) if days > 1 else ("s", 1.0)
    text = f"{what:<62} {ours * scale:9.3f} {unit}"
    if theirs is not None:
        text += f"   {peer} {theirs * scale:9.2f} {unit}   x{theirs / ours:.0f}"
    print(text, flush=True)


def evaluation(n_dates: int, n_stocks: int, *, peer: bool) -> None:
    """Rank IC, quantile returns, turnover and rank autocorrelation at three horizons, against alphalens."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(n_dates, n_stocks))
    forward = {h: rng.normal(0, 0.02, (n_dates, n_stocks)) for h in (1, 5, 10)}
    dates = pd.date_range("2015-01-01", periods=n_dates, freq="D")
    stocks = [f"s{i:04d}" for i in range(n_stocks)]
    ours = seconds(lambda: evaluate({"a": factor}, forward, dates, stocks), 2)

    def theirs() -> None:
        index = pd.MultiIndex.from_product([dates, stocks], names=["date", "asset"])
        frame = pd.DataFrame({f"{h}D": r.ravel() for h, r in forward.items()}, index=index)
        frame["factor"] = factor.ravel()
        frame["factor_quantile"] = utils.quantize_factor(frame, 5)
        performance.factor_information_coefficient(frame)
        performance.mean_return_by_quantile(frame, by_date=True, demeaned=False)
        for h in forward:
            performance.factor_rank_autocorrelation(frame, h)
            for q in (1, 5):
                performance.quantile_turnover(frame["factor_quantile"], q, h)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = seconds(theirs) if peer else None
    line(f"evaluation, {n_stocks} stocks x {n_dates} days, 3 horizons", ours, "alphalens", other)
    labels, cap = rng.integers(0, 30, factor.shape), rng.normal(size=factor.shape)
    line(
        f"neutralisation, {n_stocks} stocks x {n_dates} days",
        seconds(lambda: neutralise(factor, labels, cap)),
    )


def premia(n_dates: int, n_stocks: int, peer_days: int) -> None:
    """Fama-MacBeth with five factors, against linearmodels (on fewer days, for patience)."""
    rng = np.random.default_rng(1)
    factors = {f"f{k}": rng.normal(size=(n_dates, n_stocks)) for k in range(5)}
    forward = rng.normal(size=(n_dates, n_stocks))
    ours = seconds(lambda: fama_macbeth(forward, factors, lags=4), 2)
    index = pd.MultiIndex.from_product([range(n_stocks), pd.bdate_range("2015-01-01", periods=peer_days)])
    frame = pd.DataFrame({name: f[:peer_days].T.ravel() for name, f in factors.items()}, index=index)
    frame.insert(0, "constant", 1.0)
    frame["y"] = forward[:peer_days].T.ravel()

    def theirs() -> None:
        model = FamaMacBeth(frame["y"], frame[["constant", *factors]])
        model.fit(cov_type="kernel", bandwidth=4, debiased=False)

    other = seconds(theirs) * n_dates / peer_days
    line(f"Fama-MacBeth, {n_stocks} stocks, 5 factors", ours, "linearmodels", other, days=n_dates)


def regression(
    what: str, n_dates: int, shape: tuple[int, int, int], edges: int, *, repeats: int = 2, **settings: Any
) -> None:
    """Factor returns with standard errors; `edges` labels a stock, one meaning dummies."""
    n_stocks, n_factors, n_styles = shape
    rng = np.random.default_rng(2)
    stocks = tuple(f"s{i}" for i in range(n_stocks))
    names = tuple(f"p{k}" for k in range(n_factors))
    dates = pd.bdate_range("2015-01-01", periods=n_dates)
    stock = np.repeat(np.arange(n_stocks), edges)
    version = Edges.of(stock, rng.integers(0, n_factors, len(stock)), np.full(len(stock), 1.0 / edges))
    series = SnapshotSeries(dates, stocks, names, names, np.zeros(n_dates, dtype=np.int64), (version,))
    styles = {f"z{k}": rng.normal(size=(n_dates, n_stocks)) for k in range(n_styles)}
    y, cap = rng.normal(size=(n_dates, n_stocks)), np.exp(rng.normal(size=(n_dates, n_stocks)))
    members = [Membership.from_series(series)]

    def work() -> None:
        cross_sectional_regression(y, cap, dates, stocks, memberships=members, styles=styles, **settings)

    line(what, seconds(work, repeats), days=n_dates)


def sectors(n_dates: int, n_stocks: int, peer_days: int) -> None:
    """Factor returns and residuals of 11 sectors and 4 styles, against toraniko: its core on arrays, then on frames.

    Ours and theirs take turns, on the same input. On arrays ours solves sectors and styles at once and gives standard
    errors, R2 and ranks as well; on frames it gives what theirs gives, in its two steps, without winsorising.
    """
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 11, n_stocks)
    styles = rng.normal(size=(4, n_dates, n_stocks))
    y, cap = 0.02 * rng.normal(size=(n_dates, n_stocks)), np.exp(rng.normal(size=(n_dates, n_stocks)))
    names, stocks = [f"i{k:02d}" for k in range(11)], [f"s{i:04d}" for i in range(n_stocks)]
    members = [Membership.from_labels(np.tile(labels, (n_dates, 1)), names)]
    looks = {f"z{k}": styles[k] for k in range(4)}
    dates = pd.bdate_range("2015-01-01", periods=n_dates)

    def ours() -> None:
        cross_sectional_regression(y, cap, dates, stocks, memberships=members, styles=looks, folds=0)

    core = load_core()
    dummies = (labels[:, None] == np.arange(11)).astype(float)

    def theirs() -> None:
        for t in range(peer_days):
            core(y[t], cap[t], dummies, styles[:, t].T, True)

    def frames(n: int) -> list[pl.DataFrame]:
        keys = {
            "date": np.repeat(dates[:n].to_numpy().astype("datetime64[D]"), n_stocks),
            "symbol": stocks * n,
        }
        held = {name: np.tile(column, (n, 1)) for name, column in zip(names, dummies.T, strict=True)}
        parts = [{"asset_returns": y}, {"market_cap": cap}, held, looks]
        return [pl.DataFrame(keys | {c: v[:n].ravel() for c, v in part.items()}) for part in parts]

    whole, some = frames(n_dates), frames(peer_days)
    text = f"11 sectors, 4 styles, {n_stocks} stocks"
    for what, one, other in (
        (text, ours, theirs),
        (
            "the same, polars frames in and out",
            lambda: estimate_by_samgraph(*whole),
            lambda: estimate_factor_returns(*some, winsor_factor=None),
        ),
    ):
        turns = np.array([(seconds(one, 2), seconds(other)) for _ in range(TURNS)])
        own, peer = turns.min(axis=0)
        line(what, own, "toraniko", peer * n_dates / peer_days, days=n_dates)


def peak(work: Callable[..., Any], *arguments: Any) -> float:
    """Most memory that a process of its own held during `work`, its imports and inputs included, in GiB."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(theirs, work, arguments))
    process.start()
    found = float(ours.recv())
    process.join()
    return found


def _measured(pipe: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    work(*arguments)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def long_regression(n_dates: int) -> None:
    """300 products and 7 styles of 3,000 stocks over a long period."""
    text = f"300 products, 7 styles, 3000 stocks, {n_dates} days"
    regression(text, n_dates, (3000, 300, 7), 5, repeats=1, folds=0)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the days for the slow peers")
    quick = parser.parse_args().quick
    part = 10 if quick else 1
    evaluation(2000 // part, 300, peer=True)
    evaluation(500 // part, 3000, peer=True)
    premia(500, 3000, 20 if quick else 100)
    sectors(250, 3000, 3 if quick else 10)
    regression("300 products, 7 styles, 3000 stocks", 100, (3000, 300, 7), 5, folds=0)
    regression("the same with 5 folds held out", 50, (3000, 300, 7), 5)
    regression(
        "the same, ridge chosen on past days", 50, (3000, 300, 7), 5, repeats=1, folds=0, ridge=Ridge()
    )
    days = 2000 // part
    print(f"most memory held, inputs included: {peak(long_regression, days):.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
