"""History that never lies: later loads leave every earlier answer as it was, in whatever pieces and order they come."""

from __future__ import annotations

import datetime as dt
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracles import dump, small
from oracles.economy import Economy, write

import samgraph.cli
from samgraph.cli import main
from samgraph.errors import SnapshotError
from samgraph.graph.ask.baskets import basket
from samgraph.graph.ask.period import extract_period, industry_labels, stated_weights, universe_members
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load

DAY = dt.date(2021, 4, 30)
SERVER = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


def made(tmp_path, tables, name="data"):
    return Dataset(small.rewrite(tmp_path / name, tables))


def empty(graph: Graph) -> None:
    with dump.session(graph.address) as s:
        s.run("MATCH (n) DETACH DELETE n").consume()


def all_answers(graph: Graph, days: list[dt.date], known: dt.datetime | None) -> str:
    """What the graph says of some days, by every way to ask it, as one text."""
    dates = pd.DatetimeIndex(days)
    told: list[object] = []
    members = universe_members(graph, "U", dates, known=known)
    told.append(members.to_csv())
    for relation, cut in itertools.product(("products", "industries"), ("leaf", "level:2")):
        series = extract_period(
            graph, dates, stocks=list(members.columns), members=members.to_numpy(), cut=cut, relation=relation,
            known=known,
        )  # fmt: skip
        told += [series.fingerprint(), series.concept_names, series.coverage.to_csv()]
    told.append(industry_labels(graph, dates, list(members.columns), level=1, known=known).to_csv())
    for day in days:
        told.append(product_tree(graph, AsOf(day, known)).to_csv())
        for universe, cut in (("U", "leaf"), (None, "level:2"), ("U", "adaptive:min=1,max=1")):
            try:
                found = snapshot(graph, AsOf(day, known), universe=universe, cut=cut)
                told += [found.frame.to_csv(), found.companies, found.coverage]
            except SnapshotError as error:
                told.append(str(error))
    return "\n".join(map(str, told))


# --- later loads


