"""Links between the concepts of a cut: worked by hand, against a plain reading, and never ahead of their day."""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import cuts as oracle
from oracles.economy import Economy, write

from samgraph.graph.ask.period import extract_period
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load
from samgraph.graph.series.cuts import parse_cut
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.graph.series.value_chain import chain_of
from samgraph.graph.series.versions import Spans, versions_of

LOWER, UPPER = dt.date.min, dt.date.max
ORIGIN = 19_000  # days since 1970-01-01
CUTS = ("leaf", "level:2", "levels:1-3", "adaptive:min=2,max=1.0")
Row = tuple[str, str, int, int, float]


def spans(rows: list[Row]) -> Spans:
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    return Spans(
        np.array(columns[0], dtype=object),
        np.array(columns[1], dtype=object),
        np.array(columns[2], dtype=np.int64) + ORIGIN,
        np.array(columns[3], dtype=np.int64) + ORIGIN,
        np.array(columns[4], dtype=np.float64),
    )


def extracted(days: int, edges: list[Row], tree: list[Row], supplies: list[Row], cut: str) -> SnapshotSeries:
    dates = pd.DatetimeIndex(np.arange(days).astype("datetime64[D]") + ORIGIN)
    stocks = sorted({row[0] for row in edges})
    found = versions_of(
        spans(edges),
        spans(tree),
        dates,
        stocks=stocks,
        members=np.ones((days, len(stocks)), dtype=bool),
        cut=parse_cut(cut),
    )
    series = SnapshotSeries(
        dates, tuple(stocks), found.concepts, found.concepts, found.day_version, found.versions, cut=cut
    )
    return series_with(series, supplies, tree)


def series_with(series: SnapshotSeries, supplies: list[Row], tree: list[Row]) -> SnapshotSeries:
    done = replace(series, chain=chain_of(series, spans(supplies), spans(tree)))
    done.validate()
    return done


def as_dict(series: SnapshotSeries, t: int) -> dict[tuple[str, str], float]:
    assert series.chain is not None
    links = series.chain.links(t)
    return {
        (series.concepts[s], series.concepts[k]): float(w)
        for s, k, w in zip(links.supplier, links.customer, links.weight, strict=True)
    }


def one_day(
    series: SnapshotSeries, t: int, tree: list[Row], supplies: list[Row]
) -> dict[tuple[str, str], float]:
    """The definition, one link at a time."""
    up = {child: parent for child, parent, a, b, _ in tree if a <= t < b}
    present = {series.concepts[k] for k in series.edges(t).concept}

    def standing(product: str) -> set[str]:
        line = oracle.path(product, up)[::-1]
        at_or_above = [name for name in line if name in present]
        if at_or_above:
            return {at_or_above[0]}
        return {name for name in present if product in oracle.path(name, up)}

    result: dict[tuple[str, str], float] = defaultdict(float)
    for p, q, a, b, weight in supplies:
        if a <= t < b:
            left, right = standing(p), standing(q)
            for s in left:
                for k in right:
                    if s != k:
                        result[s, k] += weight / (len(left) * len(right))
    return dict(result)


def test_links_are_shared_among_the_concepts_that_stand_for_their_products() -> None:
    """steel supplies the car leaf; concepts at level 2: metal, and cars and trucks below vehicles."""
    tree = [
        ("metal", "materials", 0, 9, 1.0),
        ("steel", "metal", 0, 9, 1.0),
        ("cars", "vehicles", 0, 9, 1.0),
        ("trucks", "vehicles", 0, 9, 1.0),
        ("car", "cars", 0, 9, 1.0),
    ]
    edges = [("a", "steel", 0, 9, 1.0), ("b", "car", 0, 9, 0.5), ("b", "trucks", 0, 9, 0.5)]
    supplies = [
        ("steel", "car", 0, 9, 0.4),  # metal -> cars
        ("metal", "vehicles", 0, 9, 1.0),  # nothing at or above vehicles: half to cars, half to trucks
        ("car", "cars", 0, 9, 1.0),  # within one concept: says nothing
        ("unknown", "car", 0, 9, 1.0),  # nobody sells it
        ("steel", "trucks", 2, 4, 0.3),
    ]
    series = extracted(5, edges, tree, supplies, "level:2")
    usual = {("metal", "cars"): 0.9, ("metal", "trucks"): 0.5}
    assert as_dict(series, 0) == pytest.approx(usual)
    assert as_dict(series, 2) == pytest.approx(usual | {("metal", "trucks"): 0.8})
    assert as_dict(series, 4) == pytest.approx(usual)
    assert series.chain is not None
    assert series.chain.day_version.tolist() == [0, 0, 1, 1, 0]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Row], list[Row], list[Row]]:
    """Edges, a taxonomy that changes, and links with spans."""
    products = [f"p{i}" for i in range(draw(st.integers(2, 8)))]
    span = st.tuples(st.integers(-2, 12), st.integers(1, 12)).map(lambda s: (s[0], s[0] + s[1]))
    edges: list[Row] = []
    for company in ("a", "b", "c", "d"):
        for product in draw(st.lists(st.sampled_from(products), unique=True, max_size=4)):
            edges.append((company, product, *draw(span), 0.25))
    edges.append(("a", products[-1], 20, 30, 0.1))
    tree: list[Row] = []
    for number, product in enumerate(products[1:], start=1):
        turn = draw(st.integers(-1, 11))
        for a, b in ((-5, turn), (turn, 40)):
            above = draw(st.integers(-1, number - 1))
            if above >= 0 and a < b:
                tree.append((product, products[above], a, b, 1.0))
    supplies: list[Row] = []
    for _ in range(draw(st.integers(0, 6))):
        p, q = draw(st.sampled_from(products)), draw(st.sampled_from(products))
        supplies.append((p, q, *draw(span), draw(st.sampled_from([0.25, 0.5, 1.0]))))
    return edges, tree, supplies


