"""Overlap and cosine against their formulas, pair by pair, and the same numbers from Cypher."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from oracles.cuts import path
from oracles.economy import Economy, write

from samgraph.errors import SnapshotError
from samgraph.graph.ask.nearness import along_taxonomy
from samgraph.graph.ask.pairs import COLUMNS, pairs
from samgraph.graph.ask.rivals import unmatched
from samgraph.graph.ask.snapshot import Snapshot, snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load
from samgraph.graph.series.cuts import Coverage
from samgraph.graph.series.snapshots import Edges


def obvious(frame: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float, int]]:
    shares: dict[str, dict[str, float]] = {}
    for row in frame.itertuples():
        shares.setdefault(row.company_id, {})[row.product_id] = row.weight
    result = {}
    for (one, first), (two, second) in itertools.combinations(sorted(shares.items()), 2):
        common = first.keys() & second.keys()
        if common:
            overlap = sum(min(first[k], second[k]) for k in common)
            norms = [math.sqrt(sum(w * w for w in side.values())) for side in (first, second)]
            cosine = sum(first[k] * second[k] for k in common) / (norms[0] * norms[1])
            result[one, two] = (overlap, cosine, len(common))
    return result


def told(rows) -> dict[tuple[str, str], tuple[float, float, int]]:
    return {
        (row["company_id"], row["other_id"]): (row["overlap"], row["cosine"], row["shared"]) for row in rows
    }


def same(got, wanted) -> None:
    assert got.keys() == wanted.keys()
    for key, numbers in wanted.items():
        assert got[key] == pytest.approx(numbers), key


def along(graph, found: Snapshot, moment) -> None:
    """Along the taxonomy: masses by their formula, and the same rows from Cypher."""
    tree = product_tree(graph, found.as_of)
    up = {p: a for p, a in zip(tree["product_id"], tree["parent_id"], strict=True) if isinstance(a, str)}
    masses: dict[tuple[str, str], float] = {}
    for row in found.frame.itertuples():
        way = path(row.product_id, up)
        for level, node in enumerate(way, start=1):
            key = (row.company_id, node)
            masses[key] = masses.get(key, 0.0) + row.weight * level / sum(range(len(way) + 1))
    laid = along_taxonomy(found, tree)
    assert laid.frame.set_index(["company_id", "product_id"])["weight"].to_dict() == pytest.approx(masses)
    ranked = pairs(laid)
    same(told(ranked.to_dict("records")), obvious(laid.frame))
    pd.testing.assert_frame_equal(pairs(laid, top=3), ranked.head(3))
    least = ranked["overlap"].median()
    pd.testing.assert_frame_equal(pairs(laid, least=least), ranked[ranked["overlap"] >= least])
    for row in ranked.itertuples():
        common = {
            node: min(mass, masses[row.other_id, node])
            for (company, node), mass in masses.items()
            if company == row.company_id and (row.other_id, node) in masses
        }
        assert common[row.meets] == pytest.approx(max(common.values()))
        assert row.level == len(path(row.meets, up))
    if found.universe is not None:
        rows = graph.read(
            "pairs/pairs", universe=found.universe, as_of=found.as_of.valid, known=moment, top=1000
        )
        equal(ranked, rows)
        return
    for company in found.companies:
        rows = graph.read("pairs/of_company", company=company, as_of=found.as_of.valid, known=None, top=1000)
        equal(pairs(laid, company=company), rows)


def equal(frame: pd.DataFrame, rows) -> None:
    if not rows:
        assert frame.empty
        return
    pd.testing.assert_frame_equal(frame, pd.DataFrame(rows)[list(COLUMNS)], check_dtype=False)


def test_one_product_each_overlaps_by_the_share_of_the_longer_path():
    up = {"a": None, "b": "a", "c": "b", "d": "c", "e": "c", "f": "b", "z": None}
    tree = pd.DataFrame({"product_id": list(up), "parent_id": list(up.values())}).assign(name="")
    wanted = {
        ("d", "d"): 1.0,
        ("d", "e"): 0.6,
        ("d", "f"): 0.3,
        ("d", "a"): 0.1,
        ("b", "f"): 0.5,
        ("d", "z"): None,
    }
    for (one, two), near in wanted.items():
        edges = [("c0", one, 1.0), ("c1", two, 1.0)]
        ranked = pairs(along_taxonomy(by_hand(edges), tree))
        assert ranked["overlap"].tolist() == ([] if near is None else [pytest.approx(near)])
    # 84% in a product of its own is compared with all that is near it, as the rest of the revenue is.
    mixed = by_hand([("c0", "d", 0.84), ("c0", "z", 0.16), ("c1", "e", 1.0)])
    row = pairs(along_taxonomy(mixed, tree)).iloc[0]
    assert (row["overlap"], row["level"], row["meets"]) == (pytest.approx(0.84 * 0.6), 3, "c")
    assert unmatched(mixed, "c0")["product_id"].tolist() == ["d", "z"]


def by_hand(edges) -> Snapshot:
    companies, products = (tuple(sorted({edge[at] for edge in edges})) for at in (0, 1))
    stock = np.array([companies.index(company) for company, _, _ in edges])
    concept = np.array([products.index(product) for _, product, _ in edges])
    weight = np.array([share for _, _, share in edges])
    nothing = Coverage(**dict.fromkeys((field.name for field in fields(Coverage)), 0))
    return Snapshot(
        AsOf.parse("2021-01-01"), None, "leaf", "products", companies, products, np.ones(len(products), int),
        Edges(stock, concept, weight.astype(np.float32)), weight,
        np.full((len(edges), 3), np.datetime64("NaT", "D")), nothing,
    )  # fmt: skip


def test_pairs_equal_their_formulas_and_those_of_cypher(graph, tmp_path):
    economy = Economy(np.random.default_rng(5))
    moment = load(graph, write(tmp_path / "data", economy.tables)).moment
    days = [day for day in economy.days() if day.year in (2021, 2022)][::25]
    met = 0
    for day in days:
        for universe, cut in (("U", "leaf"), (None, "leaf"), (None, "level:1")):
            try:
                found = snapshot(graph, AsOf(day), universe=universe, cut=cut)
            except SnapshotError:
                continue  # no member, or no valid report, on that day
            wanted = obvious(found.frame)
            met += len(wanted)
            ranked = pairs(found)
            assert tuple(ranked.columns) == COLUMNS and ranked.attrs["pairs"] == len(wanted)
            same(told(ranked.to_dict("records")), wanted)
            assert ranked["overlap"].round(9).is_monotonic_decreasing
            assert pairs(found, by="cosine")["cosine"].round(9).is_monotonic_decreasing
            pd.testing.assert_frame_equal(pairs(found, top=2), ranked.head(2))
            for company in found.companies if cut == "leaf" and universe is None else ():
                both = {
                    (company, b if a == company else a): n
                    for (a, b), n in wanted.items()
                    if company in (a, b)
                }
                same(told(pairs(found, company=company).to_dict("records")), both)
            if cut == "leaf":
                along(graph, found, moment)
    assert met > 20  # or the test would compare nothing


def test_overlaps_that_are_equal_but_for_rounding_go_by_their_ids(graph, tmp_path):
    """0.1 + 0.2 + 0.4 is more than 0.7 by a last digit; both of them overlap by 0.7."""
    sold = {"a": {"p": 0.7}, "b": {"p": 0.7}, "c": {"q": 0.1, "r": 0.2, "s": 0.4}}
    sold["d"] = sold["c"]
    span = {"valid_from": "2020-01-01", "valid_to": ""}
    tables = {
        "products": [{"product_id": p, "name": p, "parent_id": ""} for p in "pqrs"],
        "companies": [{"company_id": c, "name": c} for c in sold],
        "segments": [
            {"company_id": c, "product_id": p, "weight": w, **span}
            for c, shares in sold.items()
            for p, w in shares.items()
        ],
        "universes": [{"universe": "U", "company_id": c, **span} for c in sold],
    }
    load(graph, write(tmp_path / "data", tables))
    as_of = AsOf(dt.date(2021, 1, 1))
    found = pairs(snapshot(graph, as_of, universe="U"))
    assert list(found["company_id"]) == ["a", "c"]
    rows = graph.read("pairs/pairs", universe="U", as_of=as_of.valid, known=None, top=9)
    assert [row["company_id"] for row in rows] == ["a", "c"]
    assert rows[0]["overlap"] < rows[1]["overlap"]


def test_an_unknown_company_is_named_with_its_neighbours(graph, tmp_path):
    economy = Economy(np.random.default_rng(5))
    load(graph, write(tmp_path / "data", economy.tables))
    day = next(day for day in economy.days() if day.year == 2021)
    with pytest.raises(SnapshotError, match="'c99' is not among"):
        pairs(snapshot(graph, AsOf(day)), company="c99")
