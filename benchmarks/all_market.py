"""A graph of the whole market out of the SEC's data sets: `python benchmarks/all_market.py WORK WHAT`.

WHAT is import (made quarters through `samgraph import sec`, once all but the newest and once with it), load (the
server's own import of all but the newest), read (one snapshot, and 500 days), train (one epoch of HIST) or quarter (the
newest quarter loaded into the graph over Bolt: its own rows, then the whole dataset); each needs those before it, and
writes what it measured to WORK/1/results.json. 8,000 firms report once a year by product, each in its quarter of the
year, the last three years each time. `stop` stops the server.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import graph_data
import numpy as np
import pandas as pd
import sec
from scale import BAR_DAYS, Scale

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load

QUARTERS, FILERS, ROWS = 60, 16_000, 1_000_000  # every other filer tells its revenue by product


class AllMarket(Scale):
    """The market in a folder and a server of its own; `data` is the dataset of all quarters but the newest."""

    def __init__(self, work: Path) -> None:
        super().__init__(work, 1.0)
        self.zips, self.newest = self.folder / "zips", self.folder / "newest"

    def make(self) -> None:
        """Make the quarters and import them; a universe and bars are added to the datasets."""
        self.zips.mkdir(parents=True, exist_ok=True)
        paths = [self.zips / f"{2010 + one // 4}q{one % 4 + 1}.zip" for one in range(QUARTERS)]
        for number, path in enumerate(paths):
            if not path.exists():
                sec.make(path, number, ROWS, FILERS, a_year=4)
        aside = paths[-1].rename(self.folder / paths[-1].name)
        try:
            self.note("import", **sec.measured(self.zips, self.data, self.folder / "cache"))
        finally:
            aside.rename(paths[-1])
        self.note("import grown", **sec.measured(self.zips, self.newest, self.folder / "cache"))
        self._add_market()

    def _add_market(self) -> None:
        """A universe of all that tell their products, and bars of them."""
        rng = np.random.default_rng(0)
        ids = Dataset(self.data).read("segments", ["company_id"])["company_id"].unique()
        begin = np.datetime64("2010-01-01", "s")
        member = pd.DataFrame(
            {"universe": graph_data.UNIVERSE, "company_id": ids, "valid_from": begin, "valid_to": pd.NaT}
        ).astype({"valid_to": "datetime64[s]"})
        bars = graph_data.prices(rng, ids, BAR_DAYS * len(ids))
        for folder in (self.data, self.newest):
            member.to_parquet(folder / "universes.parquet", index=False)
            bars.to_parquet(folder / "bars.parquet", index=False)

    def quarter(self) -> None:
        """Load what the newest quarter brought, and then the whole of the new dataset, which has nothing more."""
        part = self.folder / "quarter"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(self.newest, part, ignore=shutil.ignore_patterns("segments.*", "bars.*"))
        before, after = (Dataset(folder).read("segments") for folder in (self.data, self.newest))
        fresh = after.merge(before, how="left", indicator=True)
        fresh = fresh[fresh.pop("_merge") == "left_only"]
        fresh.to_parquet(part / "segments.parquet", index=False)
        with Graph.open(self.server.start()) as graph:
            for what, folder in (("quarter", part), ("whole", self.newest)):
                report = self.timed(f"load of the {what}", lambda folder=folder: load(graph, Dataset(folder)))
                self.note(
                    what, segments=len(fresh if folder == part else after),
                    companies=fresh["company_id"].nunique(), edges=int(report.edges["created"].sum()),
                )  # fmt: skip


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("what", choices=["import", "load", "read", "train", "quarter", "stop"])
    given = parser.parse_args()
    market = AllMarket(given.work)
    if given.what == "stop":
        market.server.stop()
    else:
        getattr(market, {"import": "make"}.get(given.what, given.what))()


if __name__ == "__main__":
    main()