@pytest.mark.parametrize("seed", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_a_later_load_of_every_table_changes_no_earlier_answer(graph, tmp_path, seed):
    """Restated reports, other parents, industries, memberships and names: the first load's answers stay."""
    first = Economy(np.random.default_rng(seed)).tables
    second = Economy(np.random.default_rng(seed)).tables
    other = Economy(np.random.default_rng(seed + 100)).tables
    for row in second["products"] + second["industries"] + second["companies"]:
        row["name"] = f"{row['name']}, renamed"
    keys = {
        "universes": ("universe", "company_id", "valid_from"),
        "company_industries": ("company_id", "valid_from"),
    }
    for table, key in keys.items():  # every open or later end moves one day nearer, some labels change
        for row in second[table]:
            if row["valid_to"] is None:
                row["valid_to"] = row["valid_from"] + dt.timedelta(days=1)
        assert {tuple(row[name] for name in key) for row in second[table]} == {
            tuple(row[name] for name in key) for row in first[table]
        }
    for row in second["products"]:
        if row["parent_id"] and row["product_id"] == "p8":
            row["parent_id"] = "p0"
    reported = {(row["company_id"], row["period_end"]) for row in first["segments"]}
    second["segments"] += [
        r for r in other["segments"] if (r["company_id"], r["period_end"]) not in reported and r["period_end"]
    ]
    for row in second["segments"]:
        row["weight"] = round(row["weight"] / 2, 6)

    one = load(graph, write(tmp_path / "one", first)).moment
    days = Economy(np.random.default_rng(seed)).days()[::40]
    before = all_answers(graph, days, None)
    two = load(graph, write(tmp_path / "two", second)).moment
    after = all_answers(graph, days, None)
    assert before != after
    for known in (one, two - dt.timedelta(microseconds=1)):
        assert all_answers(graph, days, known) == before
    load(graph, write(tmp_path / "three", first))
    assert all_answers(graph, days, one) == before
    assert all_answers(graph, days, two) == after


def test_names_listings_and_lives_are_those_that_were_recorded_then(graph, tmp_path):
    """A text finds the products that had such a name at the moment asked about, by name and by full text."""
    moments = []
    for number in range(3):
        tables = small.tables()
        tables["products"][5]["name"] = f"heliostat number{number}"  # solar
        tables["companies"][0]["name"] = f"Alpha {number}"
        tables["companies"][0]["listed_on"] = f"201{number}-01-04"
        tables["industries"][1]["name"] = f"industry {number}"
        moments.append(load(graph, made(tmp_path, tables, str(number))).moment)
    for number, known in [*enumerate(moments), (2, None)]:
        for text in (f"heliostat number{number}", f"number{number}"):
            found = basket(graph, text, AsOf(DAY, known))
            assert [seed.product_id for seed in found.seeds] == ["solar"]
            assert found.products["name"].tolist() == [f"heliostat number{number}"]
            assert found.companies["name"].tolist() == [f"Alpha {number}"]
        for other in {0, 1, 2} - {number}:
            with pytest.raises(SnapshotError, match="no product"):
                basket(graph, f"number{other}", AsOf(DAY, known))
        tree = product_tree(graph, AsOf(DAY, known)).set_index("product_id")
        assert tree.loc["solar", "name"] == f"heliostat number{number}"
        dates = pd.DatetimeIndex([DAY])
        series = extract_period(
            graph,
            dates,
            stocks=["A"],
            members=np.ones((1, 1), dtype=bool),
            relation="industries",
            known=known,
        )
        assert series.concept_names == (f"industry {number}",)
    with dump.session(graph.address) as s:
        kept = s.run(
            "MATCH (c:Company {company_id: 'A'})-[w:WAS]->(f:Former) "
            "RETURN f.name, toString(f.listed_on), w.recorded_from, w.recorded_to ORDER BY w.recorded_from"
        ).values()
    assert [row[:2] for row in kept] == [["Alpha 0", "2010-01-04"], ["Alpha 1", "2011-01-04"]]
    assert [[m.to_native() for m in row[2:]] for row in kept] == [moments[0:2], moments[1:3]]


def test_what_is_recorded_is_half_open_in_the_moments_of_loading(graph, tmp_path):
    tables = small.tables()
    one = load(graph, made(tmp_path, tables)).moment
    tables["segments"][0]["weight"] = "0.1"
    two = load(graph, made(tmp_path, tables)).moment
    just = dt.timedelta(microseconds=1)
    weights = {}
    for known in (one, two - just, two, two + just):
        frame = snapshot(graph, AsOf(DAY, known)).frame.set_index(["company_id", "product_id"])
        weights[known] = frame.loc[("A", "battery"), "weight"]
    assert list(weights.values()) == [0.6, 0.6, 0.1, 0.1]
    with pytest.raises(SnapshotError, match="known at"):
        snapshot(graph, AsOf(DAY, one - just))


# --- pieces and orders


def pieces_of(
    tables: dict[str, list[dict]], rng: np.random.Generator, count: int
) -> list[dict[str, list[dict]]]:
    """Deal out whole reports, spans and memberships; what they refer to comes with every piece."""
    whole = ("products", "companies", "industries")
    pieces = [{name: tables[name] for name in whole} for _ in range(count)]
    for name in ("segments", "company_industries", "universes"):
        place: dict[tuple, int] = {}
        for row in tables[name]:
            is_report = name == "segments" and row["period_end"] is not None
            key = (row["company_id"], row["period_end"], row["announced_on"]) if is_report else (id(row),)
            chosen = place.setdefault(key, int(rng.integers(count)))
            pieces[chosen].setdefault(name, []).append(row)
    for piece in pieces:
        piece.setdefault(
            "segments", tables["segments"][:1] if tables["segments"][0]["period_end"] is None else []
        )
    return [piece for piece in pieces if piece["segments"]]


@settings(max_examples=2, **SERVER)
@given(seed=st.integers(0, 10**6))
def test_any_order_of_pieces_gives_the_graph_of_the_whole_and_twice_changes_nothing(
    graph, tmp_path_factory, seed
):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("pieces")
    tables = Economy(rng).tables
    empty(graph)
    load(graph, write(folder / "whole", tables))
    whole = dump.current(graph.address)
    pieces = [write(folder / str(n), piece) for n, piece in enumerate(pieces_of(tables, rng, 3))]
    empty(graph)
    for number in rng.permutation(len(pieces)):
        load(graph, pieces[number])
    assert dump.current(graph.address) == whole
    before = dump.everything(graph.address)
    for piece in pieces:
        assert load(graph, piece).moment is None
    assert dump.everything(graph.address) == before


# --- both ends, sums, causes


def test_every_kind_of_relationship_holds_from_its_first_day_to_the_day_before_its_last(graph, tmp_path):
    begin, end = dt.date(2022, 3, 1), dt.date(2022, 9, 1)
    ends = {"valid_from": begin.isoformat(), "valid_to": end.isoformat()}
    tables = small.tables()
    tables["products"] = [
        small.product("root", None), small.product("side", "root"),
        small.product("leaf", "root", valid_to=ends["valid_from"]),
        {**small.product("leaf", "side"), **ends},
        small.product("leaf", "root", valid_from=ends["valid_to"]),
    ]  # fmt: skip
    tables["product_links"] = [{"supplier_id": "side", "customer_id": "leaf", "weight": "", **ends}]
    tables["segments"] = [
        small.span("A", "leaf", *ends.values(), 0.5),
        small.span("B", "side", "2020-01-01", "", 1.0),
        small.span("B", "leaf", "2020-01-01", "", 0.0),
    ]
    tables["company_industries"] = [{"company_id": "A", "industry_id": "I11", **ends}]
    tables["universes"] = [{"universe": "U", "company_id": c, "weight": "", **span} for c, span in (
        ("A", ends), ("B", {"valid_from": "2020-01-01", "valid_to": ""}),
    )]  # fmt: skip
    load(graph, made(tmp_path, tables))
    one_day = dt.timedelta(days=1)
    days = [begin - one_day, begin, end - one_day, end]
    inside = [False, True, True, False]
    dates = pd.DatetimeIndex(days)
    members = universe_members(graph, "U", dates)
    assert members["A"].tolist() == inside
    everyone = np.ones((4, 1), dtype=bool)
    for relation in ("products", "industries"):
        series = extract_period(graph, dates, stocks=["A"], members=everyone, relation=relation)
        assert [len(series.edges(t)) > 0 for t in range(4)] == inside
    labels = industry_labels(graph, dates, ["A"], level=1)["A"]
    assert [label == "I1" for label in labels] == inside
    for day, holds in zip(days, inside, strict=True):
        assert ("A" in snapshot(graph, AsOf(day)).companies) == holds
        assert ("A" in snapshot(graph, AsOf(day), universe="U").companies) == holds
        tree = product_tree(graph, AsOf(day)).set_index("product_id")["parent_id"]
        assert (tree["leaf"] == "side") == holds
        assert (
            "side" in basket(graph, "leaf", AsOf(day), upstream=1).products["product_id"].tolist()
        ) == holds


def test_official_weights_stand_on_the_first_day_of_each_stretch(graph, tmp_path):
    tables = small.tables()
    tables["universes"] = [
        {"universe": "U", "company_id": company, "weight": weight, "valid_from": begin, "valid_to": end}
        for company, weight, begin, end in (
            ("A", 0.6, "2020-01-01", "2020-02-01"), ("A", 0.7, "2020-02-01", ""),
            ("B", 0.4, "2020-01-01", "2020-02-01"), ("B", "", "2020-02-01", ""),
        )
    ]  # fmt: skip
    load(graph, made(tmp_path, tables))
    dates = pd.DatetimeIndex(["2020-01-15", "2020-01-31", "2020-02-03", "2020-02-04"])
    nan = np.nan
    got = stated_weights(graph, "U", dates, ["B", "A"])
    np.testing.assert_array_equal(got, [[0.4, 0.6], [nan, nan], [nan, 0.7], [nan, nan]])
    assert stated_weights(graph, "U", dates[3:], ["B"]) is None


LAYERS = 12


def layered(rng: np.random.Generator) -> tuple[dict[str, list[dict]], dict[str, str]]:
    """A tree of twelve layers, two or three products on each, reports at any depth."""
    above = [["L1-0", "L1-1"]]
    products = [small.product(one, None) for one in above[0]]
    for layer in range(2, LAYERS + 1):
        names = [f"L{layer}-{n}" for n in range(int(rng.integers(2, 4)))]
        products += [small.product(name, str(rng.choice(above[-1]))) for name in names]
        above.append(names)
    everything = [row["product_id"] for row in products]
    segments = []
    for company in ("A", "B", "C"):
        for half_year, announced in (("2020-12-31", "2021-03-30"), ("2021-06-30", "2021-08-20")):
            chosen = rng.choice(everything, size=12, replace=False)
            for product, weight in zip(chosen, rng.dirichlet(np.ones(12)), strict=True):
                segments.append(small.report(company, str(product), half_year, announced, float(weight)))
    tables = small.tables()
    return {
        "products": products,
        "companies": tables["companies"],
        "segments": segments,
        "universes": [small.member("U", c, "2020-01-02", "", "") for c in "ABC"],
    }, {row["product_id"]: row["parent_id"] for row in products}


@settings(max_examples=3, **SERVER)
@given(seed=st.integers(0, 10**6))
def test_children_sum_to_their_parent_through_all_twelve_layers(graph, tmp_path_factory, seed):
    tables, parent = layered(np.random.default_rng(seed))
    empty(graph)
    load(graph, Dataset(small.write(tmp_path_factory.mktemp("layers") / "data", tables)))
    for day in (DAY, dt.date(2021, 12, 1)):
        own = _weights(snapshot(graph, AsOf(day)))
        rolled = _weights(snapshot(graph, AsOf(day), cut=f"levels:1-{LAYERS}"))
        for (company, product), weight in rolled.items():
            below = sum(w for (c, p), w in rolled.items() if c == company and parent[p] == product)
            assert weight == pytest.approx(below + own.get((company, product), 0.0), abs=1e-12)
        assert {p for _, p in rolled} >= {p for _, p in own}
        concepts = snapshot(graph, AsOf(day), cut=f"levels:1-{LAYERS}").concepts
        assert concepts["level"].max() == max(int(p[1:].split("-")[0]) for _, p in own)
        roots = {c: sum(w for (who, p), w in rolled.items() if who == c and not parent[p]) for c in "ABC"}
        assert roots == pytest.approx({c: sum(w for (who, _), w in own.items() if who == c) for c in "ABC"})
        cuts = ["leaf", "adaptive:min=1,max=1", "adaptive:min=2,max=0.7"]
        cuts += [f"level:{n}" for n in range(1, LAYERS + 2)]
        for cut in cuts:  # a company's weights sum to at most 1 at every cut
            try:
                frame = snapshot(graph, AsOf(day), universe="U", cut=cut).frame
            except SnapshotError:
                continue
            assert (frame.groupby("company_id")["weight"].sum() <= 1 + 1e-9).all(), cut
            assert (frame["weight"] >= 0).all() and not frame.duplicated(["company_id", "product_id"]).any()


def _weights(found) -> dict[tuple[str, str], float]:
    frame = found.frame
    return dict(zip(zip(frame["company_id"], frame["product_id"], strict=True), frame["weight"], strict=True))


def test_a_company_that_never_reported_is_told_from_one_whose_report_expired(
    graph, tmp_path, capsys, graph_env
):
    """A reports from 2021-04-01 and is stale from 2022-06-30 on; B has spans with a gap; C never reports."""
    tables = small.tables()
    tables["segments"] = [
        small.report("A", "solar", "2020-12-31", "2021-03-31", 1.0),
        small.span("B", "food", "2021-06-01", "2021-07-01", 1.0),
        small.span("B", "food", "2022-01-01", "", 1.0),
    ]
    tables["universes"] = [small.member("U", c, "2020-01-02", "", "") for c in "ABC"]
    load(graph, made(tmp_path, tables))
    days = [dt.date(*day) for day in ((2021, 3, 31), (2021, 4, 1), (2021, 7, 1), (2022, 6, 29), (2022, 7, 1))]
    wanted = [(3, 0), (2, 0), (1, 1), (1, 0), (1, 1)]  # never reported by then; expired
    for part in (days, days[2:], days[4:]):  # a period sees what ended before it
        dates = pd.DatetimeIndex(part)
        series = extract_period(
            graph, dates, stocks=["A", "B", "C"], members=np.ones((len(part), 3), dtype=bool)
        )
        got = series.coverage[["never_reported", "expired"]].to_numpy().tolist()
        assert [tuple(row) for row in got] == wanted[len(days) - len(part) :]
    for day, (never, expired) in zip(days[1:], wanted[1:], strict=True):
        told = snapshot(graph, AsOf(day), universe="U").coverage
        assert (told.never_reported, told.expired, told.without_report) == (never, expired, never + expired)
    assert main(["snapshot", "--as-of", "2022-07-01", "--universe", "U", "--format", "json"]) == 0
    out = capsys.readouterr()
    assert "1 that never had a valid report by then, 1 without a valid report any more" in out.err


# --- every command


def options(command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def test_every_command_that_asks_as_of_a_day_takes_known_at():
    group = samgraph.cli.cli
    asking = []
    # an export reads a finished run, and an audit a graph of its own
    for name in samgraph.cli.COMMANDS.keys() - {"export", "audit"}:
        command = group.get_command(None, name)
        if {"--as-of", "--start"} & options(command):
            asking.append(name)
            assert "--known-at" in options(command), name
    assert {"snapshot", "pairs", "basket", "risk", "backtest"} <= set(asking)


def test_every_command_answers_as_known_at_a_moment(graph, graph_env, tmp_path, capsys):
    tables = small.tables()
    first = load(graph, made(tmp_path, tables)).moment
    holdings = tmp_path / "holdings.csv"
    holdings.write_text("company_id,weight\nA,0.5\nB,0.5\n")
    asked = [
        ("snapshot", "--universe", "U", "--concepts", "level:2"),
        ("snapshot", "--relation", "industries"),
        ("pairs", "--top", "5"),
        ("basket", "energy", "--upstream", "1", "--downstream", "1"),
        ("basket", "energy", "--products"),
        ("risk", str(holdings)),
    ]

    def ask(*known: str) -> list[object]:
        said = []
        for words in asked:
            assert main([*words, "--as-of", "2022-05-02", "--format", "json", *known]) == 0
            said.append(json.loads(capsys.readouterr().out))
        return said

    before = ask()
    later = small.tables()
    for row in later["products"] + later["companies"] + later["industries"]:
        row["name"] = f"{row['name']} anew"
    later["products"][5]["parent_id"] = "root"  # solar
    later["segments"][6]["weight"], later["segments"][7]["weight"] = "0.9", "0.1"
    later["segments"].append(small.report("A", "food", "2021-12-31", "2022-04-30", 0.5))
    later["product_links"][0]["customer_id"] = "solar"
    later["company_industries"][1]["industry_id"] = "I1"
    later["universes"].append(small.member("U", "C", "2020-01-02", "", ""))
    load(graph, made(tmp_path, later))
    after = ask()
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert ask("--known-at", first.isoformat()) == before
    for words in asked:  # before the first load the graph knew nothing
        status = main([*words, "--as-of", "2022-05-02", "--known-at", "2001-01-01"])
        told = capsys.readouterr()
        assert (status, told.out) == (1, "") and told.err.count("\n") == 1, words


def test_a_later_load_with_other_bars_dates_no_old_report_anew(graph, tmp_path):
    """With a lag: reports of 2021 were dated by the trading days of 2021, which later bars do not tell."""

    def bars(*days: str) -> list[dict]:
        return [small.bar(day, company) for day in days for company in "ABC"]

    tables = small.tables()
    tables["segments"] = [small.report("A", "solar", "2020-12-31", "2021-02-10", 1.0)]
    tables["bars"] = bars("2021-02-09", "2021-02-10", "2021-02-18", "2021-02-19")  # a week of holidays
    del tables["benchmarks"]
    load(graph, made(tmp_path, tables), lag=1)
    days = [dt.date(2021, 2, 11) + dt.timedelta(days=n) for n in range(12)]
    before = [dump.sold(graph.address, day) for day in days]
    assert [bool(answer) for answer in before] == [day >= dt.date(2021, 2, 18) for day in days]
    later = small.tables()
    later["segments"] = [small.report("A", "food", "2021-12-31", "2022-03-30", 1.0)]
    later["bars"] = bars("2022-03-30", "2022-03-31")
    del later["benchmarks"]
    load(graph, made(tmp_path, later), lag=1)
    assert [dump.sold(graph.address, day) for day in days] == before
    del later["bars"]
    later["segments"] += tables["segments"]  # delivered again, without any calendar
    load(graph, made(tmp_path, later), lag=1)
    assert [dump.sold(graph.address, day) for day in days] == before
    # A calendar that does cover the days is a correction.
    tables["bars"] = bars("2021-02-09", "2021-02-10", "2021-02-15", "2021-02-19")
    load(graph, made(tmp_path, tables), lag=1)
    assert [bool(dump.sold(graph.address, day)) for day in days] == [
        day >= dt.date(2021, 2, 15) for day in days
    ]
