"""The cost of a night by numbers of stocks: `python benchmarks/night.py WORK begin|night|grown|table [--stocks 300]`.

`begin` makes a simulated economy of that many stocks with ten years of bars, and lets `samgraph nightly` begin its run
on all days but the last: three arms in five windows, 1,250 test days, fitted for one epoch on few days, since a night
without a refit does not depend on how they were fitted. `night` adds the last day and measures the next
night (check, load, score, trade, status), with a Neo4j server that is up already; `grown` measures it with
`grow = true`, where every table of the run and its report are made anew, with the day. Both can be repeated.
Seconds are of processor time of the command (the server's are not among them) and of the clock; what happens between
two lines of its log counts to the later one. Memory is the largest resident size of the command. `table` prints all
that was measured, and the exponent of the growth by stocks.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil

from samgraph.files import write_json
from samgraph.graph.server.local import LocalServer

YEARS, SEED = 10, 1
TEST_DAYS, REFIT = 1250, 240
COMMAND = str(Path(sys.executable).with_name("samgraph"))
ENDED = re.compile(r"(.+): ([\d.]+) s")
PARTS = {
    "read bars": "reading",
    "read as-of snapshots": "snapshots",
    "read products and industries": "snapshots",
    "keep earlier fits": "prediction",
    "train": "prediction",
    "score": "prediction",
    "evaluate": "evaluation",
    "explain": "report",
    "report": "report",
}


class Economy:
    """One number of stocks, in a folder and with a server of its own."""

    def __init__(self, work: Path, stocks: int) -> None:
        self.stocks, self.folder = stocks, work.resolve() / str(stocks)
        self.whole, self.data, self.saved = (self.folder / name for name in ("whole", "data", "saved"))
        self.server = LocalServer(self.folder / "home")
        self.days = pd.DatetimeIndex([])

    def begin(self) -> None:
        """Make the economy and the run of all days but the last."""
        shutil.rmtree(self.folder, ignore_errors=True)
        count = str(self.stocks)
        options = ["--seed", str(SEED), "--companies", count, "--products", count, "--years", str(YEARS)]
        self.samgraph("simulate", str(self.whole), *options)
        self.write_settings(grow=False)
        self.publish(-2)
        self.server.start()
        self.samgraph("nightly", "--config", "nightly.toml")
        shutil.copytree(self.folder / "run", self.saved)

    def write_settings(self, *, grow: bool) -> None:
        """Of the run and of its nights."""
        dates = self.bars()["date"].drop_duplicates().sort_values()
        start, test = dates.iloc[126].date(), dates.iloc[-TEST_DAYS - 1].date()
        (self.folder / "run.toml").write_text(
            f'data = "data"\nuniverse = "SIM"\nstart = {start}\nend = 2100-01-01\nseeds = 1\n'
            f"[windows]\nfirst_test = {test}\ntrain_days = 60\nvalid_days = 20\ntest_days = {REFIT}\n"
            "[model]\nepochs = 1\ntuning_epochs = 1\n",
            encoding="utf-8",
        )
        (self.folder / "nightly.toml").write_text(
            f'settings = "run.toml"\nrun = "run"\nout = "nights"\ngrow = {str(grow).lower()}\n'
            '[trade]\nholdings = "holdings.csv"\ncash = 100000000.0\n',
            encoding="utf-8",
        )
        (self.folder / "holdings.csv").write_text("company_id,shares\n", encoding="utf-8")

    def bars(self) -> pd.DataFrame:
        """Of the whole economy."""
        return pd.read_parquet(self.whole / "bars.parquet")

    def publish(self, last: int) -> None:
        """Write the tables with bars up to the day at position `last`."""
        shutil.copytree(self.whole, self.data, dirs_exist_ok=True)
        bars, benchmarks = self.bars(), pd.read_csv(self.whole / "benchmarks.csv", dtype=str)
        day = bars["date"].drop_duplicates().sort_values().iloc[last]
        bars[bars["date"] <= day].to_parquet(self.data / "bars.parquet", index=False)
        known = benchmarks["date"] <= day.date().isoformat()
        benchmarks[known].to_csv(self.data / "benchmarks.csv", index=False, lineterminator="\n")

    def grown(self) -> None:
        """The night of the last day where the run grows every night."""
        self.night(grow=True)

    def night(self, *, grow: bool = False) -> None:
        """The night of the last day: its stages, in seconds, and its memory."""
        self.server.start()
        self.write_settings(grow=grow)
        for name in ("run", "nights"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.saved, self.folder / "run")
        self.publish(-1)
        began = time.monotonic()
        command = [COMMAND, "nightly", "--config", "nightly.toml", "--log", "json"]
        running = subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), stderr=subprocess.PIPE, text=True
        )
        rows, watched = [], psutil.Process(running.pid)
        assert running.stderr is not None
        for line in running.stderr:
            told, spent = json.loads(line), sum(watched.cpu_times()[:2])
            clock = time.monotonic() - began
            found = ENDED.fullmatch(told.get("progress", ""))
            if found or "stage" in told:
                rows.append(
                    {
                        "of": told.get("stage"),
                        "part": found[1] if found else None,
                        "cpu": spent,
                        "clock": clock,
                    }
                )
            print(f"{clock:7.1f} {spent:7.1f} {line.rstrip()[:200]}", flush=True)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode not in (0, 3):
            raise SystemExit(f"the night ended with {running.returncode}")
        write_json(
            self.folder / f"{'grown' if grow else 'night'}.json",
            {
                "stocks": self.stocks,
                "bars": len(self.bars()),
                "gib": round(used.ru_maxrss / 2**20, 2),
                "rows": rows,
            },
        )

    def samgraph(self, *arguments: str) -> None:
        """Run a command; 3 is done with a warning."""
        command = [COMMAND, *arguments]
        ended = subprocess.run(command, cwd=self.folder.parent if arguments[0] == "simulate" else self.folder,
                               env=self.environment(), check=False)  # fmt: skip
        if ended.returncode not in (0, 3):
            raise SystemExit(f"{arguments[0]} ended with {ended.returncode}")

    def environment(self) -> dict[str, str]:
        """With the server and a ledger of trials of its own."""
        own = {"SAMGRAPH_HOME": str(self.server.home), "SAMGRAPH_TRIALS": str(self.folder / "trials.jsonl")}
        return os.environ | own


def table(work: Path, what: str) -> pd.DataFrame:
    """Seconds (processor, clock) by stage and part of what was measured, a column a number of stocks."""
    columns = {}
    found = [json.loads(file.read_text()) for file in work.glob(f"*/{what}.json")]
    for night in sorted(found, key=lambda one: one["stocks"]):
        rows, before = pd.DataFrame(night["rows"]), {"cpu": 0.0, "clock": 0.0}
        rows["of"] = rows["of"].bfill()
        rows["part"] = rows["part"].fillna(rows["of"]).map(lambda name: PARTS.get(name, "other"))
        for kind in before:
            spent = rows[kind].diff().fillna(rows[kind])
            by = spent.groupby([rows["of"], rows["part"]], sort=False).sum()
            columns[night["stocks"], kind] = pd.concat([by, pd.Series({("all", "all"): by.sum()})])
        columns[night["stocks"], "gib"] = pd.Series({("all", "all"): night["gib"]})
    return pd.DataFrame(columns)


def show(what: str, frame: pd.DataFrame) -> None:
    """Print a table and its exponents."""
    print(what)
    print(frame.round(2).to_string())
    for kind in ("cpu", "clock", "gib") if len(frame) else ():
        whole = frame.xs(kind, axis=1, level=1).loc[("all", "all")]
        if len(whole) > 1:
            first, last = whole.index[0], whole.index[-1]
            power = math.log(whole[last] / whole[first]) / math.log(last / first)
            print(kind, "grows by stocks to the power", round(power, 2))


def main() -> None:
    """Do what is asked for each number of stocks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("what", choices=("begin", "night", "grown", "table"))
    parser.add_argument("--stocks", type=int, nargs="+", default=[300])
    asked = parser.parse_args()
    if asked.what == "table":
        for what in ("night", "grown"):
            show(what, table(asked.work, what))
        return
    asked.work.mkdir(parents=True, exist_ok=True)
    for stocks in asked.stocks:
        one = Economy(asked.work, stocks)
        try:
            getattr(one, asked.what)()
        finally:
            one.server.stop()


if __name__ == "__main__":
    main()
