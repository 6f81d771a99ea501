"""A full market on one machine: `python benchmarks/scale.py WORK WHAT [--share 1]`, and `... WORK table`.

WHAT is load (the server's own import, as `samgraph load --offline`), read (one snapshot, and 500 days), train (one
epoch of HIST) or readers (50 concurrent readers during a load over Bolt); each needs `load` before it, and writes what
it measured to WORK/SHARE/results.json, so that every part fits into some minutes and can be repeated alone. `table`
fits the growth of each stage over the shares that were measured. Memory is the sum of resident sizes of this process,
its children and the server, sampled twice a second (pages that they share count more than once). `stop` stops the
server.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import multiprocessing
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import graph_data
import numpy as np
import pandas as pd

from samgraph.files import write_json
from samgraph.graph.ask.baskets import basket
from samgraph.graph.ask.pairs import pairs
from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.load.offline import load_offline
from samgraph.graph.server.local import LocalServer

warnings.simplefilter("ignore")
DAY = dt.date(2022, 6, 1)
BAR_DAYS = 200  # of prices, from 2015-01-01
TRAIN, VALID, TEST = 80, 20, 20
PROCESSES, THREADS = 2, 25
CORRECTED = 0.1  # the share of companies whose last eight reports a second load corrects
PERIOD = ("2016-01-04", 500)


class Memory:
    """The greatest sum of resident sizes while its block runs."""

    def __init__(self, home: Path) -> None:
        self.home = str(home)
        self.most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def gib(self) -> float:
        """In GiB."""
        return round(self.most / 2**30, 2)

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._done.wait(0.5):
            self.most = max(self.most, sum(_pages(self.home)) * page)


def _pages(home: str) -> Iterator[int]:
    """Resident pages of this process, its children and whatever names the server's home."""
    parents, told = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(stat[1])
            told[int(folder.name)] = (int(stat[21]), home in (folder / "cmdline").read_text())
    for number, (pages, names_home) in told.items():
        above = number
        while above not in (0, os.getpid()):
            above = parents.get(above, 0)
        if above == os.getpid() or names_home:
            yield pages


