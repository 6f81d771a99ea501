"""Pairs of companies by what they sell: weighted overlap and cosine of their revenue shares on one day.

    overlap(i, j) = sum_k min(w_ik, w_jk)              the share of revenue that both earn with the same concepts
    cosine(i, j)  = sum_k w_ik w_jk / (|w_i| |w_j|)

over the concepts k of a snapshot's cut, or the nodes of the taxonomy (`along_taxonomy`). `cypher/pairs/pairs.cypher`
and `cypher/pairs/of_company.cypher` compute the same numbers along the taxonomy inside Neo4j; a test holds them equal.
A pair meets at the concept where they have most in common, the largest min(w_ik, w_jk).
"""

from __future__ import annotations

import difflib
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.graph.series.cuts import ranges
from samgraph.rounding import EQUAL

Measure = Literal["overlap", "cosine"]
COLUMNS = ("company_id", "other_id", "overlap", "cosine", "shared", "level", "meets")

TIE = 10.0**-EQUAL
"""What differs by less is equal where pairs are ranked."""


def pairs(
    snapshot: Snapshot,
    *,
    company: str | None = None,
    top: int | None = None,
    by: Measure = "overlap",
    least: float = 0.0,
) -> pd.DataFrame:
    """Rank pairs of companies that share a concept.

    Args:
        snapshot: the day, universe and cut
        company: only its pairs (it comes first in each); None is all pairs, each once with the smaller id first
        top: at most so many pairs; None is all
        by: what ranks them; equal ones go by their ids
        least: only pairs with this overlap

    Returns:
        company_id, other_id, overlap, cosine, shared (number of common concepts), level and meets (the concept where
        they meet, of equal ones the deepest; NaN and None where the overlap is 0), best first; its `attrs["pairs"]`
        is the number of pairs before `top` cut them

    Raises:
        SnapshotError: the company is not in the snapshot
    """
    if company is not None:
        require(snapshot, company)
    ids = np.array(snapshot.companies, dtype=object)
    index = _Index(snapshot.edges.stock, snapshot.edges.concept, snapshot.weight, len(ids))
    asked = range(len(ids)) if company is None else [snapshot.companies.index(company)]
    parts, count = [], 0
    for i in asked:
        part = index.of(i, only_later=company is None)
        part = tuple(column[part[1] >= least] for column in part)
        count += len(part[0])
        # What ranks behind `top` others of its own company is not kept: all pairs of a market would fill the memory.
        measure = part[1 if by == "overlap" else 2]
        if top is not None and len(measure) > top:
            part = tuple(column[measure >= np.partition(measure, -top)[-top] - TIE] for column in part)
        parts.append((np.full(len(part[0]), i), *part))
    first, other, overlap, cosine, shared = (
        np.concatenate([part[column] for part in parts]) if parts else np.empty(0) for column in range(5)
    )
    measure = overlap if by == "overlap" else cosine
    order = np.lexsort((other, first, -np.round(measure, EQUAL)))[:top]
    one, two = first[order].astype(np.int64), other[order].astype(np.int64)
    meets = [index.meets(i, j, snapshot.level) for i, j in zip(one, two, strict=True)]
    columns = (
        ids[one],
        ids[two],
        overlap[order],
        cosine[order],
        shared[order].astype(np.int64),
        *_places(snapshot, meets),
    )
    found = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    found.attrs["pairs"] = count
    return found


