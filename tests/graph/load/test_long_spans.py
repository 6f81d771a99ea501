"""Open-ended and long intervals beside short ones: answered as by hand, found by seeks; two writers at a time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from oracles import dump, small
from oracles import sells as oracle

from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.statements import statement
from samgraph.graph.load import edges, lanes
from samgraph.graph.load.load import load

COMPANIES, PRODUCTS = 24, 15


def mixed(seed):
    """Companies with reports, with short spans, with long ones, and with spans that have no end."""
    rng = np.random.default_rng(seed)
    products = [f"p{number}" for number in range(PRODUCTS)]
    segments = []
    for number in range(COMPANIES):
        company = f"c{number}"
        if number % 2:
            for year in range(2012, 2022):
                chosen = rng.choice(products, 3, replace=False)
                segments += [
                    small.report(company, one, f"{year}-12-31", f"{year + 1}-0{rng.integers(2, 7)}-11", 0.25)
                    for one in chosen
                ]
            continue
        for product in rng.choice(products, 3, replace=False):
            first = dt.date(2011, 1, 1) + dt.timedelta(days=int(rng.integers(0, 900)))
            while first.year < 2022:
                # Around the bound of 400 days on both sides, far beyond it, and without an end.
                days = int(rng.choice([30, 399, 400, 401, 402, 1500, 0]))
                last = first + dt.timedelta(days=days) if days else None
                segments.append(small.span(company, product, str(first), str(last or ""), 0.3))
                if last is None:
                    break
                first = last + dt.timedelta(days=int(rng.integers(0, 60)))
    return {
        "products": [small.product(one, None) for one in products],
        "companies": [{"company_id": f"c{number}", "name": f"c{number}"} for number in range(COMPANIES)],
        "segments": segments,
    }


def test_long_and_open_intervals_are_answered_as_by_hand(graph, tmp_path):
    rows = mixed(1)["segments"]
    load(graph, Dataset(small.write(tmp_path / "data", mixed(1))))
    with dump.session(graph.address) as s:
        bound = s.run("MATCH (l:Ledger) RETURN l.longest_sells_days").single().value()
        marked = s.run(
            "MATCH ()-[r:SELLS]->() RETURN r.long_from IS NOT NULL AS marked, "
            "duration.inDays(r.valid_from, r.valid_to).days > 400 AS long, r.long_from = r.valid_from AS same, "
            "count(*) AS n"
        ).data()
    assert bound == 400 == edges.LONG
    assert {(one["marked"], one["long"], one["same"]) for one in marked} == {
        (True, True, True),
        (False, False, None),
    }
    days = pd.date_range("2011-06-01", "2024-12-31", freq="23D")
    stocks = [f"c{number}" for number in range(COMPANIES)]
    members = np.ones((len(days), COMPANIES), dtype=bool)
    series = extract_period(graph, days, stocks=stocks, members=members)
    for t, day in enumerate(days.date):
        truth = {key: sold.weight for key, sold in oracle.sells(rows, day).items()}
        found = snapshot(graph, AsOf(day)).frame
        pairs = zip(found["company_id"], found["product_id"], strict=True)
        assert dict(zip(pairs, found["weight"], strict=True)) == pytest.approx(truth, rel=1e-12)
        version = series.edges(t)
        names = zip(
            [stocks[i] for i in version.stock], [series.concepts[k] for k in version.concept], strict=True
        )
        assert dict(zip(names, version.weight.tolist(), strict=True)) == pytest.approx(truth, rel=1e-6)
    for first in (40, 150):  # a period that begins late sees what began long before it
        later = extract_period(graph, days[first:], stocks=stocks, members=members[first:])
        assert [later.dense(t).sum() for t in range(5)] == pytest.approx(
            [series.dense(first + t).sum() for t in range(5)]
        )


@pytest.mark.parametrize("name", ["as_of/sells", "period/sells"])
def test_both_kinds_of_intervals_are_sought(graph, tmp_path, name):
    load(graph, Dataset(small.write(tmp_path / "data", mixed(2))))
    params = {"as_of": dt.date(2018, 1, 1), "first": dt.date(2018, 1, 1), "last": dt.date(2018, 12, 31)}
    with dump.session(graph.address) as s:
        s.run("CALL db.prepareForReplanning()").consume()
        plan = s.run("PROFILE " + statement(name), params | {"known": None}).consume().profile
    steps, todo = [], [plan]
    while todo:
        step = todo.pop()
        steps.append((step["operatorType"].partition("@")[0], step["args"].get("Details", "")))
        todo += step.get("children", [])
    seeks = [details for operator, details in steps if operator.startswith("DirectedRelationshipIndexSeek")]
    assert any("SELLS(valid_from, valid_to)" in one for one in seeks) and any(
        "SELLS(long_from)" in one for one in seeks
    )
    assert not [operator for operator, _ in steps if "Scan" in operator]


def test_days_of_one_version_share_their_tensors(graph, tmp_path):
    load(graph, Dataset(small.write(tmp_path / "data", mixed(3))))
    days = pd.date_range("2015-03-01", "2015-09-30")
    stocks = [f"c{number}" for number in range(COMPANIES)]
    series = extract_period(graph, days, stocks=stocks, members=np.ones((len(days), COMPANIES), dtype=bool))
    held = list(series.heteros())
    assert len(held) == len(days) and len(series.versions) < len(days) // 3
    kind = ("stock", "sells", "concept")
    for t, data in enumerate(held):
        alone = series.hetero(t)
        assert data.as_of == alone.as_of == str(days[t].date())
        assert data[kind].edge_index.equal(alone[kind].edge_index)
        assert data[kind].edge_weight.equal(alone[kind].edge_weight)
    distinct = {data[kind].edge_index.data_ptr() for data in held}
    assert len(distinct) == 1 + np.count_nonzero(np.diff(series.day_version))


def test_two_lanes_share_no_company_and_no_product_and_write_every_edge_once(graph, tmp_path, monkeypatch):
    seen = []
    real = lanes.report_batches

    def noted(part, size):
        seen.append((set(part["start"]), set(part["end"])))
        return real(part, size)

    monkeypatch.setattr(lanes, "report_batches", noted)
    write = lanes.write_sells
    monkeypatch.setattr(
        "samgraph.graph.load.load.write_sells",
        lambda writer, parts, progress: write(writer, parts, progress, size=40),
    )
    monkeypatch.setattr("samgraph.graph.load.load.lanes_for", lambda parts: lanes.lanes_for(parts, 40))
    rows = mixed(4)["segments"]
    counts = []
    report = load(graph, Dataset(small.write(tmp_path / "data", mixed(4))), progress=counts.append)
    assert sum(counts) >= report.edges.loc["sells", "created"] > 300
    assert len(seen) == 4
    for one, other in ((seen[0], seen[1]), (seen[2], seen[3])):  # the two lanes of a round
        assert one[0] and other[0] and not one[0] & other[0] and not one[1] & other[1]
    for day in (dt.date(2013, 5, 5), dt.date(2017, 5, 5), dt.date(2021, 5, 5)):
        assert dump.sold(graph.address, day) == oracle.expected(rows, day)
    assert load(graph, Dataset(tmp_path / "data")).moment is None


def test_a_load_in_two_lanes_that_fails_is_undone_by_the_next(graph, tmp_path, monkeypatch):
    load(graph, Dataset(small.write(tmp_path / "data", mixed(5))))
    before = dump.everything(graph.address)
    write = lanes.write_sells
    monkeypatch.setattr(
        "samgraph.graph.load.load.write_sells",
        lambda writer, parts, progress: write(writer, parts, progress, size=40),
    )
    monkeypatch.setattr("samgraph.graph.load.load.lanes_for", lambda parts: lanes.lanes_for(parts, 40))

    def fail(_: int) -> None:
        raise RuntimeError("the client dies here")

    other = mixed(5)
    for row in other["segments"]:
        if row["period_end"]:
            row["weight"] = "0.125"
    with pytest.raises(RuntimeError):
        load(graph, Dataset(small.write(tmp_path / "other", other)), progress=fail)
    assert dump.everything(graph.address) != before
    assert load(graph, Dataset(tmp_path / "data")).moment is None
    assert dump.everything(graph.address) == before
