"""HIST on a graphics card, beside the same on this machine's processor and the authors' arrangement on the card.

    python benchmarks/device.py step  [--device cuda] [--sizes 3000x4000,5500x8625]
    python benchmarks/device.py epoch [--device cuda] [--sizes 3000x4000,5500x8625]

`step`: a training day as benchmarks/hist_step.py makes it (forward, backward, Adam; hidden 128), by the clock, the card
waited for; beside it the same without CUDA graphs, and with matrix products in TF32, which the program does not use.
`epoch`: one of `fit_window` on 120 days of made prices, hidden 64, with the validation of 20 days, on the card (the
third epoch) or on the processor with all its threads (the only one).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pandas as pd
import torch
from hist_step import CHUNK, FEATURES, D, dense_day, make_edges, stream_chunk

import samgraph.hist.recurrence
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.config import variant
from samgraph.hist.data import training_inputs
from samgraph.hist.encoder import StreamEncoder
from samgraph.hist.market import Market
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window


def seconds(step: Callable[[], object], device: str) -> float:
    """By the clock: the median of twenty after three first ones, on the processor of three after one."""
    first, repeats, wait = (3, 20, torch.cuda.synchronize) if device == "cuda" else (1, 3, lambda: None)
    for _ in range(first):
        step()
    found = []
    for _ in range(repeats):
        wait()
        began = time.perf_counter()
        step()
        wait()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def recurrence(n: int) -> Callable[[], None]:
    """Forward and backward of the stream encoder alone on a chunk of days, on the card."""
    encoder = StreamEncoder(FEATURES, D, 2, 0.0).cuda()
    features = torch.randn(CHUNK, n, FEATURES, device="cuda")
    mask = torch.rand(CHUNK, n, device="cuda") < 0.99
    state = encoder.start(n, features)

    def step() -> None:
        for parameter in encoder.parameters():
            parameter.grad = None
        (encoder.run(features, mask, state)[0] ** 2).mean().backward()

    return step


@contextmanager
def without_graphs() -> Iterator[None]:
    """The recurrence with its kernels started one by one."""
    replayed = samgraph.hist.recurrence.in_place
    samgraph.hist.recurrence.in_place = lambda run, written, read: run(*written, *read)
    try:
        yield
    finally:
        samgraph.hist.recurrence.in_place = replayed


@contextmanager
def in_tf32() -> Iterator[None]:
    """Matrix products of 19 bits."""
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def steps(sizes: list[tuple[int, int]], device: str) -> None:
    """The table of steps."""
    print(f"a training day, ms; {_name(device)}, torch {torch.__version__}")
    for n, m in sizes:
        dense = seconds(dense_day(n, m, device), device) * 1e3
        print(f"  {n:5d} x {m:5d}: authors' arrangement, window {dense:8.2f}", flush=True)
        for attention in ("edges", "all"):
            one = seconds(stream_chunk(n, m, attention, device), device) / CHUNK * 1e3
            print(f"      stream, {attention:5s} {one:8.2f} ({dense / one:5.1f} times)", flush=True)
        if device != "cuda":
            continue
        for name, form in FORMS.items():
            with form():
                day = seconds(dense_day(n, m, device), device) * 1e3
                one = seconds(stream_chunk(n, m, "edges", device), device) / CHUNK * 1e3
                alone = seconds(recurrence(n), device) / CHUNK * 1e3
            print(
                f"      {name:15s} authors' {day:8.2f}; stream, edges {one:8.2f}; recurrence alone {alone:8.3f}"
            )


FORMS = {"as it is": nullcontext, "without graphs": without_graphs, "in TF32": in_tf32}


def made_market(n: int, n_days: int) -> Market:
    """Prices that mean nothing, everyone a member."""
    rng = np.random.default_rng(0)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.02, (n_days, n)), axis=0))
    yes = np.ones(close.shape, dtype=np.bool_)
    spread = np.exp(np.abs(rng.normal(0, 0.005, (2, *close.shape))))
    return Market(
        dates=pd.bdate_range("2015-01-01", periods=n_days),
        stocks=tuple(f"S{i:05d}" for i in range(n)),
        open=close,
        high=close * spread[0],
        low=close / spread[1],
        close=close,
        vwap=close,
        adj=np.ones(close.shape),
        volume=rng.lognormal(10, 0.5, close.shape),
        market_cap=close * rng.lognormal(5, 1, n),
        tradable=yes,
        limit_up=~yes,
        limit_down=~yes,
        member=yes,
        benchmark=np.ones(n_days),
    )


def epoch(n: int, n_products: int, device: str) -> float:
    """Seconds of an epoch on 120 training and 20 validation days: the last of three, on the processor of one."""
    market = made_market(n, 260)
    edges, _ = make_edges(n, n_products)
    names = tuple(f"P{k}" for k in range(n_products))
    series = SnapshotSeries(
        market.dates, market.stocks, names, names, np.zeros(market.n_dates, dtype=np.int64), (edges,)
    )
    threads, epochs = (1, 3) if device == "cuda" else (os.cpu_count() or 1, 1)
    config = variant("samgraph", start="nothing", epochs=epochs, min_epochs=epochs, threads=threads)
    window = Window(slice(80, 200), slice(211, 231), slice(242, 244))
    inputs = training_inputs(market, series, config)
    told: list[float] = []  # when the training began, and when each of its epochs had ended
    fit_window(inputs, window, config, 0, device=device, progress=lambda _: told.append(time.perf_counter()))
    return told[epochs] - told[epochs - 1]


def _name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"processor, {torch.get_num_threads()} threads"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("step", "epoch"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--sizes", default="3000x4000,5500x8625", help="stocks x products")
    options = parser.parse_args()
    sizes = [(int(n), int(m)) for n, m in (size.split("x") for size in options.sizes.split(","))]
    if options.what == "step":
        steps(sizes, options.device)
        return
    for n, m in sizes:
        spent = epoch(n, m, options.device)
        print(f"  {n} x {m}: an epoch of 120 days, {_name(options.device)}: {spent:.2f} s", flush=True)


if __name__ == "__main__":
    main()
