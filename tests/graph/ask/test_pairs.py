"""Overlap and cosine against their formulas, pair by pair, and the same numbers from Cypher."""

from __future__ import annotations

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
            assert ranked["overlap"].is_monotonic_decreasing
            assert pairs(found, by="cosine")["cosine"].is_monotonic_decreasing
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


def test_an_unknown_company_is_named_with_its_neighbours(graph, tmp_path):
    economy = Economy(np.random.default_rng(5))
    load(graph, write(tmp_path / "data", economy.tables))
    day = next(day for day in economy.days() if day.year == 2021)
    with pytest.raises(SnapshotError, match="'c99' is not among"):
        pairs(snapshot(graph, AsOf(day)), company="c99")
