"""Ten invented years of filings, imported and loaded: nothing filed after a day is in any answer for that day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from conftest import empty_database
from oracles import sec
from oracles.answers import checked

from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
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
