"""Speed and memory of the graph beside plain forms: `python benchmarks/graph.py WORK [WHAT ...]`.

WHAT is load, read, period, write, offline, memory or stop; all of them, in this order, unless some are named. WORK is
a folder for the made dataset (`graph_data.py`: 1,000,000 segment versions), a Neo4j server of its own and its
data; the server is left running between calls and stopped by `stop`. Wall time, on the server's default memory; plain
forms run in the same process on the same server. Prints one line a measurement, the least of the repeats.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import graph_data
import neo4j
import numpy as np
import pandas as pd

from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.load.offline import load_offline
from samgraph.graph.server.local import LocalServer

warnings.simplefilter("ignore")
DAY = dt.date(2014, 3, 5)
FIRST, DAYS = "2012-01-02", 2000
WRITTEN = 100_000  # edges that each plain form of writing writes

VALID = "r.valid_from <= $day AND r.valid_to > $day AND r.recorded_from <= datetime() AND r.recorded_to > datetime()"
ROWS = f"""
MATCH (c:Company)-[r:SELLS]->(p:Product) USING SCAN c:Company WHERE {VALID}
RETURN c.company_id, p.product_id, r.weight, r.period_end, r.announced_on, r.valid_from"""
FOLDED = f"""
MATCH (c:Company)-[r:SELLS]->(p:Product) USING SCAN c:Company WHERE {VALID}
RETURN collect(c.company_id), collect(p.product_id), collect(r.weight)"""
PERIOD = """
MATCH (c:Company)-[r:SELLS]->(p:Product) WHERE r.valid_from <= $last AND r.valid_to > $first
RETURN c.company_id, p.product_id, r.weight, r.valid_from, r.valid_to ORDER BY r.valid_from"""
PLAIN = """
UNWIND $rows AS row
MATCH (c:Company {company_id: row.company_id}) MATCH (p:Product {product_id: row.product_id})
CREATE (c)-[:PLAIN {weight: row.weight, period_end: row.period_end, announced_on: row.announced_on,
                    valid_from: row.announced_on, valid_to: row.announced_on,
                    recorded_from: $moment, recorded_to: $moment}]->(p)"""


def least(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The least wall time of some runs, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return best, result


def line(what: str, seconds: float, extra: str = "") -> None:
    """Print one measurement."""
    print(f"{what:<68} {seconds:8.3f} s   {extra}", flush=True)


class Bench:
    """One work folder and its server."""

    def __init__(self, work: Path) -> None:
        self.data = work / "data"
        self.work = work
        self.server = LocalServer(work / "home")
        if not self.data.exists():
            graph_data.write(self.data)

    def session(self, address: Address) -> neo4j.Session:
        """A session of the plain driver."""
        driver = neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password))
        return driver.session(database=address.database)

    def load(self) -> None:
        """From nothing, with all checks; then the same again."""
        self.server.reset()
        began = time.perf_counter()
        address = self.server.start()
        line("start of the server", time.perf_counter() - began)
        with Graph.open(address) as graph:
            for what in ("load from nothing, checked", "the same load again"):
                began = time.perf_counter()
                report = load(graph, Dataset(self.data))
                seconds = time.perf_counter() - began
                created = int(report.edges["created"].sum())
                line(what, seconds, f"{created / seconds:,.0f} edges a second; {report.seconds}")

    def read(self) -> None:
        """One date's edges."""
        address = self.server.start()
        with self.session(address) as s:
            seconds, found = least(lambda: list(s.run(ROWS, day=DAY)), 3)
            line("one date: rows, no index, plain driver", seconds, f"{len(found):,} rows")
            seconds, _ = least(lambda: list(s.run(FOLDED, day=DAY)), 5)
            line("one date: folded into columns, no index", seconds)
        with Graph.open(address) as graph:
            seconds, data = least(lambda: snapshot(graph, AsOf(DAY)).to_hetero(), 15)
            edges = data["stock", "sells", "concept"].edge_index.shape[1]
            line("one date: samgraph, to HeteroData with levels and coverage", seconds, f"{edges:,} edges")
            answer = {"as_of": DAY, "known": None}
            seconds, _ = least(lambda: graph.read("as_of/sells", **answer), 15)
            line("  of which the edges from the server", seconds)

    def period(self) -> None:
        """2,000 daily snapshots."""
        address = self.server.start()
        dates = pd.bdate_range(FIRST, periods=DAYS)
        stocks = [f"C{number:06d}" for number in range(graph_data.COMPANIES)]
        members = np.ones((DAYS, len(stocks)), dtype=bool)
        with self.session(address) as s:
            ends = {"first": dates[0].date(), "last": dates[-1].date()}
            seconds, found = least(lambda: list(s.run(PERIOD, ends)), 1)
            line(
                "a period: ordered rows, plain driver (no snapshot made yet)", seconds, f"{len(found):,} rows"
            )
        with Graph.open(address) as graph:

            def tensors() -> tuple[int, int]:
                series = extract_period(graph, dates, stocks=stocks, members=members)
                held = list(series.heteros())
                return len(held), len(series.versions)

            seconds, (days, versions) = least(tensors, 2)
            line(
                "a period: samgraph, to HeteroData of every day",
                seconds,
                f"{days:,} days, {versions} versions",
            )
            seconds, _ = least(
                lambda: extract_period(graph, dates, stocks=stocks, members=members, cut="adaptive"), 1
            )
            line("a period: samgraph, at the adaptive cut, as arrays", seconds)

    def write(self) -> None:
        """Plain forms of writing, without any check, into a type of their own."""
        address = self.server.start()
        frame = pd.read_parquet(self.data / "segments.parquet").iloc[:WRITTEN]
        rows = [
            row | {"period_end": row["period_end"].date(), "announced_on": row["announced_on"].date()}
            for row in frame.to_dict("records")
        ]
        moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        with self.session(address) as s:
            s.run("CREATE RANGE INDEX plain IF NOT EXISTS FOR ()-[r:PLAIN]-() ON (r.valid_from)").consume()
            for size in (1_000, 10_000):
                s.run("MATCH ()-[r:PLAIN]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS").consume()

                def work(size: int = size) -> None:
                    for begin in range(0, len(rows), size):
                        batch = rows[begin : begin + size]
                        s.execute_write(
                            lambda t, batch=batch: t.run(PLAIN, rows=batch, moment=moment).consume()
                        )

                seconds, _ = least(work, 1)
                line(
                    f"write: maps, {size:,} a batch, no checks",
                    seconds,
                    f"{len(rows) / seconds:,.0f} edges a second",
                )
            s.run("MATCH ()-[r:PLAIN]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS").consume()
            s.run("DROP INDEX plain").consume()

    def offline(self) -> None:
        """The server's own import, in a home of its own, with its start."""
        shutil.rmtree(self.work / "offline", ignore_errors=True)
        server = LocalServer(self.work / "offline")
        try:
            began = time.perf_counter()
            report = load_offline(Dataset(self.data), server=server)
            seconds = time.perf_counter() - began
            created = int(report.edges["created"].sum())
            line(
                "offline build, checked",
                seconds,
                f"{created / seconds:,.0f} edges a second; {report.seconds}",
            )
        finally:
            server.stop()
            shutil.rmtree(self.work / "offline", ignore_errors=True)

    def memory(self) -> None:
        """Peak memory of the client while it checks, and while it loads into an empty graph."""
        million = 1_000_000
        sizes = [(0.25, 0), (0.5, 0), (1.0, 0), *((0.25, int(n * million)) for n in (1.25, 2.5, 5, 10))]
        for share, bars in sizes:
            folder = self.work / f"part-{share}-{bars}"
            if not folder.exists():
                graph_data.write(folder, share=share, bars=bars)
            self.server.reset()
            address = self.server.start()
            print(f"{share:4.0%} of the versions, {bars:,} bars: {_peak(folder, address)}", flush=True)

    def stop(self) -> None:
        """Stop the server."""
        self.server.stop()


def _peak(folder: Path, address: Address) -> str:
    """Peak memory of a process that loads a folder, in MB."""
    environment = os.environ | {
        "SAMGRAPH_NEO4J_URI": address.uri,
        "SAMGRAPH_NEO4J_USER": address.user,
        "SAMGRAPH_NEO4J_PASSWORD": address.password,
    }
    text = "import resource, sys; from samgraph.cli import main\n"
    text += "status = main(sys.argv[1:])\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    text += "sys.exit(status)"
    said = subprocess.run(
        [sys.executable, "-c", text, "load", "--quiet", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{said.stdout.split()[-1]} MB"


def _chosen(names: list[str]) -> Iterator[str]:
    yield from names or ["load", "read", "period", "write", "offline", "memory", "stop"]


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument(
        "what", nargs="*", choices=["load", "read", "period", "write", "offline", "memory", "stop"]
    )
    given = parser.parse_args()
    bench = Bench(given.work)
    for name in _chosen(given.what):
        getattr(bench, name)()
    print(f"most memory held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