@settings(max_examples=120, deadline=None)
@given(worlds(), st.sampled_from(CUTS))
def test_every_day_equals_a_plain_reading(world: tuple[list[Row], list[Row], list[Row]], cut: str) -> None:
    edges, tree, supplies = world
    series = extracted(12, edges, tree, supplies, cut)
    for t in range(12):
        assert as_dict(series, t) == pytest.approx(one_day(series, t, tree, supplies), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(worlds(), st.sampled_from(CUTS), st.integers(1, 11))
def test_what_begins_later_changes_no_earlier_link(
    world: tuple[list[Row], list[Row], list[Row]], cut: str, later: int
) -> None:
    edges, tree, supplies = world
    whole = extracted(12, edges, tree, supplies, cut)
    known = [[row for row in rows if row[2] < later] for rows in (edges, tree, supplies)]
    if not known[0]:
        return
    blind = extracted(later, *known, cut)
    for t in range(later):
        assert as_dict(whole, t) == as_dict(blind, t)


def test_renumbered_concepts_keep_their_links_and_the_fingerprint_sees_them() -> None:
    edges = [("a", "x", 0, 9, 0.5), ("b", "y", 0, 9, 0.5), ("b", "z", 0, 9, 0.5)]
    series = extracted(3, edges, [], [("x", "y", 0, 9, 1.0), ("y", "z", 1, 9, 0.5)], "leaf")
    moved = series.permuted([1, 0], [2, 0, 1])
    moved.validate()
    assert [as_dict(moved, t) for t in range(3)] == [as_dict(series, t) for t in range(3)]
    assert series.fingerprint() != series_with(series, [("x", "y", 0, 9, 1.0)], []).fingerprint()


@pytest.mark.parametrize("cut", ["leaf", "levels:1-3"])
def test_the_server_gives_the_links_of_each_day_as_they_were_known(
    graph: Graph, tmp_path: Path, cut: str
) -> None:
    economy = Economy(np.random.default_rng(5))
    rng = np.random.default_rng(6)
    links = []
    for _ in range(14):
        p, q = rng.choice(economy.products, 2, replace=False)
        first, end = sorted(economy.a_day() for _ in range(2))
        row = {"supplier_id": p, "customer_id": q, "weight": float(rng.choice([0.25, 0.5, 1.0]))}
        if first < end and not any(r["supplier_id"] == p and r["customer_id"] == q for r in links):
            links.append(row | {"valid_from": first, "valid_to": end})
    links[0] |= {"weight": None, "valid_to": None}
    early, late = links[:-4], links
    moment = load(graph, write(tmp_path / "first", economy.tables | {"product_links": early})).moment
    time.sleep(0.01)
    load(graph, write(tmp_path / "second", economy.tables | {"product_links": late}))
    days = economy.days()[::9]
    dates = pd.DatetimeIndex(days)
    stocks, everyone = economy.companies, np.ones((len(days), 6), dtype=bool)
    up = [
        (row["product_id"], row["parent_id"], row["valid_from"], row["valid_to"])
        for row in economy.tables["products"]
        if row["parent_id"]
    ]
    for known, rows in ((moment, early), (None, late)):
        series = extract_period(
            graph, dates, stocks=stocks, members=everyone, cut=cut, known=known, chain=True
        )
        series.validate()
        told = 0
        for t, day in enumerate(days):
            tree = [(c, p, t, t + 1, 1.0) for c, p, a, b in up if (a or LOWER) <= day < (b or UPPER)]
            live = [
                (r["supplier_id"], r["customer_id"], t, t + 1, 1.0 if r["weight"] is None else r["weight"])
                for r in rows
                if (r["valid_from"] or LOWER) <= day < (r["valid_to"] or UPPER)
            ]
            assert as_dict(series, t) == pytest.approx(one_day(series, t, tree, live), abs=1e-6)
            told += len(as_dict(series, t))
        assert told > 20
    assert extract_period(graph, dates, stocks=stocks, members=everyone, cut=cut).chain is None
