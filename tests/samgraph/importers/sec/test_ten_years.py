"""Ten invented years of filings, imported and loaded: nothing filed after a day is in any answer for that day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from oracles import sec
from oracles.answers import checked

from samgraph.audit.harness import Auditor, Servers
from samgraph.config import load_config
from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load

DAY = "20160520"
CUTS = {"products": ("leaf", "level:2", "adaptive:min=2,max=0.9"), "industries": ("leaf", "level:1")}


def imported(folder, changed_after=None):
    for name, quarter in sec.decade(changed_after=changed_after).items():
        sec.put(folder / "zips", name, quarter)
    made = sec.brought(folder / "zips")
    checked(made, folder / "data")
    return made


def answers(graph, days, stocks):
    """What the graph says of each day, by single snapshots, by the taxonomy and by whole periods."""
    told = {}
    members = np.ones((len(days), len(stocks)), dtype=bool)
    for relation, cuts in CUTS.items():
        for cut in cuts:
            for day in days[::6]:
                found = snapshot(graph, AsOf(day.date()), relation=relation, cut=cut)
                told[relation, cut, day] = (found.companies, found.frame.to_dict("list"))
            series = extract_period(
                graph, days, stocks=stocks, members=members, cut=cut, relation=relation, chain=False
            )
            told[relation, cut, "period"] = [
                (series.concepts, series.concept_names, series.dense(t).tobytes()) for t in range(len(days))
            ]
            told[relation, cut, "coverage"] = series.coverage.to_dict("list")
    for day in days[::6]:
        told["tree", day] = product_tree(graph, AsOf(day.date())).to_dict("list")
    return told


def test_no_answer_knows_of_filings_after_its_day(graph, tmp_path):
    days = pd.date_range("2011-06-15", pd.Timestamp(DAY), freq="2MS").append(pd.DatetimeIndex([DAY]))
    stocks = [f"{cik:010d}" for cik in range(1, 13)]
    made = imported(tmp_path / "as-it-is")
    report = load(graph, Dataset(tmp_path / "as-it-is" / "data"))
    assert report.tables.loc["segments", "rejected"] == 0 and report.edges["created"]["sells"] > 400
    before = answers(graph, days, stocks)
    assert len(snapshot(graph, AsOf(dt.date(2016, 5, 20))).companies) == 12
    otherwise = imported(tmp_path / "otherwise", DAY)
    tables = [one.tables["segments"] for one in (made, otherwise)]
    late = [one[one["announced_on"] > "2016-05-20"].reset_index(drop=True) for one in tables]
    assert not late[0].equals(late[1]) and len(late[1]) > 100
    empty_database(graph.address)
    load(graph, Dataset(tmp_path / "otherwise" / "data"))
    after = answers(graph, days, stocks)
    assert before.keys() == after.keys()
    for key, told in before.items():
        assert repr(told) == repr(after[key]), key
    tomorrow = AsOf(dt.date(2018, 1, 3))
    changed = snapshot(graph, tomorrow).frame
    empty_database(graph.address)
    load(graph, Dataset(tmp_path / "as-it-is" / "data"))
    assert not changed.equals(snapshot(graph, tomorrow).frame)  # what came later does answer later


@pytest.mark.slow
def test_the_audit_passes_on_the_import_with_prices(graph_server, tmp_path):
    made = imported(tmp_path)
    data, ids = tmp_path / "data", sorted(made.tables["companies"]["company_id"])
    dates = pd.bdate_range("2015-01-05", "2016-12-30")
    rng = np.random.default_rng(1)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(dates), len(ids))), axis=0))
    bars = pd.DataFrame({"date": np.repeat(dates, len(ids)), "company_id": np.tile(ids, len(dates))})
    bars["close"] = close.ravel()
    for name, factor in (("open", 1.0), ("high", 1.01), ("low", 0.99)):
        bars[name] = bars["close"] * factor
    bars.assign(volume=1e6, market_cap=1e9).to_parquet(data / "bars.parquet", index=False)
    rows = {"universe": "US", "company_id": ids, "valid_from": "2015-01-01", "valid_to": ""}
    pd.DataFrame(rows).to_csv(data / "universes.csv", index=False)
    asked = {
        "data": data,
        "universe": "US",
        "start": "2015-03-02",
        "end": "2016-12-30",
        "seeds": 1,
        "jobs": 1,
        "horizons": (1, 5),
        "windows": {"train_days": 120, "valid_days": 40, "test_days": 60, "history": 20},
        "model": {"horizon": 5},
        "concepts": {
            "cut": "adaptive:min=2,max=0.9",
            "industry_cut": "level:1",
            "regression_cut": "adaptive:min=2,max=0.9",
        },
    }

    def fresh():
        empty_database(graph_server)
        return Graph.open(graph_server)

    auditor = Auditor(load_config(None, asked), Servers(fresh), tmp_path / "audit", "inputs")
    auditor.begin()
    trials = [auditor.trial(pd.Timestamp(DAY)), auditor.corrected()]
    auditor.servers.close()
    assert [one.words for trial in trials for one in trial.differences] == []
    assert min(trials[0].changed[kind] for kind in ("reports", "restatements", "prices")) > 0
    assert trials[0].rows["snapshots_products"] > 0 and trials[1].changed["corrections"] > 0
