"""Snapshots of a whole period as plain arrays: what a model, a regression or a risk model reads.

A `SnapshotSeries` holds the stock-concept edges of every day of a period. Days on which nothing changed share
one version, so that thousands of days cost as much memory as the changes among them. The module knows nothing
of Neo4j: a series can also be made by hand, by a test or from a file.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.words import many

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from samgraph.graph.series.chain_links import ValueChain

Relation = Literal["products", "industries", "themes", "competitors"]
IntArray = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Edges:
    """The stock-concept edges of one version, sorted by (stock, concept), each pair once.

    Shapes:
        stock: int64 [n_edges], position in the series' stocks
        concept: int64 [n_edges], position in the series' concepts
        weight: float32 [n_edges], share of the company's reported revenue (1 for an industry or a theme, the link's
            score for a competitor)
    """

    stock: IntArray
    concept: IntArray
    weight: Float32Array

    def __len__(self) -> int:
        return len(self.stock)

    def equals(self, other: Edges) -> bool:
        """Whether both have the same edges with the same weights."""
        columns = ("stock", "concept", "weight")
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in columns)

    @classmethod
    def of(
        cls,
        stock: npt.ArrayLike,
        concept: npt.ArrayLike,
        weight: npt.ArrayLike | None = None,
        *,
        most: float = np.inf,
    ) -> Edges:
        """Take triples in any order; pairs that occur twice are summed, to `most` at most; no weight is 1."""
        rows = np.asarray(stock, dtype=np.int64)
        columns = np.asarray(concept, dtype=np.int64)
        values = np.ones(len(rows)) if weight is None else np.asarray(weight, dtype=np.float64)
        if len(rows) == 0:
            return cls(rows, columns, values.astype(np.float32))
        width = int(columns.max()) + 1
        key = rows * width + columns
        if np.any(key[1:] < key[:-1]):
            order = np.argsort(key, kind="stable")
            key, values = key[order], values[order]
            rows, columns = rows[order], columns[order]
        if np.all(key[1:] > key[:-1]):  # nothing to sum, which is the rule
            return cls(rows, columns, np.minimum(values, most).astype(np.float32))
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        summed = np.minimum(np.add.reduceat(values, starts), most)
        return cls(key[starts] // width, key[starts] % width, summed.astype(np.float32))


@dataclass(frozen=True, eq=False)
class SnapshotSeries:
    """As-of stock-concept edges of every day of a period.

    Shapes:
        dates: [n_dates], rising
        stocks: [n_stocks] company ids; concepts, concept_names: [n_concepts], the union over the period
        day_version: int64 [n_dates], position in `versions`; two days of the same version have the same edges
        versions: one `Edges` each; only members of that day have edges
        coverage: one row per day with the fields of `samgraph.graph.series.cuts.Coverage`, or empty where unknown

    `known` is the moment of recorded knowledge that was read, `cut` and `relation` are what was asked for; `chain`
    holds the value-chain links between the concepts, where they were asked for.
    """

    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    concepts: tuple[str, ...]
    concept_names: tuple[str, ...]
    day_version: IntArray
    versions: tuple[Edges, ...]
    known: dt.datetime | None = None
    cut: str = "leaf"
    relation: Relation = "products"
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    chain: ValueChain | None = None

    def __repr__(self) -> str:
        days = f"{self.dates[0].date()} to {self.dates[-1].date()}" if len(self.dates) else "no days"
        return (
            f"SnapshotSeries({days}: {self.relation} at {self.cut}; {many(self.n_dates, 'day')} in "
            f"{many(len(self.versions), 'version')}, {many(self.n_stocks, 'stock')}, "
            f"{many(self.n_concepts, 'concept')})"
        )

    @property
    def n_dates(self) -> int:
        """Number of days."""
        return len(self.dates)

    @property
    def n_stocks(self) -> int:
        """Number of stocks, with or without an edge on a given day."""
        return len(self.stocks)

    @property
    def n_concepts(self) -> int:
        """Number of concepts that occur on any day of the period."""
        return len(self.concepts)

    def edges(self, t: int) -> Edges:
        """The edges of day number `t`."""
        return self.versions[int(self.day_version[t])]

    def dense(self, t: int) -> Float32Array:
        """The weights of day number `t` as float32 [n_stocks, n_concepts], 0 where there is no edge."""
        matrix = np.zeros((self.n_stocks, self.n_concepts), dtype=np.float32)
        edges = self.edges(t)
        matrix[edges.stock, edges.concept] = edges.weight
        return matrix

    def hetero(self, t: int) -> HeteroData:
        """Day number `t` as a bipartite PyG graph over all stocks and all concepts of the series."""
        from samgraph.graph.series.hetero import bipartite

        edges = self.edges(t)
        return bipartite(
            edges.stock,
            edges.concept,
            edges.weight,
            company_id=self.stocks,
            product_id=self.concepts,
            level=None,
            as_of=self.dates[t].date(),
            known=self.known,
            cut=self.cut,
            universe=None,
        )

    def heteros(self) -> Iterator[HeteroData]:
        """Every day as `hetero` gives it, in order; days of one version share their tensors: do not write into them."""
        from samgraph.graph.series.hetero import on_day

        number, shared = -1, None
        for t in range(self.n_dates):
            if shared is None or self.day_version[t] != number:
                number, shared = int(self.day_version[t]), self.hetero(t)
            yield on_day(shared, self.dates[t].date())

    def validate(self) -> None:
        """Check shapes, order and ranges.

        Raises:
            SnapshotError: naming the first thing that is wrong
        """
        if len(self.day_version) != len(self.dates):
            raise SnapshotError(
                f"a series of {len(self.dates)} dates has {len(self.day_version)} versions; give one a day"
            )
        if not self.dates.is_monotonic_increasing or not self.dates.is_unique:
            raise SnapshotError("the dates of a series must rise, each once")
        if len(self.concept_names) != len(self.concepts):
            raise SnapshotError(
                f"a series of {len(self.concepts)} concepts has {len(self.concept_names)} names"
            )
        if len(self.dates) and not 0 <= self.day_version.min() <= self.day_version.max() < len(self.versions):
            raise SnapshotError("a day points at a version that the series does not have")
        for number, edges in enumerate(self.versions):
            self._validate_version(number, edges)
        if self.chain is not None:
            self.chain.validate(self.n_dates, self.n_concepts)

    def _validate_version(self, number: int, edges: Edges) -> None:
        if not len(edges.stock) == len(edges.concept) == len(edges.weight):
            raise SnapshotError(f"the edges of version {number} have columns of different lengths")
        if len(edges) == 0:
            return
        if not 0 <= edges.stock.min() <= edges.stock.max() < self.n_stocks:
            raise SnapshotError(f"an edge of version {number} points outside the {self.n_stocks} stocks")
        if not 0 <= edges.concept.min() <= edges.concept.max() < self.n_concepts:
            raise SnapshotError(f"an edge of version {number} points outside the {self.n_concepts} concepts")
        if np.any(np.diff(edges.stock * self.n_concepts + edges.concept) <= 0):
            raise SnapshotError(
                f"the edges of version {number} must be sorted by (stock, concept), each once"
            )
        if not np.all(np.isfinite(edges.weight)) or np.any(edges.weight < 0):
            raise SnapshotError(f"a weight of version {number} is negative or not a number")

    def between(self, days: slice) -> SnapshotSeries:
        """The same graphs of some of the days, given by their positions."""
        chain = self.chain and replace(self.chain, day_version=self.chain.day_version[days])
        told = self.coverage.iloc[days] if len(self.coverage) else self.coverage
        return replace(
            self, dates=self.dates[days], day_version=self.day_version[days], coverage=told, chain=chain
        )

    def permuted(self, stock: Sequence[int] | IntArray, concept: Sequence[int] | IntArray) -> SnapshotSeries:
        """The same graphs, renumbered: place p holds old stock `stock[p]`, or old concept `concept[p]`."""
        new_stock, new_concept = np.argsort(np.asarray(stock)), np.argsort(np.asarray(concept))
        return replace(
            self,
            stocks=tuple(self.stocks[i] for i in stock),
            concepts=tuple(self.concepts[k] for k in concept),
            concept_names=tuple(self.concept_names[k] for k in concept),
            versions=tuple(
                Edges.of(new_stock[e.stock], new_concept[e.concept], e.weight) for e in self.versions
            ),
            chain=None if self.chain is None else self.chain.renumbered(new_concept),
        )

    def reassigned(self, stock: Sequence[int] | IntArray) -> SnapshotSeries:
        """A placebo: stock p gets the edges of stock `stock[p]`, as when labels are shuffled."""
        new_stock = np.argsort(np.asarray(stock))
        return replace(
            self, versions=tuple(Edges.of(new_stock[e.stock], e.concept, e.weight) for e in self.versions)
        )

    def fingerprint(self) -> str:
        """SHA-256 of dates, stocks, concepts and edges: equal for equal graphs, for manifests."""
        digest = hashlib.sha256()
        for text in (self.cut, self.relation, "\0".join(self.stocks), "\0".join(self.concepts)):
            digest.update(text.encode() + b"\1")
        digest.update(self.dates.to_numpy().astype("datetime64[s]").tobytes())
        digest.update(self.day_version.tobytes())
        for edges in self.versions:
            digest.update(len(edges).to_bytes(8, "little"))
            for column in (edges.stock, edges.concept, edges.weight):
                digest.update(np.ascontiguousarray(column).tobytes())
        if self.chain is not None:
            self.chain.add_to(digest)
        return digest.hexdigest()
