"""How long HIST takes, beside a faithful dense form with a window encoder, in the same run.

    .venv/bin/python benchmarks/hist_step.py            300 x 300 and 1,000 x 1,000, one thread
    .venv/bin/python benchmarks/hist_step.py --large    3,000 x 4,000 as well (about 4 GB)

Hidden size 128, windows of 60 days, 6 features, 6 products a stock. "dense" is the published arrangement with whole
matrices (tests/oracles/hist_dense.py) behind a GRU over 60 days anew for each day. Times are CPU seconds of this
process, the best of several; memory is the growth of the peak resident size in a fresh process (Linux).
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from oracles.hist_dense import published

from samgraph.graph.series.snapshots import Edges
from samgraph.hist.apply import run_in_blocks
from samgraph.hist.batch import collate, day_graph
from samgraph.hist.config import variant
from samgraph.hist.day_graph import Batch
from samgraph.hist.encoder import StreamEncoder
from samgraph.hist.model import HistHead

D, WINDOW, FEATURES, PRODUCTS, CHUNK = 128, 60, 6, 6, 10


def make_edges(n: int, m: int) -> tuple[Edges, Tensor]:
    """Which stocks sell what, and market caps."""
    rng = np.random.default_rng(0)
    stock = np.repeat(np.arange(n), PRODUCTS)
    edges = Edges.of(stock, rng.integers(0, m, len(stock)), rng.uniform(0.05, 0.3, len(stock)))
    return edges, torch.from_numpy(rng.lognormal(0, 1, n).astype(np.float32))


def make_day(n: int, m: int, device: str = "cpu") -> tuple[Batch, Tensor, Tensor]:
    """One day's graph, its dense matrix and market caps."""
    edges, cap = make_edges(n, m)
    matrix = torch.zeros(n, m)
    matrix[torch.from_numpy(edges.stock), torch.from_numpy(edges.concept)] = 1.0
    cap = cap.to(device)
    graph = day_graph(edges, np.arange(n), torch.device(device))
    return collate([graph], cap), matrix.to(device), cap


def best(step: Callable[[], None], repeats: int) -> float:
    """CPU seconds of the fastest of `repeats` runs after a first one."""
    step()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times)


def dense_day(n: int, m: int, device: str = "cpu") -> Callable[[], None]:
    """A training step of the dense form on one day."""
    _, matrix, cap = make_day(n, m, device)
    head = HistHead(variant("paper", hidden_size=D)).to(device)
    encoder = nn.GRU(FEATURES, D, 2, batch_first=True).to(device)
    parameters = [*head.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=2e-4)
    windows, target = torch.randn(n, WINDOW, FEATURES, device=device), torch.randn(n, device=device)

    def step() -> None:
        x = encoder(windows)[0][:, -1]
        score = published(x, matrix, cap, dict(head.named_parameters()), 3)
        optimiser.zero_grad()
        ((score - target) ** 2).mean().backward()
        nn.utils.clip_grad_value_(parameters, 3.0)
        optimiser.step()

    return step


def stream_chunk(n: int, m: int, attention: str, device: str = "cpu") -> Callable[[], None]:
    """A training step of the stream on a chunk of days, with everything that `fit_window` does for it.

    That has the chunk's part of the run, without gradients, that gives every chunk of an epoch its state.
    """
    edges, cap = make_edges(n, m)
    graph, cap = day_graph(edges, np.arange(n), torch.device(device)), cap.to(device)
    head = HistHead(variant("samgraph", hidden_size=D, attention=attention)).to(device)
    encoder = StreamEncoder(FEATURES, D, 2, 0.0).to(device)
    parameters = [*head.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=2e-3)
    features = torch.randn(CHUNK, n, FEATURES, device=device)
    target = torch.randn(CHUNK * n, device=device)
    mask = torch.rand(CHUNK, n, device=device) < 0.99
    state = encoder.start(n, features)

    def step() -> None:
        with torch.no_grad():
            run_in_blocks(encoder, features, mask, state)
        top, _ = encoder.run(features, mask, state)
        batch = collate([graph] * CHUNK, cap.repeat(CHUNK))
        score = head(top.reshape(-1, D), batch).score
        optimiser.zero_grad()
        ((score - target) ** 2).mean().backward()
        nn.utils.clip_grad_value_(parameters, 3.0)
        optimiser.step()

    return step


def modules(n: int, m: int, form: str) -> Callable[[], None]:
    """Forward and backward of everything after the encoder, one day."""
    batch, matrix, cap = make_day(n, m)
    name = "paper" if form == "dense" else "samgraph"
    changes = {} if form == "dense" else {"attention": form}
    head = HistHead(variant(name, hidden_size=D, **changes))
    x = torch.randn(n, D)

    def step() -> None:
        state = x.clone().requires_grad_(True)
        if form == "dense":
            score = published(state, matrix, cap, dict(head.named_parameters()), 3)
        else:
            score = head(state, batch).score
        head.zero_grad()
        (score**2).mean().backward()

    return step


def peak_growth(n: int, m: int, form: str, threads: int) -> float:
    """MB by which the peak resident size grows over the first run, in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_grow, (n, m, form, threads))


def _grow(n: int, m: int, form: str, threads: int) -> float:
    torch.set_num_threads(threads)
    modules(20, 20, form)()  # what is loaded once
    step = modules(n, m, form)
    # getrusage would report the parent's peak, which a new process inherits: Linux can start the count anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    step()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="3,000 stocks x 4,000 products as well")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes = [(300, 300), (1000, 1000)] + ([(3000, 4000)] if options.large else [])
    print("a training day (forward, backward, Adam), CPU ms")
    for n, m in sizes:
        repeats = 5 if n < 1000 else 2
        dense = best(dense_day(n, m), repeats) * 1e3
        edges = best(stream_chunk(n, m, "edges"), repeats) * 1e3 / CHUNK
        every = best(stream_chunk(n, m, "all"), repeats) * 1e3 / CHUNK
        print(
            f"  {n:5d} x {m:5d}: dense with window {dense:8.1f}; "
            f"stream, edges {edges:7.1f} ({dense / edges:5.1f} times); "
            f"stream, all {every:7.1f} ({dense / every:5.1f} times)"
        )
    print("concept modules alone, one day (forward, backward), CPU ms and MB of peak growth")
    for n, m in sizes:
        cells = []
        for form in ("dense", "edges", "all"):
            spent = best(modules(n, m, form), 5 if n < 1000 else 2) * 1e3
            cells.append(f"{form} {spent:8.1f} ms {peak_growth(n, m, form, options.threads):6.0f} MB")
        print(f"  {n:5d} x {m:5d}: " + "; ".join(cells))


if __name__ == "__main__":
    main()
