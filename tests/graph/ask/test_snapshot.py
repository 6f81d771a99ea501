"""Snapshots from the real server against a plain reading of the tables, one day and one period at a time."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracles import cuts as oracle_cuts
from oracles.economy import Economy, valid, write
from oracles.sells import day as as_day
from oracles.sells import sells

from samgraph.errors import SnapshotError
from samgraph.graph.ask.period import extract_period, industry_labels, universe_members
from samgraph.graph.ask.snapshot import Snapshot, snapshot
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.statements import statement
from samgraph.graph.load.load import load

CUTS = ("leaf", "level:2", "levels:1-3", "adaptive:min=2,max=0.8")


def expected(tables: dict[str, list[dict]], day: dt.date, universe: str | None, cut: str, relation: str):
    """(company, concept) -> weight and the universe's members, read from the tables."""
    members = {row["company_id"] for row in valid(tables["universes"], day) if row["universe"] == universe}
    if relation == "products":
        edges = [(c, p, sold.weight) for (c, p), sold in sells(tables["segments"], day).items()]
        up = {
            row["product_id"]: row["parent_id"] for row in valid(tables["products"], day) if row["parent_id"]
        }
    else:
        edges = [
            (row["company_id"], row["industry_id"], 1.0) for row in valid(tables["company_industries"], day)
        ]
        up = {row["industry_id"]: row["parent_id"] for row in tables["industries"] if row["parent_id"]}
    if universe is None:
        members = {company for company, _, _ in edges}
    edges = [edge for edge in edges if edge[0] in members]
    wanted = {
        "leaf": lambda: oracle_cuts.leaf(edges),
        "level:2": lambda: oracle_cuts.level(edges, up, 2),
        "levels:1-3": lambda: oracle_cuts.levels(edges, up, 1, 3),
        "adaptive:min=2,max=0.8": lambda: oracle_cuts.adaptive(edges, up, 2, 0.8, len(members)),
    }[cut]()
    return wanted, members


def as_dict(found: Snapshot) -> dict[tuple[str, str], float]:
    frame = found.frame
    return dict(zip(zip(frame["company_id"], frame["product_id"], strict=True), frame["weight"], strict=True))


def ask(graph, as_of: AsOf, universe: str | None, cut: str, relation: str) -> tuple[dict, set[str]]:
    """What a snapshot says; a universe without members, or a day without edges, is an empty answer."""
    try:
        found = snapshot(graph, as_of, universe=universe, cut=cut, relation=relation)
    except SnapshotError as error:
        if any(text in str(error) for text in ("no members", "are valid on", "no universe", "holds no")):
            return {}, set()
        raise
    return as_dict(found), set(found.companies)


def empty(graph) -> None:
    with graph._driver.session() as session:
        session.run("MATCH (n) DETACH DELETE n").consume()