def between(snapshot: Snapshot, asked: pd.DataFrame) -> pd.DataFrame:
    """The same figures of some pairs (company_id, other_id), in their order.

    A pair without a common concept has an overlap of 0; where one of the two has no edge, everything is missing.
    """
    place = {name: number for number, name in enumerate(snapshot.companies)}
    index = _Index(snapshot.edges.stock, snapshot.edges.concept, snapshot.weight, len(place))
    sells = np.bincount(snapshot.edges.stock, minlength=len(place)) > 0
    figures: list[tuple[Any, Any, Any]] = []
    meets: list[int | None] = []
    for one, two in zip(asked["company_id"], asked["other_id"], strict=True):
        i, j = place.get(one, -1), place.get(two, -1)
        if min(i, j) < 0 or not (sells[i] and sells[j]):
            figures.append((np.nan, np.nan, pd.NA))
            meets.append(None)
            continue
        met, overlap, cosine, shared = index.of(i, only_later=False)
        at = np.flatnonzero(met == j)
        figures.append((overlap[at[0]], cosine[at[0]], int(shared[at[0]])) if len(at) else (0.0, 0.0, 0))
        meets.append(index.meets(i, j, snapshot.level))
    overlaps, cosines, commons = zip(*figures, strict=True) if figures else ((), (), ())
    columns = (
        asked["company_id"].to_numpy(dtype=object),
        asked["other_id"].to_numpy(dtype=object),
        np.array(overlaps, dtype=np.float64),
        np.array(cosines, dtype=np.float64),
        pd.array(commons, dtype="Int64"),
        *_places(snapshot, meets),
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _places(snapshot: Snapshot, meets: list[int | None]) -> tuple[Any, Any]:
    """Level and id of the concepts where pairs meet."""
    return (
        pd.array([pd.NA if at is None else int(snapshot.level[at]) for at in meets], dtype="Int64"),
        np.array([None if at is None else snapshot.products[at] for at in meets], dtype=object),
    )


def require(snapshot: Snapshot, company: str) -> None:
    if company not in snapshot.companies:
        near = difflib.get_close_matches(company, snapshot.companies, n=3)
        hint = (
            f"; did you mean {' or '.join(map(repr, near))}?"
            if near
            else "; the snapshot lists those that are"
        )
        raise SnapshotError(
            f"the company {company!r} is not among the {len(snapshot.companies)} of "
            f"{snapshot.universe or 'the graph'} on {snapshot.as_of.valid}{hint}"
        )


class _Index:
    """Edges by company and by concept, to meet only companies that share a concept."""

    def __init__(
        self,
        stock: npt.NDArray[np.int64],
        concept: npt.NDArray[np.int64],
        weight: npt.NDArray[np.float64],
        n_stocks: int,
    ) -> None:
        self._n_stocks = n_stocks
        by_stock, by_concept = np.lexsort((concept, stock)), np.lexsort((stock, concept))
        self._starts = np.searchsorted(stock[by_stock], np.arange(n_stocks + 1))
        self._concepts, self._weights = concept[by_stock], weight[by_stock]
        n_concepts = int(concept.max()) + 1 if len(concept) else 0
        self._bounds = np.searchsorted(concept[by_concept], np.arange(n_concepts + 1))
        self._sellers, self._shares = stock[by_concept], weight[by_concept]
        self._norms = np.sqrt(np.bincount(stock, weights=weight**2, minlength=n_stocks))

    def of(self, i: int, *, only_later: bool) -> tuple[npt.NDArray[Any], ...]:
        """Return other, overlap, cosine and shared of company `i` with everyone it meets."""
        mine = slice(self._starts[i], self._starts[i + 1])
        lows, highs = self._bounds[self._concepts[mine]], self._bounds[self._concepts[mine] + 1]
        rows = ranges(lows, highs)
        own = np.repeat(self._weights[mine], highs - lows)
        sellers, theirs = self._sellers[rows], self._shares[rows]
        shared = np.bincount(sellers, minlength=self._n_stocks)
        shared[: i + 1 if only_later else 0] = 0
        shared[i] = 0
        met = np.flatnonzero(shared)
        overlap = np.bincount(sellers, weights=np.minimum(own, theirs), minlength=self._n_stocks)[met]
        product = np.bincount(sellers, weights=own * theirs, minlength=self._n_stocks)[met]
        norms = self._norms[i] * self._norms[met]
        cosine = np.divide(product, norms, out=np.zeros(len(met)), where=norms > 0)
        return met, overlap, cosine, shared[met]

    def meets(self, i: int, j: int, level: npt.NDArray[np.int64]) -> int | None:
        """The concept with most in common of both; of equal ones the deepest, then the first."""
        mine, theirs = slice(*self._starts[i : i + 2]), slice(*self._starts[j : j + 2])
        common, at, there = np.intersect1d(
            self._concepts[mine], self._concepts[theirs], assume_unique=True, return_indices=True
        )
        least = np.round(np.minimum(self._weights[mine][at], self._weights[theirs][there]), EQUAL)
        if not len(least) or least.max() <= 0:
            return None
        return int(common[np.lexsort((common, -level[common], -least))[0]])