class Scale:
    """One share of the market, in a folder and a server of its own."""

    def __init__(self, work: Path, share: float) -> None:
        self.folder = work / f"{share:g}"
        self.share = share
        self.data = self.folder / "data"
        self.server = LocalServer(self.folder / "home")
        self.results = self.folder / "results.json"

    def note(self, what: str, **values: Any) -> None:
        """Print figures and keep them."""
        print(
            f"share {self.share:g}, {what}: " + ", ".join(f"{k} {v}" for k, v in values.items()), flush=True
        )
        told = json.loads(self.results.read_text()) if self.results.exists() else {}
        write_json(self.results, told | {what: values})

    def timed(self, what: str, work: Callable[[], Any], **more: Any) -> Any:
        """Run it, note seconds and memory."""
        with Memory(self.server.home) as memory:
            began = time.perf_counter()
            result = work()
            seconds = round(time.perf_counter() - began, 2)
        self.note(what, seconds=seconds, gib=memory.gib, **more)
        return result

    def load(self) -> None:
        """Make the data and build the graph of it."""
        if not list(self.data.glob("segments.*")):
            graph_data.market(self.data, share=self.share, days=BAR_DAYS)
        self.server.stop()
        shutil.rmtree(self.folder / "home", ignore_errors=True)
        report = self.timed("load", lambda: load_offline(Dataset(self.data), server=self.server))
        self.note("loaded", edges=int(report.edges["created"].sum()), **report.seconds)

    def read(self) -> None:
        """One day's snapshot, the first and the least of five; a period."""
        import torch_geometric.data  # noqa: F401 - some seconds that are no part of the first snapshot

        with Graph.open(self.server.start()) as graph:

            def day() -> tuple[int, float, float]:
                spent = []
                for _ in range(6):
                    began = time.perf_counter()
                    found = snapshot(graph, AsOf(DAY)).to_hetero()
                    spent.append(round(time.perf_counter() - began, 3))
                return found["stock", "sells", "concept"].edge_index.shape[1], spent[0], min(spent[1:])

            edges, first, least = self.timed("six snapshots", day)
            self.note("snapshot", seconds=least, cold=first, edges=edges)
            dates = pd.bdate_range(PERIOD[0], periods=PERIOD[1])
            stocks = Dataset(self.data).read("universes", ["company_id"])["company_id"].tolist()
            members = np.ones((len(dates), len(stocks)), dtype=bool)
            self.timed("period", lambda: extract_period(graph, dates, stocks=stocks, members=members))

    def train(self) -> None:
        """One epoch of HIST on the stocks of the share, from the graph and the bars."""
        from samgraph.hist.config import variant
        from samgraph.hist.data import training_inputs
        from samgraph.hist.train import fit_window
        from samgraph.hist.windows import Window
        from samgraph.run.inputs import read_market

        config = variant("samgraph", hidden_size=64, epochs=1, min_epochs=1, patience=1, average=1)
        with Graph.open(self.server.start()) as graph:

            def work() -> tuple[int, int, float]:
                days = pd.bdate_range("2015-01-01", periods=BAR_DAYS)
                dataset = Dataset(self.data)
                begin = days[BAR_DAYS - TRAIN - VALID - TEST - 24]
                market = read_market(
                    graph, dataset, graph_data.UNIVERSE, begin.date(), days[-1].date(), warmup_days=BAR_DAYS
                )
                series = extract_period(
                    graph,
                    market.dates,
                    stocks=market.stocks,
                    members=market.member,
                    cut="adaptive:min=5,max=0.3",
                )
                first = int(market.dates.searchsorted(begin))
                valid = first + TRAIN + 12
                test = valid + VALID + 12
                window = Window(slice(first, valid - 12), slice(valid, test - 12), slice(test, test + TEST))
                began = time.perf_counter()
                fit_window(training_inputs(market, series, config), window, config, 0)
                return series.n_stocks, series.n_concepts, round(time.perf_counter() - began, 1)

            stocks, concepts, seconds = self.timed("read and train", work)
            self.note("train", seconds=seconds, stocks=stocks, concepts=concepts, days=TRAIN)

    def readers(self, seconds: float) -> None:
        """Readers before, during and after a load that corrects reports."""
        corrected = self._corrected()
        address = self.server.start()
        with Graph.open(address) as graph, Memory(self.server.home) as memory:
            before = {name: ask(graph) for name, ask in QUESTIONS.items()}
            context = multiprocessing.get_context("spawn")
            pipes, running = [], []
            for _ in range(PROCESSES):
                mine, theirs = context.Pipe()
                process = context.Process(target=_read_on, args=(address, seconds, theirs))
                process.start()
                pipes.append(mine)
                running.append(process)
            time.sleep(min(20.0, seconds / 4))
            began = time.perf_counter()
            report = load(graph, Dataset(corrected))
            loaded = time.perf_counter() - began
            answers = [answer for pipe in pipes for answer in pipe.recv()]
            for process in running:
                process.join(60)
            after = {name: ask(graph) for name, ask in QUESTIONS.items()}
        self._judge(answers, before, after)
        created = int(report.edges["created"].sum())
        self.note("load beside the readers", seconds=round(loaded, 1), edges=created, gib=memory.gib)

    def _judge(self, answers: list[tuple[str, float, str, str]], before: Any, after: Any) -> None:
        """Every answer is that of the moment that it says it is of; latencies by question."""
        truth = {(name, *one) for told in (before, after) for name, one in told.items()}
        wrong = sum((name, known, digest) not in truth for name, _, known, digest in answers)
        for name in QUESTIONS:
            spent = np.array([took for asked, took, _, _ in answers if asked == name])
            late = sum(asked == name and known == after[name][0] for asked, _, known, _ in answers)
            p50, p95, p99 = np.percentile(spent, [50, 95, 99]).round(2).tolist()
            self.note(
                f"readers {name}", answers=len(spent), of_after=late, differ=before[name] != after[name],
                p50=p50, p95=p95, p99=p99,
            )  # fmt: skip
        self.note("readers", answers=len(answers), wrong=wrong)
        if wrong:
            raise SystemExit(
                f"{wrong} of {len(answers)} answers are neither those of before nor of after the load"
            )

    def _corrected(self) -> Path:
        """The last eight reports of a tenth of the companies, the weights turned round within each report."""
        folder = self.folder / f"corrected-{time.time_ns()}"
        folder.mkdir()
        for name in ("companies", "products"):
            shutil.copy(self.data / f"{name}.parquet", folder / f"{name}.parquet")
        frame = pd.read_parquet(self.data / "segments.parquet")
        chosen = frame["company_id"].unique()[:: round(1 / CORRECTED)]
        newest = np.sort(frame["period_end"].unique())[-8:]
        frame = frame[frame["company_id"].isin(chosen) & frame["period_end"].isin(newest)]
        weight = frame["weight"].to_numpy().reshape(-1, graph_data.MARKET_SOLD)
        rng = np.random.default_rng(time.time_ns() % 2**32)  # another correction each time
        turned = np.roll(weight, int(rng.integers(1, graph_data.MARKET_SOLD)), axis=1)
        frame.assign(weight=turned.ravel()).to_parquet(folder / "segments.parquet", index=False)
        return folder


