"""Versions of a period against a day-by-day reading: spans, members, taxonomy and cuts, without a server."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import cuts as oracle

from samgraph.graph.series.cuts import parse_cut
from samgraph.graph.series.intervals import Intervals
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.graph.series.versions import Spans, known_early, versions_of

ORIGIN = 19_000  # days since 1970-01-01
CUTS = ("leaf", "level:2", "levels:1-3", "adaptive:min=2,max=0.7", "adaptive:min=1,max=1.0")
spans_of_days = st.tuples(st.integers(-3, 22), st.integers(1, 15)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


def spans(rows) -> Spans:
    """Rows of (source, target, first, end, weight), days counted from ORIGIN."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    return Spans(
        np.array(columns[0], dtype=object),
        np.array(columns[1], dtype=object),
        np.array(columns[2], dtype=np.int64) + ORIGIN,
        np.array(columns[3], dtype=np.int64) + ORIGIN,
        np.array(columns[4], dtype=np.float64),
    )


@st.composite
def periods(draw):
    """Days with gaps, edges and child -> parent links that never overlap for one key, and members."""
    days = sorted(draw(st.sets(st.integers(0, 19), min_size=1, max_size=20)))
    companies = [f"c{i}" for i in range(draw(st.integers(1, 5)))]
    products = [f"p{i}" for i in range(draw(st.integers(1, 7)))]
    edges, links = [], []
    for company in companies:
        for product in draw(st.lists(st.sampled_from(products), unique=True)):
            turns = sorted(draw(st.sets(st.integers(-3, 23), min_size=2, max_size=4)))
            weight = draw(st.floats(0.01, 1)) / len(products)
            edges += [(company, product, a, b, weight) for a, b in zip(turns[::2], turns[1::2], strict=False)]
    for number, product in enumerate(products[1:], start=1):
        # A parent comes earlier in the list: no circle on any day; it may change or end.
        turns = sorted(draw(st.sets(st.integers(-3, 23), max_size=4)))
        for a, b in itertools.pairwise(turns):
            if (above := draw(st.integers(-1, number - 1))) >= 0:
                links.append((product, products[above], a, b, 1.0))
    stocks = draw(st.permutations([*companies[: draw(st.integers(1, len(companies)))], "without_edges"]))
    members = np.array(
        [[draw(st.booleans()) for _ in stocks] for _ in days]
        if draw(st.booleans())
        else [[True] * len(stocks)] * len(days)
    )
    return days, edges, links, stocks, members


def one_day(day, edges, links, members: set[str], cut: str) -> dict[tuple[str, str], float]:
    valid = [(c, p, w) for c, p, a, b, w in edges if a <= day < b and c in members]
    up = {child: parent for child, parent, a, b, _ in links if a <= day < b}
    kind, _, rest = cut.partition(":")
    if kind == "leaf":
        return oracle.leaf(valid)
    if kind == "level":
        return oracle.level(valid, up, int(rest))
    if kind == "levels":
        first, last = rest.split("-")
        return oracle.levels(valid, up, int(first), int(last))
    minimum, maximum = (float(part.split("=")[1]) for part in rest.split(","))
    return oracle.adaptive(valid, up, int(minimum), maximum, len(members))


def extracted(days, edges, links, stocks, members, cut) -> SnapshotSeries:
    dates = pd.DatetimeIndex(np.array(days, dtype="datetime64[D]") + ORIGIN)
    found = versions_of(spans(edges), spans(links), dates, stocks=stocks, members=members, cut=parse_cut(cut))
    series = SnapshotSeries(
        dates, tuple(stocks), found.concepts, found.concepts, found.day_version, found.versions,
        cut=cut, coverage=found.coverage,
    )  # fmt: skip
    series.validate()
    return series


def as_dict(series: SnapshotSeries, t: int) -> dict[tuple[str, str], float]:
    edges = series.edges(t)
    return {
        (series.stocks[i], series.concepts[k]): float(w)
        for i, k, w in zip(edges.stock, edges.concept, edges.weight, strict=True)
    }


@settings(max_examples=120, deadline=None)
@given(periods(), st.sampled_from(CUTS))
def test_every_day_equals_a_reading_of_that_day_alone(period, cut):
    days, edges, links, stocks, members = period
    series = extracted(days, edges, links, stocks, members, cut)
    for t, day in enumerate(days):
        here = {stock for stock, member in zip(stocks, members[t], strict=True) if member}
        assert as_dict(series, t) == pytest.approx(one_day(day, edges, links, here, cut), abs=1e-6)
        told = series.coverage.iloc[t]
        assert told["companies"] == len(here)
        assert told["with_edges"] == len({company for company, _ in as_dict(series, t)})
        without = here - {c for c, _, a, b, _ in edges if a <= day < b}
        assert told["without_report"] == len(without)
        assert told["expired"] == len(without & {c for c, _, a, _, _ in edges if a <= day})
        assert told["never_reported"] == len(without) - told["expired"]
    assert len({key(version) for version in series.versions}) == len(series.versions)
    assert set(range(len(series.versions))) == set(series.day_version.tolist())


def key(edges: Edges) -> tuple[bytes, bytes, bytes]:
    return edges.stock.tobytes(), edges.concept.tobytes(), edges.weight.tobytes()


