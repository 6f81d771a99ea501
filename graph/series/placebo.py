"""A series with one thing taken away, to measure what that thing is worth (the rows of an ablation).

Pure functions of a `SnapshotSeries`: the same days and stocks, other edges. None of them belongs into a
strategy; `static` sees the future on purpose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from samgraph.graph.series.chain_links import ValueChain
from samgraph.graph.series.snapshots import Edges, SnapshotSeries


def binary(series: SnapshotSeries) -> SnapshotSeries:
    """Whether, not how much: every edge weighs 1 instead of its share of revenue (0 stays 0)."""
    return replace(
        series,
        versions=tuple(Edges(e.stock, e.concept, (e.weight > 0).astype(np.float32)) for e in series.versions),
    )


def static(series: SnapshotSeries) -> SnapshotSeries:
    """LOOK-AHEAD, on purpose: on every day each stock has the last edges that it has in the whole period.

    So do published implementations, which read one matrix for all years. What this gains over the as-of series
    is what seeing the future is worth; it is not a result.
    """
    last = np.full(series.n_stocks, -1, dtype=np.int64)  # the version that each stock's edges are taken from
    latest = pd.Series(np.arange(series.n_dates)).groupby(series.day_version).last()
    for version in latest.sort_values().index:
        last[series.versions[version].stock] = version
    kept = [(edges, last[edges.stock] == number) for number, edges in enumerate(series.versions)]
    final = Edges.of(
        np.concatenate([edges.stock[own] for edges, own in kept]),
        np.concatenate([edges.concept[own] for edges, own in kept]),
        np.concatenate([edges.weight[own] for edges, own in kept]),
    )
    return replace(
        series,
        day_version=np.zeros(series.n_dates, dtype=np.int64),
        versions=(final,),
        coverage=pd.DataFrame(),
        chain=None if series.chain is None else _last(series.chain),
    )


def _last(chain: ValueChain) -> ValueChain:
    """The last day's links on every day."""
    return ValueChain(np.zeros_like(chain.day_version), (chain.links(-1),))


def random_concepts(series: SnapshotSeries, seed: int) -> SnapshotSeries:
    """Groups drawn at random, on every day as many and as large as the series' own.

    The stocks stand in one random circle; each takes all edges, with their weights, of the next one that has
    edges on that day. So concepts keep their sizes and overlaps, every described stock stays described, and a
    stock that comes or goes moves two others alone: groups last as long as the real ones.
    """
    place = np.random.default_rng(seed).permutation(series.n_stocks)  # of each stock in the circle
    versions = []
    for edges in series.versions:
        described = np.unique(edges.stock)
        circle = described[np.argsort(place[described])]
        taker = np.full(series.n_stocks, -1, dtype=np.int64)  # who takes a stock's edges
        taker[np.roll(circle, -1)] = circle
        versions.append(Edges.of(taker[edges.stock], edges.concept, edges.weight))
    return replace(
        series,
        concept_names=tuple(f"random, as large as {name}" for name in series.concept_names),
        versions=tuple(versions),
    )