def _digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()


def _snapshot(graph: Graph) -> tuple[str, str]:
    found = snapshot(graph, AsOf(DAY))
    return str(found.as_of.known), _digest(found.frame)


def _pairs(graph: Graph) -> tuple[str, str]:
    found = snapshot(graph, AsOf(DAY))
    return str(found.as_of.known), _digest(pairs(found, company=found.companies[0], top=50))


def _basket(graph: Graph) -> tuple[str, str]:
    found = basket(graph, "P000007", AsOf(DAY))
    return str(found.as_of.known), _digest(found.companies)


QUESTIONS = {"snapshot": _snapshot, "pairs": _pairs, "basket": _basket}


def _read_on(address: Address, seconds: float, pipe: Connection) -> None:
    """Ask in many threads for some time; send (question, seconds, moment, digest) of every answer."""
    until = time.monotonic() + seconds
    answers: list[tuple[str, float, str, str]] = []
    names = list(QUESTIONS)

    def ask(number: int) -> None:
        with Graph.open(address) as graph:
            while time.monotonic() < until:
                name = names[number % len(names)]
                began = time.perf_counter()
                known, digest = QUESTIONS[name](graph)
                answers.append((name, time.perf_counter() - began, known, digest))
                number += 1

    failed: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            ask(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        answers.append((names[0], 0.0, "", f"failed: {failed[0]!r}"))
    pipe.send(answers)


def table(work: Path) -> None:
    """Seconds of each stage by share, and the exponent that fits them."""
    told = sorted(
        (float(path.parent.name), json.loads(path.read_text())) for path in work.glob("*/results.json")
    )
    for what in ("load", "snapshot", "period", "read and train", "train"):
        shares = np.array([share for share, results in told if what in results])
        seconds = np.array([results[what]["seconds"] for _, results in told if what in results])
        memory = [results[what].get("gib", "") for _, results in told if what in results]
        if len(shares) > 1:
            slope = np.polyfit(np.log(shares), np.log(seconds), 1)[0]
            print(
                f"{what}: shares {shares.tolist()}, seconds {seconds.tolist()}, GiB {memory}, exponent {slope:.2f}"
            )


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("what", choices=["load", "read", "train", "readers", "table", "stop"])
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long the readers ask")
    given = parser.parse_args()
    if given.what == "table":
        table(given.work)
        return
    scale = Scale(given.work, given.share)
    if given.what == "stop":
        scale.server.stop()
    elif given.what == "readers":
        scale.readers(given.seconds)
    else:
        getattr(scale, given.what)()


if __name__ == "__main__":
    main()
