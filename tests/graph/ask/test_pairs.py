"""Overlap and cosine against their formulas, pair by pair, and the same numbers from Cypher."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from oracles.economy import Economy, write

from samgraph.errors import SnapshotError
from samgraph.graph.ask.pairs import COLUMNS, pairs
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load


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
            assert tuple(ranked.columns) == COLUMNS
            same(told(ranked.to_dict("records")), wanted)
            assert ranked["overlap"].round(9).is_monotonic_decreasing
            assert pairs(found, by="cosine")["cosine"].round(9).is_monotonic_decreasing
            pd.testing.assert_frame_equal(pairs(found, top=2), ranked.head(2))
            if universe == "U":
                rows = graph.read("pairs/pairs", universe="U", as_of=day, known=moment, top=1000)
                same(told(rows), wanted)
            for company in found.companies if cut == "leaf" and universe is None else ():
                both = {
                    (company, b if a == company else a): n
                    for (a, b), n in wanted.items()
                    if company in (a, b)
                }
                same(told(pairs(found, company=company).to_dict("records")), both)
                rows = graph.read("pairs/of_company", company=company, as_of=day, known=None, top=1000)
                same(told(rows), both)
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