@pytest.mark.parametrize("cut", CUTS)
@settings(
    max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(seed=st.integers(0, 10**6))
def test_a_day_and_a_period_and_the_tables_agree(graph, tmp_path_factory, cut, seed):
    empty(graph)
    economy = Economy(np.random.default_rng(seed))
    load(graph, write(tmp_path_factory.mktemp("economy") / "data", economy.tables))
    days = economy.days()
    dates = pd.DatetimeIndex(days)
    members = universe_members(graph, "U", dates)
    for relation in ("products", "industries"):
        series = extract_period(
            graph, dates, stocks=list(members.columns), members=members.to_numpy(), cut=cut, relation=relation
        )
        series.validate()
        for t, day in enumerate(days):
            wanted, who = expected(economy.tables, day, "U", cut, relation)
            if relation == "industries":
                wanted = dict.fromkeys(wanted, 1.0)
            edges = series.edges(t)
            of_period = {
                (series.stocks[i], series.concepts[k]): float(w)
                for i, k, w in zip(edges.stock, edges.concept, edges.weight, strict=True)
            }
            assert of_period == pytest.approx(wanted, abs=1e-6), day
            assert set(members.columns[members.loc[pd.Timestamp(day)]]) == who
        for day in economy.rng.choice(days, size=8, replace=False):
            for universe in ("U", "V", None):
                wanted, who = expected(economy.tables, day, universe, cut, relation)
                if relation == "industries":
                    wanted = dict.fromkeys(wanted, 1.0)
                got, companies = ask(graph, AsOf(day), universe, cut, relation)
                assert got == pytest.approx(wanted, abs=1e-9), (day, universe)
                assert companies == who or not companies, (day, universe)


def test_the_rows_behind_an_edge_are_those_of_its_report(graph, tmp_path):
    economy = Economy(np.random.default_rng(4))
    load(graph, write(tmp_path / "data", economy.tables))
    for day in economy.days()[::11]:
        wanted = sells(economy.tables["segments"], day)
        if not wanted:
            continue
        frame = snapshot(graph, AsOf(day)).frame
        assert list(frame.columns) == [
            "company_id", "product_id", "weight", "period_end", "announced_on", "valid_from"
        ]  # fmt: skip
        got = {
            (row.company_id, row.product_id): (
                as_day(row.period_end),
                as_day(row.announced_on),
                as_day(row.valid_from),
            )
            for row in frame.itertuples()
        }
        assert got == {
            key: (sold.period_end, sold.announced_on, sold.valid_from) for key, sold in wanted.items()
        }


def test_later_loads_and_corrections_leave_earlier_knowledge_as_it_was(graph, tmp_path):
    economy = Economy(np.random.default_rng(11))
    everything = economy.tables["segments"]
    early = [
        row for row in everything if row["announced_on"] is None or row["announced_on"] < dt.date(2021, 6, 1)
    ]
    first = load(graph, write(tmp_path / "first", economy.tables | {"segments": early})).moment
    days = economy.days()[::7]
    dates = pd.DatetimeIndex(days)
    stocks, everyone = economy.companies, np.ones((len(days), 6), dtype=bool)
    before = extract_period(graph, dates, stocks=stocks, members=everyone)
    assert before.known == first

    time.sleep(0.01)
    corrected = [dict(row) for row in everything]
    wrong = next(row for row in corrected if row["announced_on"] is not None)
    key = [wrong[name] for name in ("company_id", "period_end", "announced_on")]
    corrected = [r for r in corrected if [r[n] for n in ("company_id", "period_end", "announced_on")] != key]
    corrected += economy.report(*key)
    second = load(graph, write(tmp_path / "second", economy.tables | {"segments": corrected})).moment
    assert second > first

    after = extract_period(graph, dates, stocks=stocks, members=everyone, known=first)
    assert after.fingerprint() == before.fingerprint()
    differing = 0
    for day in days:
        for moment, rows in ((first, early), (second, corrected), (None, corrected)):
            wanted = {key: sold.weight for key, sold in sells(rows, day).items()}
            assert ask(graph, AsOf(day, moment), None, "leaf", "products")[0] == pytest.approx(wanted)
        differing += sells(early, day) != sells(corrected, day)
    assert differing > 3  # or the test would compare nothing
    assert ask(graph, AsOf(days[-1], first - dt.timedelta(microseconds=1)), None, "leaf", "products")[0] == {}
    # Later than the last load is the last load.
    late = snapshot(graph, AsOf(days[len(days) // 2], dt.datetime(2500, 1, 1, tzinfo=dt.UTC)))
    assert late.as_of.known == second


def test_industries_are_labelled_on_a_level_of_that_day(graph, tmp_path):
    economy = Economy(np.random.default_rng(2))
    load(graph, write(tmp_path / "data", economy.tables))
    days = economy.days()
    stocks = [*economy.companies[::-1], "unknown"]
    for level in (1, 2, 5):
        table = industry_labels(graph, pd.DatetimeIndex(days), stocks, level=level)
        assert table.shape == (len(days), len(stocks))
        for day in days:
            wanted = {
                row["company_id"]: row["industry_id"]
                for row in valid(economy.tables["company_industries"], day)
            }
            if level == 1:
                wanted = dict.fromkeys(wanted, "i0")
            got = table.loc[pd.Timestamp(day)].dropna().to_dict()
            assert got == wanted


def test_a_snapshot_becomes_a_bipartite_graph_of_all_members(graph, tmp_path):
    economy = Economy(np.random.default_rng(7))
    load(graph, write(tmp_path / "data", economy.tables))
    day = next(
        day
        for day in economy.days()
        if (found := expected(economy.tables, day, "U", "leaf", "products"))[0]
        and len(found[1]) > len({company for company, _ in found[0]})
    )
    found = snapshot(graph, AsOf(day), universe="U", cut="level:2")
    data = found.to_hetero()
    assert data.validate()
    assert data["stock"].num_nodes == len(found.companies) == len(data["stock"].company_id)
    assert data["concept"].num_nodes == len(found.concepts)
    assert (data.as_of, data.cut, data.universe) == (day.isoformat(), "level:2", "U")
    assert data.known == found.as_of.known.isoformat()
    rows, columns = data["stock", "sells", "concept"].edge_index.tolist()
    weights = data["stock", "sells", "concept"].edge_weight.tolist()
    edges = {
        (data["stock"].company_id[i], data["concept"].product_id[k]): w
        for i, k, w in zip(rows, columns, weights, strict=True)
    }
    assert edges == pytest.approx(as_dict(found), abs=1e-6)
    assert data["concept", "sold_by", "stock"].edge_index.tolist() == [columns, rows]
    parents = {
        row["product_id"]: row["parent_id"]
        for row in valid(economy.tables["products"], day)
        if row["parent_id"]
    }
    for product, level in zip(data["concept"].product_id, data["concept"].level.tolist(), strict=True):
        assert level == len(oracle_cuts.path(product, parents))


def test_what_cannot_be_answered_is_said_in_a_sentence_that_helps(graph, tmp_path):
    day = AsOf(dt.date(2021, 1, 1))
    with pytest.raises(SnapshotError, match="samgraph load DIR"):
        snapshot(graph, day)
    economy = Economy(np.random.default_rng(1))
    load(graph, write(tmp_path / "data", economy.tables))
    with pytest.raises(SnapshotError, match=r"did you mean 'U'"):
        snapshot(graph, day, universe="u")
    with pytest.raises(SnapshotError, match=r"no members on 1999-01-01; it has them from 20"):
        snapshot(graph, AsOf(dt.date(1999, 1, 1)), universe="U")
    with pytest.raises(SnapshotError, match=r"valid on 1999-01-01; the graph has them from 20\d\d-"):
        snapshot(graph, AsOf(dt.date(1999, 1, 1)))
    with pytest.raises(SnapshotError, match=r"use leaf, level:N"):
        snapshot(graph, day, cut="deep")
    dates = pd.DatetimeIndex(["1999-01-01", "1999-01-02"])
    with pytest.raises(SnapshotError, match=r"from 1999-01-01 to 1999-01-02; the graph has them"):
        extract_period(graph, dates, stocks=["c0"], members=np.ones((2, 1), dtype=bool))
    with pytest.raises(SnapshotError, match=r"2 days x 1 stocks"):
        extract_period(graph, dates, stocks=["c0"], members=np.ones((1, 2), dtype=bool))
    with pytest.raises(SnapshotError, match="rise"):
        universe_members(graph, "U", dates[::-1])


@pytest.mark.parametrize(
    ("name", "seek"),
    [
        ("as_of/sells", "DirectedRelationshipIndexSeekByRange"),
        ("as_of/sells_members", "NodeUniqueIndexSeek"),
        ("period/sells", "DirectedRelationshipIndexSeekByRange"),
        ("period/child_of_product", "DirectedRelationshipIndexSeekByRange"),
        ("period/members", "NodeUniqueIndexSeek"),
    ],
)
def test_an_as_of_query_seeks_and_scans_no_label(graph, tmp_path, name, seek):
    economy = Economy(np.random.default_rng(3))
    load(graph, write(tmp_path / "data", economy.tables))
    params = {"as_of": dt.date(2021, 1, 1), "first": dt.date(2021, 1, 1), "last": dt.date(2021, 12, 31)}
    params |= {"known": None, "universe": "U"}
    with graph._driver.session() as session:
        session.run(
            "CALL db.prepareForReplanning()"
        ).consume()  # of a database that other tests filled and emptied
        plan = session.run("PROFILE " + statement(name), params).consume().profile
    operators, todo = [], [plan]
    while todo:
        step = todo.pop()
        operators.append(step["operatorType"].partition("@")[0])
        todo += step.get("children", [])
    assert any(step.startswith(seek) for step in operators), operators
    # The ledger is one node; nothing else may be found by reading all that there is.
    assert not [step for step in operators if "Scan" in step], operators