@settings(max_examples=60, deadline=None)
@given(periods(), st.sampled_from(CUTS), st.integers(1, 19))
def test_what_begins_later_changes_no_earlier_day(period, cut, later):
    days, edges, links, stocks, members = period
    seen = [t for t, day in enumerate(days) if day < later]
    if not seen:
        return
    before = extracted(days, edges, links, stocks, members, cut)
    # The world ends on day `later`: whatever begins then never comes, members of those days are unknown.
    blind = members.copy()
    blind[len(seen) :] = False
    after = extracted(
        days, [e for e in edges if e[2] < later], [n for n in links if n[2] < later], stocks, blind, cut
    )
    for t in seen:
        assert as_dict(before, t) == as_dict(after, t)


def test_a_period_without_changes_has_one_version_and_gaps_in_the_days_hide_what_falls_between():
    dates = [0, 1, 5, 6]
    rows = [("a", "x", -10, 100, 0.5), ("a", "y", 2, 5, 0.5)]  # y is gone before day 5 and came after day 1
    series = extracted(dates, rows, [], ["a"], np.ones((4, 1), dtype=bool), "leaf")
    assert series.day_version.tolist() == [0, 0, 0, 0]
    assert series.concepts == ("x",)


def test_both_ends_are_half_open():
    series = extracted([1, 2, 3, 4], [("a", "x", 2, 4, 1.0)], [], ["a"], np.ones((4, 1), dtype=bool), "leaf")
    assert [len(series.edges(t)) for t in range(4)] == [0, 1, 1, 0]


@settings(max_examples=100, deadline=None)
@given(st.lists(spans_of_days, max_size=12), st.sets(st.integers(0, 19), min_size=1))
def test_the_interval_index_marks_what_is_valid(rows, days):
    whole = np.arange(20)
    first, end = (np.array([row[side] for row in rows], dtype=np.int64) for side in (0, 1))
    index = Intervals.of(whole, first, end)
    asked = np.array(sorted(days))
    for day, valid in zip(asked, index.walk(asked), strict=True):
        assert valid.tolist() == [a <= day < b for a, b in rows]
    marked = index.changes()
    for day in range(1, 20):
        before, now = ([a <= d < b for a, b in rows] for d in (day - 1, day))
        assert marked[day] or before == now


def test_nodes_can_be_renumbered_and_companies_shuffled():
    rows = [("a", "x", 0, 9, 0.25), ("b", "y", 0, 9, 0.75), ("b", "x", 0, 9, 0.25)]
    series = extracted([0, 1], rows, [], ["a", "b", "c"], np.ones((2, 3), dtype=bool), "leaf")
    turned = series.permuted([2, 0, 1], [1, 0])
    turned.validate()
    assert as_dict(turned, 0) == as_dict(series, 0)
    assert turned.stocks == ("c", "a", "b")
    placebo = series.reassigned([1, 0, 2])
    placebo.validate()
    assert as_dict(placebo, 1) == {("b", "x"): 0.25, ("a", "y"): 0.75, ("a", "x"): 0.25}
    assert series.fingerprint() != placebo.fingerprint() != turned.fingerprint()
    np.testing.assert_array_equal(series.dense(0), [[0.25, 0], [0.25, 0.75], [0, 0]])


@settings(max_examples=60, deadline=None)
@given(periods(), st.sampled_from(CUTS), st.integers(0, 19))
def test_before_a_company_is_first_known_it_has_what_the_fit_knows_and_from_then_on_its_own(
    period, cut, fit_day
):
    days, edges, links, stocks, members = period

    def filled(rows):
        """One row at a time: what is known on the fit day holds before the first row of its source."""
        first = {}
        for row in rows:
            first[row[0]] = min(row[2], first.get(row[0], row[2]))
        early = [(a, b, -10_000, first[a], w) for a, b, x, y, w in rows if x <= fit_day < y]
        return [*rows, *early]

    dates = pd.DatetimeIndex(np.array(days, dtype="datetime64[D]") + ORIGIN)
    found = versions_of(
        known_early(spans(edges), fit_day + ORIGIN), known_early(spans(links), fit_day + ORIGIN), dates,
        stocks=stocks, members=members, cut=parse_cut(cut),
    )  # fmt: skip
    series = SnapshotSeries(
        dates, tuple(stocks), found.concepts, found.concepts, found.day_version, found.versions
    )
    for t, day in enumerate(days):
        here = {stock for stock, member in zip(stocks, members[t], strict=True) if member}
        expected = one_day(day, filled(edges), filled(links), here, cut)
        assert as_dict(series, t) == pytest.approx(expected, abs=1e-6)
    # what begins after the fit day is not seen on any day up to it
    known = [t for t, day in enumerate(days) if day <= fit_day]
    before = [row for row in edges if row[2] <= fit_day], [row for row in links if row[2] <= fit_day]
    blind = versions_of(
        known_early(spans(before[0]), fit_day + ORIGIN), known_early(spans(before[1]), fit_day + ORIGIN), dates,
        stocks=stocks, members=members, cut=parse_cut(cut),
    )  # fmt: skip
    unseen = SnapshotSeries(
        dates, tuple(stocks), blind.concepts, blind.concepts, blind.day_version, blind.versions
    )
    for t in known:
        assert as_dict(series, t) == as_dict(unseen, t)
