"""Pairs of companies by what they sell: weighted overlap and cosine of their revenue shares on one day.

    overlap(i, j) = sum_k min(w_ik, w_jk)              the share of revenue that both earn with the same concepts
    cosine(i, j)  = sum_k w_ik w_jk / (|w_i| |w_j|)

over the concepts k of a snapshot's cut. `cypher/pairs/pairs.cypher` and `cypher/pairs/of_company.cypher` compute the
same numbers on reported products (the cut `leaf`) inside Neo4j; a test holds the two equal.
"""

from __future__ import annotations

import difflib
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.graph.series.cuts import ranges
from samgraph.rounding import EQUAL, to_digits

Measure = Literal["overlap", "cosine"]
COLUMNS = ("company_id", "other_id", "overlap", "cosine", "shared")
RIVALS = ("product_id", "share", "other_id", "other_share")


def pairs(
    snapshot: Snapshot, *, company: str | None = None, top: int | None = None, by: Measure = "overlap"
) -> pd.DataFrame:
    """Rank pairs of companies that share a concept.

    Args:
        snapshot: the day, universe and cut
        company: only its pairs (it comes first in each); None is all pairs, each once with the smaller id first
        top: at most so many pairs; None is all
        by: what ranks them; equal ones go by their ids

    Returns:
        company_id, other_id, overlap, cosine, shared (number of common concepts), best first

    Raises:
        SnapshotError: the company is not in the snapshot
    """
    if company is not None:
        _require(snapshot, company)
    ids = np.array(snapshot.companies, dtype=object)
    index = _Index(snapshot.edges.stock, snapshot.edges.concept, snapshot.weight, len(ids))
    asked = range(len(ids)) if company is None else [snapshot.companies.index(company)]
    parts = [index.of(i, only_later=company is None) for i in asked]
    first, other, overlap, cosine, shared = (
        np.concatenate([part[column] for part in parts]) if parts else np.empty(0) for column in range(5)
    )
    measure = overlap if by == "overlap" else cosine
    order = np.lexsort((other, first, -np.round(measure, EQUAL)))[:top]
    columns = (
        ids[first[order].astype(np.int64)],
        ids[other[order].astype(np.int64)],
        overlap[order],
        cosine[order],
        shared[order].astype(np.int64),
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def rivals(snapshot: Snapshot, company: str, *, top: int | None = None) -> pd.DataFrame:
    """Tell who else sells what one company sells, product by product.

    `cypher/pairs/rivals.cypher` gives the same numbers on reported products (the cut `leaf`), with names.

    Args:
        snapshot: the day, universe and cut
        company: a company of the snapshot
        top: at most so many rows; None is all

    Returns:
        product_id (the concept), share (of the company's revenue), other_id, other_share (of the other's revenue);
        its largest product first, and of one product the other with the largest share

    Raises:
        SnapshotError: the company is not in the snapshot
    """
    _require(snapshot, company)
    frame = snapshot.frame[["company_id", "product_id", "weight"]]
    own = frame["company_id"] == company
    mine = frame[own].rename(columns={"weight": "share"})[["product_id", "share"]]
    theirs = frame[~own].rename(columns={"company_id": "other_id", "weight": "other_share"})
    found = mine.merge(theirs, on="product_id")[list(RIVALS)]
    order = ["share", "product_id", "other_share", "other_id"]
    found = found.sort_values(
        order, ascending=[False, True, False, True], ignore_index=True, key=to_digits(EQUAL)
    )
    return found if top is None else found.head(top)


def _require(snapshot: Snapshot, company: str) -> None:
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

    def of(self, i: int, *, only_later: bool) -> tuple[npt.NDArray[np.generic], ...]:
        """Return first, other, overlap, cosine and shared of company `i` with everyone it meets."""
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
        return np.full(len(met), i), met, overlap, cosine, shared[met]
