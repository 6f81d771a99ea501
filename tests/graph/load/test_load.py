"""Loads: what the tables say is what the graph answers; repeated, refused and killed loads do no harm."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import dump, small
from oracles import sells as oracle
from oracles.broken import BROKEN

from samgraph.errors import ConfigError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db import ledger
from samgraph.graph.load.load import load
from samgraph.graph.load.report import RefusedDataset

DAYS = [dt.date(2021, 1, 1) + dt.timedelta(days=n) for n in range(0, 1200, 13)]


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "data", small.tables())


def made(tmp_path, tables, name="data"):
    return Dataset(small.rewrite(tmp_path / name, tables))


def test_the_graph_answers_what_the_tables_say(graph, folder):
    report = load(graph, Dataset(folder))
    critical = {
        day + dt.timedelta(days=shift)
        for row in small.tables()["segments"]
        for day in (oracle.day(row["announced_on"]), oracle.day(row["valid_from"]), dt.date(2022, 6, 30))
        if day
        for shift in (-1, 0, 1, 2)
    }
    for t in [*DAYS, *sorted(critical)]:
        assert dump.sold(graph.address, t) == oracle.expected(small.tables()["segments"], t)
    assert report.tables["read"].to_dict() == {name: len(rows) for name, rows in small.tables().items()}
    assert (report.tables["used"] == report.tables["read"]).all()
    assert report.edges["created"].to_dict() == {
        "child_of": 5,
        "supplies": 2,
        "industry_child_of": 1,
        "classified_as": 3,
        "member_of": 4,
        "sells": 11,
    }
    assert report.moment == ledger.committed_moment(graph)


def test_nodes_and_edges_have_the_properties_of_the_interface(graph, folder):
    load(graph, Dataset(folder))
    with dump.session(graph.address) as s:
        cell = s.run("MATCH (p:Product {product_id: 'cell'}) RETURN p").single()["p"]
        assert (cell["name"], cell["level"], cell["path"]) == ("name of cell", 4, "/root/energy/battery/cell")
        assert (cell["valid_from"].iso_format(), cell["valid_to"].iso_format()) == (
            "0001-01-01",
            "9999-12-31",
        )
        beta = s.run("MATCH (c:Company {company_id: 'B'}) RETURN c").single()["c"]
        assert beta["delisted_on"].iso_format() == "2023-05-05" and beta["exchange"] == "SZ"
        gamma = s.run("MATCH (c:Company {company_id: 'C'}) RETURN c").single()["c"]
        assert "exchange" not in gamma and "listed_on" not in gamma
        levels = s.run("MATCH (i:Industry) RETURN i.industry_id AS id, i.level AS level ORDER BY id").values()
        assert levels == [["I1", 1], ["I11", 2], ["I2", 1]]
        member = s.run(
            "MATCH (:Company {company_id: 'A'})-[r:MEMBER_OF]->(:Universe {universe: 'U'}) "
            "RETURN toString(r.valid_from), toString(r.valid_to), r.weight ORDER BY r.valid_from"
        ).values()
        assert member == [["2020-01-02", "2021-06-01", 0.5], ["2021-12-01", "9999-12-31", 0.25]]
        parents = s.run(
            "MATCH (:Product {product_id: 'cell'})-[r:CHILD_OF]->(p) "
            "RETURN p.product_id, toString(r.valid_from), toString(r.valid_to) ORDER BY r.valid_from"
        ).values()
        assert parents == [["energy", "0001-01-01", "2022-01-01"], ["battery", "2022-01-01", "9999-12-31"]]
        recorded = s.run(
            "MATCH ()-[r]->() RETURN DISTINCT type(r) AS type, "
            "r.recorded_to = datetime('9999-12-31T00:00:00Z') AS open, "
            "r.recorded_from = $m AS mine, valueType(r.valid_from) AS kind",
            m=ledger.committed_moment(graph),
        ).data()
        assert {one["type"] for one in recorded} == {
            "SELLS",
            "CHILD_OF",
            "SUPPLIES",
            "CLASSIFIED_AS",
            "MEMBER_OF",
        }
        assert all(one["open"] and one["mine"] for one in recorded)
        assert {one["kind"] for one in recorded} == {"DATE NOT NULL"}
        longest = s.run("MATCH (l:Ledger) RETURN l.longest_sells_days").single().value()
        # B from 2021-04-29 to 2022-04-29; what holds longer than 400 days is kept apart
        assert longest == 365


def test_loading_twice_changes_nothing(graph, folder):
    load(graph, Dataset(folder))
    before = dump.everything(graph.address)
    report = load(graph, Dataset(folder))
    assert dump.everything(graph.address) == before
    assert report.moment is None
    graph_tables = report.tables.drop(["bars", "benchmarks"])
    assert (graph_tables["unchanged"] == graph_tables["read"]).all()


def test_another_form_of_the_same_tables_makes_no_new_version(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    edges_before = dump.everything(graph.address)[1]
    rng = np.random.default_rng(3)
    (tmp_path / "other").mkdir()
    for name, rows in small.tables().items():
        frame = pd.DataFrame(rows).astype("str")
        frame.iloc[rng.permutation(len(frame))].to_parquet(tmp_path / "other" / f"{name}.parquet")
    other = Dataset(tmp_path / "other")
    report = load(graph, other)
    assert dump.everything(graph.address)[1] == edges_before
    assert report.moment is not None and report.moment == ledger.loaded_moment(graph, other)
    assert report.edges.to_numpy().sum() == 0


def test_a_moment_is_known_for_each_loaded_dataset(graph, folder, tmp_path):
    dataset = Dataset(folder)
    assert ledger.loaded_moment(graph, dataset) is None and ledger.committed_moment(graph) is None
    first = load(graph, dataset).moment
    tables = small.tables()
    tables["segments"][0]["weight"] = "0.5"
    other = made(tmp_path, tables, "other")
    second = load(graph, other).moment
    assert first < second
    assert ledger.loaded_moment(graph, dataset) == first
    assert ledger.loaded_moment(graph, other) == ledger.committed_moment(graph) == second


def test_a_broken_dataset_changes_nothing(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    before = dump.everything(graph.address)
    for kind, (breaking, table, rows, words) in BROKEN.items():
        tables = small.tables()
        breaking(tables)
        with pytest.raises(RefusedDataset, match=r"cannot be loaded, nothing was written: table") as refused:
            load(graph, made(tmp_path, tables, "broken"))
        listed = refused.value.report.rejected
        listed = listed[(listed["table"] == table) & listed["reason"].str.contains(words, regex=False)]
        assert sorted(listed["row"]) == rows, kind
    assert dump.everything(graph.address) == before


def test_a_broken_dataset_leaves_an_empty_database_empty(graph, tmp_path):
    tables = small.tables()
    BROKEN["unknown product"][0](tables)
    with pytest.raises(RefusedDataset):
        load(graph, made(tmp_path, tables))
    assert dump.everything(graph.address) == ([], [])


def test_a_dry_run_says_what_a_load_would_do_and_writes_nothing(graph, folder):
    dry = load(graph, Dataset(folder), dry_run=True)
    assert dump.everything(graph.address) == ([], [])
    real = load(graph, Dataset(folder))
    pd.testing.assert_frame_equal(dry.edges, real.edges)
    pd.testing.assert_frame_equal(dry.tables, real.tables)
    assert dry.dry_run and dry.moment is None
    assert load(graph, Dataset(folder), dry_run=True).edges.to_numpy().sum() == 0


def test_a_correction_keeps_the_old_version(graph, folder, tmp_path):
    old = small.tables()
    first = load(graph, Dataset(folder)).moment
    new = small.tables()
    new["segments"][0]["weight"] = "0.1"  # one row of a report of two
    new["segments"][8]["valid_to"] = "2021-08-01"  # a span ends earlier
    new["universes"][2]["valid_to"] = "2022-02-02"
    report = load(graph, made(tmp_path, new))
    for t in DAYS:
        assert dump.sold(graph.address, t, first) == oracle.expected(old["segments"], t)
        assert dump.sold(graph.address, t) == oracle.expected(new["segments"], t)
    assert report.edges["created"].to_dict()["sells"] == report.edges["ended"].to_dict()["sells"] == 2
    assert report.tables.loc["segments", ["used", "unchanged"]].tolist() == [2, 9]
    assert report.tables.loc["universes", ["used", "unchanged"]].tolist() == [1, 3]
    with dump.session(graph.address) as s:
        versions = s.run(
            "MATCH (:Company {company_id: 'B'})-[r:MEMBER_OF]->(:Universe {universe: 'U'}) "
            "RETURN toString(r.valid_to), r.recorded_to = $m, r.recorded_from = $m ORDER BY r.recorded_from",
            m=report.moment,
        ).values()
    assert versions == [["9999-12-31", True, False], ["2022-02-02", False, True]]


def test_a_product_that_a_corrected_report_no_longer_has_is_gone(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    tables = small.tables()
    del tables["segments"][1]
    load(graph, made(tmp_path, tables))
    assert dump.sold(graph.address, dt.date(2021, 4, 30)) == oracle.expected(
        tables["segments"], dt.date(2021, 4, 30)
    )


def test_what_a_dataset_does_not_mention_stays(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    before = dump.current(graph.address)
    tables = small.tables()
    for name in ("industries", "company_industries", "universes", "product_links"):
        del tables[name]
    tables["segments"] = tables["segments"][:1]
    tables["segments"][0]["weight"] = "0.6"
    tables["segments"].append(small.report("A", "solar", "2020-12-31", "2021-03-30", 0.4))
    tables["companies"] = tables["companies"][:1]
    load(graph, made(tmp_path, tables))
    assert dump.current(graph.address) == before


def test_reports_that_are_never_usable_make_no_edge_and_are_counted(graph, tmp_path):
    tables = small.tables()
    tables["segments"] = [
        small.report("A", "solar", "2020-12-31", "2021-09-01", 1.0),  # after the half-year's report
        small.report("A", "battery", "2021-06-30", "2021-08-20", 1.0),
        small.report("B", "food", "2019-12-31", "2021-06-29", 1.0),  # expired when it came out
    ]
    report = load(graph, made(tmp_path, tables))
    assert report.tables.loc["segments", ["used", "superseded", "stale"]].tolist() == [1, 1, 1]
    assert report.edges["created"]["sells"] == 1
    again = load(graph, made(tmp_path, tables))
    assert again.tables.loc["segments", ["unchanged", "superseded", "stale"]].tolist() == [1, 1, 1]


def test_revenue_becomes_shares_of_its_report(graph, tmp_path):
    tables = small.tables()
    for row, revenue in zip(tables["segments"][:2], ("30", "90"), strict=True):
        row.update(weight="", revenue=revenue)
    load(graph, made(tmp_path, tables))
    t = dt.date(2021, 4, 30)
    assert {k: v[0] for k, v in dump.sold(graph.address, t).items() if k[0] == "A"} == {
        ("A", "battery"): 0.25,
        ("A", "solar"): 0.75,
    }


def test_a_lag_counts_the_trading_days_of_the_bars(graph, folder):
    rows = small.tables()["segments"]
    calendar = sorted({dt.date.fromisoformat(bar["date"]) for bar in small.tables()["bars"]})
    load(graph, Dataset(folder), lag=3)
    for t in [*DAYS, *(dt.date(2021, 3, 25) + dt.timedelta(days=n) for n in range(30))]:
        assert dump.sold(graph.address, t) == oracle.expected(rows, t, lag=3, calendar=calendar)


def test_other_rules_hold_for_every_company(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    tables = small.tables()
    tables["segments"] = tables["segments"][:2]  # B is not mentioned
    load(graph, made(tmp_path, tables), stale_after_months=6)
    for t in DAYS:
        assert dump.sold(graph.address, t) == oracle.expected(
            small.tables()["segments"], t, stale_after_months=6
        )


@pytest.mark.parametrize("wrong", [{"lag": 0}, {"stale_after_months": 0}])
def test_wrong_rules_are_refused(graph, folder, wrong):
    with pytest.raises(ConfigError, match="use 1 or more"):
        load(graph, Dataset(folder), **wrong)


def without(tables, table, **cells):
    """Leave out the rows that hold these cells."""
    tables[table] = [row for row in tables[table] if any(row[name] != value for name, value in cells.items())]


# name: (rows that the second dataset does not repeat, the row that it adds)
CONFLICTS = {
    "two parents at one time": (
        {"table": "products", "product_id": "solar"},
        small.product("solar", "food", "2022-01-01"),
    ),
    "same company_id and universe": (
        {"table": "universes", "universe": "U", "company_id": "B"},
        small.member("U", "B", "2022-01-01", "", ""),
    ),
    "span overlaps that of a row of the same company_id": (
        {"table": "company_industries", "company_id": "B"},
        {"company_id": "B", "industry_id": "I11", "valid_from": "2022-01-01", "valid_to": ""},
    ),
    "supplier_id and customer_id": (
        {"table": "product_links", "supplier_id": "cell"},
        {
            "supplier_id": "cell",
            "customer_id": "battery",
            "weight": "",
            "valid_from": "2022-01-01",
            "valid_to": "",
        },
    ),
    "C add up to 1.1 on 2022-01-01": (
        {"table": "segments", "company_id": "C"},
        small.span("C", "solar", "2022-01-01", "", 0.1),
    ),
    "C add up to 1.25 on 2022-01-02": (
        {"table": "segments", "company_id": "C"},
        small.report("C", "solar", "2021-12-31", "2022-01-01", 0.25),
    ),
    "its product is sold twice at one time": (
        {"table": "segments", "company_id": "C"},
        small.span("C", "cell", "2022-01-01", "", 0.0),
    ),
}


@pytest.mark.parametrize("reason", CONFLICTS)
def test_what_contradicts_earlier_loads_is_refused_with_its_row(graph, folder, tmp_path, reason):
    load(graph, Dataset(folder))
    before = dump.everything(graph.address)
    left_out, added = CONFLICTS[reason]
    tables, table = small.tables(), left_out.pop("table")
    without(tables, table, **left_out)
    tables[table].append(added)
    with pytest.raises(RefusedDataset, match="earlier") as refused:
        load(graph, made(tmp_path, tables, "other"))
    listed = refused.value.report.rejected
    listed = listed[listed["reason"].str.contains(reason, regex=False)]
    assert listed["table"].unique().tolist() == [table]
    assert listed["row"].tolist() == [len(tables[table])]
    assert dump.everything(graph.address) == before


def test_a_cycle_through_earlier_loads_is_refused(graph, tmp_path):
    tables = base([])
    later = small.product("solar", None, valid_from="2010-01-01")
    tables["products"] = [
        small.product("solar", "food", valid_to="2010-01-01"),
        later,
        small.product("food", None),
    ]
    tables["segments"] = [small.span("A", "food", "2021-01-01", "", 1.0)]
    load(graph, made(tmp_path, tables))
    tables["products"] = [later, small.product("food", "solar")]
    with pytest.raises(RefusedDataset, match="a cycle together with what earlier loads brought") as refused:
        load(graph, made(tmp_path, tables))
    assert refused.value.report.rejected[["table", "row"]].to_numpy().tolist() == [["products", 2]]


def test_names_and_places_follow_the_newest_load(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    tables = small.tables()
    tables["companies"][0]["name"] = "Alpha Two"
    tables["companies"][1]["exchange"] = ""  # empty does not erase
    tables["products"][2]["parent_id"] = "root"  # battery, and cell below it, move up
    report = load(graph, made(tmp_path, tables))
    with dump.session(graph.address) as s:
        companies = s.run("MATCH (c:Company) RETURN c.name, c.exchange ORDER BY c.company_id").values()
        assert companies[:2] == [["Alpha Two", "SH"], ["Beta", "SZ"]]
        products = s.run(
            "MATCH (p:Product) WHERE p.product_id IN ['battery', 'cell'] RETURN p.path ORDER BY p.path"
        )
        assert products.values() == [["/root/battery"], ["/root/battery/cell"]]
    assert report.tables.loc["companies", ["used", "unchanged"]].tolist() == [1, 2]


HOSTILE = [
    'it\'s "quoted" \\ `tick`',
    "'}) DETACH DELETE (n) //",
    "\u0000\u0007\x1b[31m",
    "=1+1",
    "名" * 50_000,
    "a\r\nb",
]


def test_hostile_names_come_back_unharmed(graph, tmp_path):
    tables = {
        "products": [{"product_id": str(i), "name": name, "parent_id": ""} for i, name in enumerate(HOSTILE)],
        "companies": [{"company_id": name[:30], "name": name} for name in HOSTILE],
        "segments": [small.span(name[:30], str(i), "2020-01-01", "", 1.0) for i, name in enumerate(HOSTILE)],
    }
    (tmp_path / "data").mkdir()
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(tmp_path / "data" / f"{name}.parquet")
    load(graph, Dataset(tmp_path / "data"))
    with dump.session(graph.address) as s:
        found = s.run(
            "MATCH (c:Company)-[:SELLS]->(p:Product) RETURN c.company_id, c.name, p.name, p.product_id"
        )
        rows = sorted(found.values(), key=lambda row: int(row[3]))
    assert rows == [[name[:30], name, name, str(i)] for i, name in enumerate(HOSTILE)]


# Sequences of loads -------------------------------------------------------------------------------------------


@st.composite
def deliveries(draw):
    """Some reports of two companies, each whole, in a random split and order; some delivered again,
    corrected."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("AB"), st.integers(0, 4), st.integers(0, 500)),
            min_size=2,
            max_size=7,
            unique=True,
        )
    )
    reports = []
    for company, quarter, late in keys:
        end = oracle.add_months(dt.date(2020, 12, 31), 3 * quarter)
        announced = end + dt.timedelta(days=late)
        products = draw(
            st.lists(st.sampled_from(["solar", "food", "cell"]), min_size=1, max_size=3, unique=True)
        )
        weights = draw(st.lists(st.integers(0, 33), min_size=len(products), max_size=len(products)))
        reports.append(
            [
                small.report(company, product, end.isoformat(), announced.isoformat(), weight / 100)
                for product, weight in zip(products, weights, strict=True)
            ]
        )
    order = draw(st.permutations(range(len(reports))))
    cut = draw(st.integers(1, len(reports) - 1))
    return reports, [[reports[i] for i in order[:cut]], [reports[i] for i in order[cut:]]]


def base(rows):
    tables = small.tables()
    return {name: tables[name] for name in ("products", "companies")} | {"segments": rows}


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
def test_pieces_in_any_order_give_the_graph_of_the_whole(graph, tmp_path, clear, delivery):
    reports, pieces = delivery
    clear()
    moments, so_far = [], []
    for piece in pieces:
        so_far = [*so_far, *(row for one in piece for row in one)]
        report = load(graph, made(tmp_path, base([row for one in piece for row in one])))
        moments.append((report.moment, so_far))
    in_pieces = dump.current(graph.address)
    for moment, rows in moments:  # the later load changed no earlier answer
        for t in DAYS[::6]:
            assert dump.sold(graph.address, t, moment) == oracle.expected(rows, t)
    clear()
    load(graph, made(tmp_path, base([row for one in reports for row in one])))
    assert dump.current(graph.address) == in_pieces


@pytest.fixture
def clear(graph_server):
    def empty():
        with dump.session(graph_server) as s:
            s.run("MATCH (n) DETACH DELETE n").consume()

    return empty
