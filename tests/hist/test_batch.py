"""Days of a block-diagonal batch do not mix, and unchanged days are built once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.batch import GraphCache, collate, day_graph
from samgraph.hist.config import variant
from samgraph.hist.model import HistHead

D = 8


def random_edges(rng: np.random.Generator, n: int, m: int, density: float = 0.4) -> Edges:
    stock, concept = np.nonzero(rng.uniform(size=(n, m)) < density)
    return Edges(stock, concept, rng.uniform(0.1, 1.0, len(stock)).astype(np.float32))


def head_of(attention: str, seed: int = 0) -> HistHead:
    torch.manual_seed(seed)
    return HistHead(variant("samgraph", hidden_size=D, attention=attention)).double()


@pytest.mark.parametrize("attention", ["edges", "all"])
def test_a_batch_of_days_equals_the_days_one_by_one(attention: str) -> None:
    rng = np.random.default_rng(1)
    head = head_of(attention)
    graphs, caps, states = [], [], []
    for n, m, density in ((9, 4, 0.5), (1, 3, 1.0), (7, 4, 0.0), (12, 6, 0.3), (0, 4, 0.5)):
        rows = np.sort(rng.choice(15, n, replace=False))
        graphs.append(day_graph(random_edges(rng, 15, m, density), rows))
        caps.append(torch.from_numpy(rng.uniform(0.5, 2, n)))
        states.append(torch.from_numpy(rng.normal(size=(n, D))))
    whole = head(torch.cat(states), collate(graphs, torch.cat(caps)))
    start = 0
    for graph, cap, x in zip(graphs, caps, states, strict=True):
        if len(x):
            alone = head(x, collate([graph], cap))
            for part, single in zip(whole, alone, strict=True):
                torch.testing.assert_close(part[start : start + len(x)], single, rtol=1e-11, atol=1e-11)
        start += len(x)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), attention=st.sampled_from(["edges", "all"]))
def test_permuting_stocks_or_concepts_permutes_the_scores(seed: int, attention: str) -> None:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 14)), int(rng.integers(1, 7))
    edges = random_edges(rng, n, m)
    x, cap = torch.from_numpy(rng.normal(size=(n, D))), torch.from_numpy(rng.uniform(0.5, 2, n))
    stocks, concepts = rng.permutation(n), rng.permutation(m)
    place, place_k = np.argsort(stocks), np.argsort(concepts)
    moved = Edges.of(place[edges.stock], place_k[edges.concept], edges.weight)
    head = head_of(attention, seed)
    before = head(x, collate([day_graph(edges, np.arange(n))], cap))
    after = head(x[stocks], collate([day_graph(moved, np.arange(n))], cap[stocks]))
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a[stocks], b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("attention", ["edges", "all"])
def test_the_split_sums_to_the_score(attention: str) -> None:
    rng = np.random.default_rng(4)
    head = head_of(attention)
    x = torch.from_numpy(rng.normal(size=(10, D)))
    out = head(x, collate([day_graph(random_edges(rng, 10, 4), np.arange(10))], torch.ones(10).double()))
    total = out.concept + out.hidden + out.individual + head.bias
    torch.testing.assert_close(out.score, total, rtol=1e-12, atol=1e-12)
    assert out.concept.std() > 0 and out.hidden.std() > 0 and out.individual.std() > 0


def test_a_stock_without_edges_hears_nothing_from_concepts() -> None:
    rng = np.random.default_rng(5)
    edges = random_edges(rng, 6, 3, 1.0)
    kept = edges.stock != 2
    edges = Edges(edges.stock[kept], edges.concept[kept], edges.weight[kept])
    head = head_of("edges")
    x = torch.from_numpy(rng.normal(size=(6, D)))
    assert head.predefined is not None
    received = head.predefined(x, collate([day_graph(edges, np.arange(6))], torch.ones(6).double()))
    assert bool((received[2] == 0).all()) and bool((received[[0, 1, 3, 4, 5]] != 0).any(dim=1).all())


def test_edges_of_stocks_outside_the_rows_and_of_weight_zero_are_left_out() -> None:
    edges = Edges(
        np.array([0, 1, 1, 3]), np.array([5, 5, 7, 9]), np.array([0.5, 0.2, 0.0, 1.0], dtype=np.float32)
    )
    graph = day_graph(edges, np.array([1, 3]))
    assert graph.links.source.tolist() == [0, 1] and graph.links.target.tolist() == [0, 1]
    assert graph.concept_ids.tolist() == [5, 9]
    assert graph.weight.tolist() == pytest.approx([0.2, 1.0])


def test_unchanged_days_are_not_rebuilt_and_changed_ones_are() -> None:
    rng = np.random.default_rng(6)
    dates = pd.date_range("2020-01-01", periods=4)
    series = SnapshotSeries(
        dates=dates,
        stocks=("a", "b", "c", "d"),
        concepts=("p", "q", "r"),
        concept_names=("p", "q", "r"),
        day_version=np.array([0, 0, 1, 1]),
        versions=(random_edges(rng, 4, 3, 0.9), random_edges(rng, 4, 3, 0.9)),
    )
    # The market's columns are in another order, and one stock of the series is not among them.
    cache = GraphCache(series, ["d", "a", "b"], torch.device("cpu"))
    days = [int(d) for d in dates.as_unit("s").asi8]
    rows = np.arange(3)
    first = cache.graph(days[0], rows)
    assert cache.graph(days[1], rows.copy()) is first
    assert cache.graph(days[2], rows) is not first
    assert cache.graph(days[0], np.array([0, 2])) is not first
    expected = {
        ("abcd"[s], int(k), float(w)) for s, k, w in zip(*vars(series.versions[0]).values(), strict=True)
    }
    found = {
        ("dab"[i], int(first.concept_ids[k]), float(w))
        for i, k, w in zip(first.links.source, first.links.target, first.weight, strict=True)
    }
    assert found == {e for e in expected if e[0] != "c"}
    assert not cache.has_day(days[0] + 5 * 86400)
    assert replace(series).n_stocks == 4
