"""Links between competing companies: as of a day and a moment, both ways, in pairs, and as concepts of a period."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from oracles import dump, small

from samgraph.cli.ask.pairs import command as pairs_command
from samgraph.errors import SnapshotError
from samgraph.graph.ask.competitors import competitors
from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.check.dataset import check
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load
from samgraph.graph.load.report import RefusedDataset

# pair -> score on each of these days
DAYS = {
    "2020-06-30": {},
    "2020-07-01": {"AB": 0.5},
    "2021-06-30": {"AB": 0.5},
    "2021-07-01": {"AB": 0.25, "BC": 0.125},
    "2022-07-01": {"BC": 0.125},
}


def link(one, other, score, valid_from, valid_to=""):
    row = {"company_id": one, "other_id": other, "score": str(score)}
    return row | {"valid_from": valid_from, "valid_to": valid_to}


def linked(*more):
    content = small.tables()
    content["company_links"] = [
        link("B", "A", 0.5, "2020-07-01", "2021-07-01"),  # in whichever order
        link("A", "B", 0.25, "2021-07-01", "2022-07-01"),
        link("B", "C", 0.125, "2021-07-01"),
        *more,
    ]
    return content


def told(graph, day, known=None, **asked):
    rows = competitors(graph, AsOf(dt.date.fromisoformat(day), known), **asked)
    return {one + other: score for one, other, score in rows.itertuples(index=False)}


def matrix(frame):
    return {tuple(row) for row in frame[["company_id", "product_id", "weight"]].itertuples(index=False)}


def test_links_answer_by_day_both_ways_and_leave_revenue_alone(graph, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "plain", small.tables())))
    assert told(graph, "2021-08-01") == {}
    sold = dump.sold(graph.address, dt.date(2021, 8, 1))
    report = load(graph, Dataset(small.write(tmp_path / "linked", linked())))
    assert report.edges["created"]["competes_with"] == 3 and report.edges["created"].sum() == 3
    assert dump.sold(graph.address, dt.date(2021, 8, 1)) == sold
    for day, wanted in DAYS.items():
        assert told(graph, day) == wanted, day
        as_of = AsOf(dt.date.fromisoformat(day))
        if wanted:
            both = {(a, b, s) for (a, b), s in wanted.items()} | {(b, a, s) for (a, b), s in wanted.items()}
            assert matrix(snapshot(graph, as_of, relation="competitors").frame) == both
        else:
            with pytest.raises(
                SnapshotError, match=r"no links between competitors .* has them from 2020-07-01"
            ):
                snapshot(graph, as_of, relation="competitors")
    # C belongs to no universe: it is a concept of B's all the same, and no pair of two members
    found = snapshot(graph, AsOf(dt.date(2022, 1, 3)), relation="competitors", universe="U")
    assert matrix(found.frame) == {("A", "B", 0.25), ("B", "A", 0.25), ("B", "C", 0.125)}
    assert told(graph, "2022-01-03", universe="U") == {"AB": 0.25}
    again = load(graph, Dataset(tmp_path / "linked"))
    assert again.moment is None or again.edges["created"].sum() == 0


def test_a_period_has_the_links_of_each_of_its_days(graph, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "data", linked())))
    dates = pd.DatetimeIndex([day for day, wanted in DAYS.items() if wanted])
    everyone = np.ones((len(dates), 3), dtype=bool)
    for cut, least in (("leaf", 1), ("adaptive:min=2,max=1", 2)):
        series = extract_period(
            graph, dates, stocks=["A", "B", "C"], members=everyone, relation="competitors", cut=cut
        )
        series.validate()
        for t, (day, as_of) in enumerate(zip(dates.strftime("%Y-%m-%d"), dates, strict=True)):
            dense = series.dense(t)
            frame = pd.DataFrame(dense, index=list(series.stocks), columns=list(series.concepts))
            wanted = pd.DataFrame(0.0, index=list("ABC"), columns=list("ABC"))
            for (one, other), score in DAYS[day].items():
                wanted.loc[one, other] = wanted.loc[other, one] = score
            wanted = wanted.loc[:, (wanted > 0).sum() >= least]
            assert frame.loc[:, (frame > 0).any()].to_dict() == wanted.to_dict()
            one = snapshot(graph, AsOf(as_of.date()), relation="competitors", cut=cut).frame
            assert matrix(one) == {
                (i, k, wanted.loc[i, k]) for k in wanted for i in wanted.index if wanted.loc[i, k]
            }
    assert series.concept_names == ("Beta",)


def test_a_corrected_link_answers_otherwise_only_from_then_on(graph, tmp_path):
    first = load(graph, Dataset(small.write(tmp_path / "one", linked()))).moment
    changed = linked()
    changed["company_links"] = [link("C", "B", 0.75, "2021-07-01")]  # the pair in the other order
    load(graph, Dataset(small.write(tmp_path / "two", changed)))
    assert told(graph, "2021-07-01") == {"AB": 0.25, "BC": 0.75}
    assert told(graph, "2021-07-01", first) == DAYS["2021-07-01"]
    changed["company_links"] = [link("A", "B", 0.75, "2021-01-01")]
    with pytest.raises(
        RefusedDataset, match="its span overlaps that of a row of the same company_id and other_id"
    ):
        load(graph, Dataset(small.write(tmp_path / "three", changed)))


def test_pairs_show_scores_and_rank_by_them(graph, graph_env, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "data", linked())))

    def rows(*asked):
        done = CliRunner().invoke(pairs_command, ["--as-of", "2021-10-10", "--format", "json", *asked])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    by_overlap, by_score = rows(), rows("--by", "score")
    assert [(one["company_id"], one["other_id"], one["score"]) for one in by_score] == [
        ("A", "B", 0.25),
        ("B", "C", 0.125),
    ]
    told_twice = {(one["company_id"], one["other_id"]): one for one in by_overlap}
    assert told_twice["A", "C"]["score"] is None  # they sell alike, and nobody calls them competitors
    for one in by_score:
        same = told_twice.get((one["company_id"], one["other_id"]))
        assert same == {name: one[name] for name in same} if same else one["overlap"] == 0
    assert [(one["company_id"], one["other_id"]) for one in rows("--by", "score", "--company", "B")] == [
        ("B", "A"),
        ("B", "C"),
    ]
    early = CliRunner().invoke(pairs_command, ["--as-of", "2020-01-01", "--by", "score"])
    assert early.exit_code == 1 and "no links between competitors" in str(early.exception)
    both = ["--as-of", "2021-10-10", "--by", "score", "--by-product", "--company", "A"]
    assert CliRunner().invoke(pairs_command, both).exit_code == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (link("A", "A", 0.5, "2021-07-01"), "a company is not a competitor of itself"),
        (link("A", "X", 0.5, "2021-07-01"), "other_id X is not in table companies"),
        (link("A", "C", 1.5, "2021-07-01"), "score is outside 0..1"),
        (link("A", "C", "", "2021-07-01"), "score is empty"),
        (link("A", "C", 0.5, ""), "valid_from is empty"),
        (link("A", "C", 0.5, "2021-07-01", "2021-07-01"), "valid_to is not after valid_from"),
        (link("C", "B", 0.5, "2022-01-01"), "its span overlaps that of another row of the pair"),
        (link("C", "B", 0.5, "2021-07-01"), "another row of the same key says otherwise"),
    ],
)
def test_a_row_that_is_no_link_is_refused(tmp_path, row, words):
    report = check(Dataset(small.write(tmp_path / "data", linked(row))))
    assert not report.ok and report.fatal["reason"].str.contains(words, regex=False).any()


def test_a_pair_written_both_ways_is_one(tmp_path):
    report = check(Dataset(small.write(tmp_path / "data", linked(link("C", "B", 0.125, "2021-07-01")))))
    assert report.ok and report.counts.loc["company_links", ["read", "merged"]].tolist() == [4, 1]
