"""Themes: memberships with spans beside what companies sell, which never count as revenue."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from oracles import dump, small

from samgraph.cli.ask.basket import command as basket_command
from samgraph.errors import SnapshotError
from samgraph.graph.ask.basket_history import basket_history
from samgraph.graph.ask.baskets import basket
from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.check.dataset import check
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load
from samgraph.graph.load.report import RefusedDataset

# theme -> the companies in it on each of these days
DAYS = {
    "2020-12-31": {},
    "2021-01-04": {"ev": {"A", "B"}},
    "2021-05-31": {"ev": {"A", "B"}, "battery": {"C"}},
    "2021-06-01": {"ev": {"B"}, "battery": {"C"}},
    "2021-09-01": {"ev": {"A", "B"}, "battery": {"C"}},
}


def themed():
    content = small.tables()
    content["products"] += [small.product("ev", None)]
    content["segments"] += [
        small.theme("A", "ev", "2021-01-04", "2021-06-01"),
        small.theme("A", "ev", "2021-09-01"),
        small.theme("B", "ev", "2021-01-04") | {"weight": "1"},
        small.theme("C", "battery", "2021-05-01"),  # a theme of the name of a product that others sell
    ]
    return content


def members(graph, day, known=None, **asked):
    found = snapshot(graph, AsOf(dt.date.fromisoformat(day), known), relation="themes", **asked).frame
    assert (found["weight"] == 1).all() and found["period_end"].isna().all()
    return {theme: set(rows["company_id"]) for theme, rows in found.groupby("product_id")}


def test_themes_answer_by_day_and_leave_revenue_alone(graph, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "plain", small.tables())))
    days = [dt.date(2021, 1, 1) + dt.timedelta(days=n) for n in range(0, 700, 29)]
    sold = [dump.sold(graph.address, day) for day in days]
    report = load(graph, Dataset(small.write(tmp_path / "themed", themed())))
    assert report.edges["created"]["in_theme"] == 4 and report.edges["created"]["sells"] == 0
    assert report.tables.loc["segments", ["read", "used", "unchanged"]].tolist() == [15, 4, 11]
    assert [dump.sold(graph.address, day) for day in days] == sold
    for day, wanted in DAYS.items():
        if wanted:
            assert members(graph, day) == wanted, day
        else:
            with pytest.raises(SnapshotError, match=r"no members of themes .* has them from 2021-01-04"):
                members(graph, day)
    assert members(graph, "2021-06-01", universe="U") == {"ev": {"B"}}
    again = load(graph, Dataset(tmp_path / "themed"))
    assert again.moment is None or again.edges["created"].sum() == 0


def test_a_period_has_the_themes_of_each_of_its_days(graph, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "data", themed())))
    dates = pd.DatetimeIndex([day for day, wanted in DAYS.items() if wanted])
    everyone = np.ones((len(dates), 3), dtype=bool)
    series = extract_period(graph, dates, stocks=["A", "B", "C"], members=everyone, relation="themes")
    series.validate()
    assert series.concept_names == ("name of battery", "name of ev")
    for t, day in enumerate(dates.strftime("%Y-%m-%d")):
        edges = series.edges(t)
        found = {
            theme: {series.stocks[i] for i in edges.stock[edges.concept == k]}
            for k, theme in enumerate(series.concepts)
        }
        assert {theme: who for theme, who in found.items() if who} == DAYS[day]
        assert (edges.weight == 1).all()


def test_a_corrected_theme_answers_otherwise_only_from_then_on(graph, tmp_path):
    first = load(graph, Dataset(small.write(tmp_path / "one", themed()))).moment
    changed = themed()
    changed["segments"][-4]["valid_to"] = "2021-03-01"
    load(graph, Dataset(small.write(tmp_path / "two", changed)))
    assert members(graph, "2021-05-31") == {"ev": {"B"}, "battery": {"C"}}
    assert members(graph, "2021-05-31", first) == DAYS["2021-05-31"]
    changed["segments"] = [small.theme("A", "ev", "2021-08-01")]
    with pytest.raises(RefusedDataset, match="belongs to its theme twice at one time together with"):
        load(graph, Dataset(small.write(tmp_path / "three", changed)))


def test_a_basket_of_a_theme_weighs_its_members_alike(graph, graph_env, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "data", themed())))
    day = AsOf(dt.date(2021, 9, 1))
    found = basket(graph, "ev", day, themes=True).companies
    assert found[["company_id", "weight", "purity"]].to_numpy().tolist() == [["A", 0.5, 1.0], ["B", 0.5, 1.0]]
    by_cap = basket(graph, "ev", day, themes=True, market_caps={"A": 3.0, "B": 1.0}).companies
    assert by_cap["weight"].tolist() == [0.75, 0.25]
    assert basket(graph, "battery", day).companies["company_id"].tolist() == ["A"]  # who sells the product
    assert basket(graph, "battery", day, themes=True).companies["company_id"].tolist() == ["C"]
    with pytest.raises(SnapshotError, match="2 companies are in a theme of that name: add --themes"):
        basket(graph, "ev", day)
    with pytest.raises(SnapshotError, match="1 company sells it: leave --themes out"):
        basket(graph, "solar", AsOf(dt.date(2021, 4, 1)), themes=True)
    history = basket_history(graph, "ev", [dt.date(2021, 5, 31), dt.date(2021, 6, 1)], themes=True)
    assert history.turnover["turnover"].tolist()[1] == 0.5
    asked = ["ev", "--themes", "--as-of", "2021-06-01", "--format", "csv"]
    done = CliRunner().invoke(basket_command, asked)
    assert done.exit_code == 0 and done.stdout.splitlines()[1].startswith("B,Beta,1.0,1.0")
    assert CliRunner().invoke(basket_command, [*asked, "--upstream", "1"]).exit_code == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (small.theme("A", "ev", ""), "a theme needs valid_from"),
        (small.theme("A", "ev", "2022-01-01") | {"weight": "0.5"}, "its weight is empty or 1"),
        (small.theme("A", "ev", "2022-01-01") | {"revenue": "5"}, "its weight is empty or 1"),
        (
            small.theme("A", "ev", "") | {"period_end": "2021-12-31", "announced_on": "2022-03-01"},
            "no report",
        ),
        (small.theme("A", "ev", "2021-05-01"), "belongs to its theme twice at one time"),
        (small.theme("A", "ev", "2022-01-01", "2022-01-01"), "valid_to is not after valid_from"),
        (small.theme("A", "gas", "2022-01-01"), "product_id gas is not in table products"),
        (small.theme("A", "ev", "2022-01-01") | {"kind": "board"}, "kind is neither empty nor theme"),
        (small.span("B", "cell", "2025-01-01", "", 0.1) | {"weight": ""}, "neither weight nor revenue"),
    ],
)
def test_a_row_that_is_no_membership_is_refused(tmp_path, row, words):
    content = themed()
    content["segments"].append(row)
    report = check(Dataset(small.write(tmp_path / "data", content)))
    assert not report.ok and report.fatal["reason"].str.contains(words, regex=False).any()


def test_a_table_of_themes_alone_needs_no_weight(tmp_path):
    content = themed()
    names = ("company_id", "product_id", "valid_from", "valid_to", "kind")
    content["segments"] = [{name: row[name] for name in names} for row in content["segments"][-4:]]
    assert check(Dataset(small.write(tmp_path / "data", content))).ok
