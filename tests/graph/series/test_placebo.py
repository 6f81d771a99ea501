"""What an ablation takes away, by hand-worked cases and by counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from samgraph.graph.series.placebo import binary, random_concepts, static
from samgraph.graph.series.snapshots import Edges, SnapshotSeries


def _series(versions: list[Edges], day_version: list[int], n_stocks: int, n_concepts: int) -> SnapshotSeries:
    series = SnapshotSeries(
        dates=pd.bdate_range("2024-01-01", periods=len(day_version)).as_unit("s"),
        stocks=tuple(f"s{i}" for i in range(n_stocks)),
        concepts=tuple(f"c{k}" for k in range(n_concepts)),
        concept_names=tuple(f"concept {k}" for k in range(n_concepts)),
        day_version=np.array(day_version),
        versions=tuple(versions),
    )
    series.validate()
    return series


def _changing(seed: int = 0, n_stocks: int = 60, n_concepts: int = 9, n_versions: int = 12) -> SnapshotSeries:
    """Stocks that come and go, most of them staying, with changing edges."""
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random((n_stocks, n_concepts)) < 0.3, rng.random((n_stocks, n_concepts)), 0)
    versions = []
    for _ in range(n_versions):
        present = rng.random(n_stocks) < 0.9
        stock, concept = np.nonzero(weight * present[:, None])
        versions.append(Edges.of(stock, concept, weight[stock, concept]))
    return _series(versions, [n // 2 for n in range(2 * n_versions)], n_stocks, n_concepts)


def test_binary_keeps_every_edge_and_no_share() -> None:
    edges = Edges.of([0, 0, 1], [0, 1, 1], [0.7, 0.3, 0.0])

    result = binary(_series([edges], [0, 0], 2, 2))

    assert result.dense(1).tolist() == [[1, 1], [0, 0]]
    assert len(result.edges(0)) == 3


def test_static_gives_every_day_the_last_edges_of_each_stock() -> None:
    """Worked by hand: stock 0 changes on day 1, stock 1 leaves after day 0, stock 2 enters on day 2."""
    versions = [
        Edges.of([0, 1], [0, 0], [1.0, 0.4]),
        Edges.of([0], [1], [0.6]),
        Edges.of([0, 2], [1, 0], [0.6, 0.2]),
    ]

    result = static(_series(versions, [0, 1, 2, 2], 3, 2))

    result.validate()
    expected = np.array([[0, 0.6], [0.4, 0], [0.2, 0]], dtype=np.float32)
    for t in range(4):
        np.testing.assert_array_equal(result.dense(t), expected)


def test_static_goes_by_days_where_an_old_version_comes_back() -> None:
    versions = [Edges.of([0], [0], [1.0]), Edges.of([0], [1], [1.0])]

    result = static(_series(versions, [0, 1, 0], 1, 2))

    assert result.dense(0).tolist() == [[1, 0]]


def test_random_concepts_keep_sizes_weights_and_the_number_of_concepts_of_the_described_stocks() -> None:
    series = _changing()

    result = random_concepts(series, seed=3)

    result.validate()
    for before, after in zip(series.versions, result.versions, strict=True):
        np.testing.assert_array_equal(np.unique(before.stock), np.unique(after.stock))
        for k in range(series.n_concepts):
            np.testing.assert_array_equal(
                np.sort(before.weight[before.concept == k]), np.sort(after.weight[after.concept == k])
            )
        counts = (np.sort(np.unique(e.stock, return_counts=True)[1]) for e in (before, after))
        np.testing.assert_array_equal(*counts)


def test_random_concepts_say_no_more_of_the_real_ones_than_chance() -> None:
    """Of the described pairs that share a random concept as many share a real one as of all described pairs."""
    series = _changing(n_stocks=300, n_concepts=30, n_versions=1)
    weight = series.dense(0) * (np.random.default_rng(1).random((300, 30)) < 0.3)
    stock, concept = np.nonzero(weight)
    series = _series([Edges.of(stock, concept, weight[stock, concept])], [0], 300, 30)
    described = np.unique(stock)
    pairs = np.triu_indices(len(described), 1)

    def together(which: SnapshotSeries) -> np.ndarray:
        held = which.dense(0)[described] > 0
        return (held.astype(int) @ held.T.astype(int) > 0)[pairs]

    real = together(series)
    shared = [float(real[together(random_concepts(series, seed))].mean()) for seed in range(20)]

    assert real.mean() > 0.1
    assert abs(np.mean(shared) - real.mean()) < 4 * np.std(shared) / np.sqrt(20) + 1e-9


def test_random_groups_last_when_a_stock_comes_or_goes() -> None:
    """One stock leaves: every other keeps its concepts, but for the one that took the leaver's."""
    edges = Edges.of(np.arange(8), np.arange(8))
    without = Edges.of(np.delete(np.arange(8), 3), np.delete(np.arange(8), 3))

    result = random_concepts(_series([edges, without], [0, 1], 8, 8), seed=0)

    before = dict(zip(result.versions[0].stock, result.versions[0].concept, strict=True))
    after = dict(zip(result.versions[1].stock, result.versions[1].concept, strict=True))
    assert all(stock != concept for stock, concept in before.items())
    moved = [stock for stock in after if after[stock] != before[stock]]
    assert moved == [stock for stock, concept in before.items() if concept == 3]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_alone_decides_which_groups(seed: int) -> None:
    series = _changing()

    assert random_concepts(series, seed).fingerprint() == random_concepts(series, seed).fingerprint()
    assert random_concepts(series, seed).fingerprint() != random_concepts(series, seed + 1).fingerprint()


def test_a_day_without_edges_stays_without() -> None:
    series = _series([Edges.of([], []), Edges.of([1], [0])], [0, 1], 2, 1)

    assert len(random_concepts(series, 0).versions[0]) == 0
    assert static(series).dense(0).tolist() == [[0], [1]]
