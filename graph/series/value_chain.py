"""Value-chain links between the concepts of a cut, for every day of a period. Pure numpy.

A link of the graph joins two products of any depth, supplier p and customer q, with a strength v. On a day it joins
the concepts that stand for them:

    L(p)   the nearest concept of that day at or above p; where there is none, all concepts below p
    A_sk = sum over links (p, q) with s in L(p), k in L(q), s != k of v_pq / (|L(p)| |L(q)|)

so a link's strength is shared equally among the pairs that stand for it, and one within a concept says nothing.
Links, taxonomy and concepts are those of the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samgraph.graph.series.chain_links import ChainLinks, ValueChain
from samgraph.graph.series.cuts import Taxonomy, ranges
from samgraph.graph.series.intervals import BoolArray, IntArray, Intervals
from samgraph.graph.series.versions import Spans, TaxonomyIndex, day_numbers, positions

if TYPE_CHECKING:
    from samgraph.graph.series.snapshots import SnapshotSeries


def chain_of(series: SnapshotSeries, supplies: Spans, taxonomy: Spans) -> ValueChain:
    """The value chain between a series' concepts.

    Args:
        series: its edges say which concepts there are on each day
        supplies: supplier -> customer product, weight the strength of the link, above 0 (NaN counts as 1)
        taxonomy: child -> parent product
    """
    days = day_numbers(series.dates)
    tree = TaxonomyIndex(
        taxonomy,
        np.concatenate([supplies.source, supplies.target, np.array(series.concepts, dtype=object)]),
        days,
    )
    source, target = positions(supplies.source, tree.nodes), positions(supplies.target, tree.nodes)
    weight = np.where(np.isfinite(supplies.weight), supplies.weight, 1.0)
    node = positions(np.array(series.concepts, dtype=object), tree.nodes)
    live = Intervals.of(days, supplies.valid_from, supplies.valid_to)
    changed = live.changes() | tree.changes()
    changed[1:] |= np.diff(series.day_version) != 0
    changed[:1] = True
    turns = np.flatnonzero(changed)
    numbers: dict[tuple[bytes, ...], int] = {}
    versions: list[ChainLinks] = []
    of_turn = np.zeros(len(turns), dtype=np.int64)
    for number, (rows, day_tree) in enumerate(zip(live.alive(turns), tree.walk(turns), strict=True)):
        concepts = np.unique(series.edges(int(turns[number])).concept)
        found = _links(source[rows], target[rows], weight[rows], concepts, node, day_tree)
        key = tuple(column.tobytes() for column in (found.supplier, found.customer, found.weight))
        of_turn[number] = numbers.setdefault(key, len(versions))
        if of_turn[number] == len(versions):
            versions.append(found)
    return ValueChain(of_turn[np.cumsum(changed) - 1], tuple(versions))


def _links(
    source: IntArray,
    target: IntArray,
    weight: npt.NDArray[np.float64],
    concepts: IntArray,
    node: IntArray,
    tree: Taxonomy,
) -> ChainLinks:
    """One day's links: products as positions in the taxonomy, concepts as positions in the series."""
    ends = np.unique(np.concatenate([source, target]))
    starts, stops, standing = _standing_for(ends, concepts, node, tree)
    left, right = np.searchsorted(ends, source), np.searchsorted(ends, target)
    n_left, n_right = (stops - starts)[left], (stops - starts)[right]
    pairs = n_left * n_right
    link = np.repeat(np.arange(len(source)), pairs)
    within = ranges(np.zeros(len(pairs), dtype=np.int64), pairs)  # number of the pair among its link's
    supplier = standing[starts[left][link] + within // np.maximum(n_right[link], 1)]
    customer = standing[starts[right][link] + within % np.maximum(n_right[link], 1)]
    return ChainLinks.of(supplier, customer, weight[link] / pairs[link])


def _standing_for(
    products: IntArray, concepts: IntArray, node: IntArray, tree: Taxonomy
) -> tuple[IntArray, IntArray, IntArray]:
    """L(p) of each product: the ranges [starts, stops) of a list of concepts."""
    place = np.full(len(tree.parent), -1, dtype=np.int64)
    place[node[concepts]] = concepts
    lineage = tree.lineage[products]
    above = np.where(lineage >= 0, place[lineage], -1)
    found: BoolArray = above >= 0
    depth = found.shape[1] - 1 - np.argmax(found[:, ::-1], axis=1)
    nearest = np.where(found.any(axis=1), above[np.arange(len(products)), depth], -1)
    row, concept = [np.flatnonzero(nearest >= 0)], [nearest[nearest >= 0]]
    missing = np.flatnonzero(nearest < 0)
    wanted = np.full(len(tree.parent), -1, dtype=np.int64)
    wanted[products[missing]] = missing
    ancestors = tree.lineage[node[concepts]]
    below, column = np.nonzero((ancestors >= 0) & (wanted[ancestors] >= 0))
    row.append(wanted[ancestors[below, column]])
    concept.append(concepts[below])
    rows, standing = np.concatenate(row), np.concatenate(concept)
    order = np.lexsort((standing, rows))
    every = np.arange(len(products))
    rows = rows[order]
    return (
        np.searchsorted(rows, every, side="left"),
        np.searchsorted(rows, every, side="right"),
        standing[order],
    )
