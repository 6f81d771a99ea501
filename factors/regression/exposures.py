"""Who belongs to what, on which day: the exposures of a multi-label regression.

A `Membership` holds one family of factors (products, industries): for every day the edges from stocks to
factors, with fractional weights. Days on which nothing changed share a version. `Design` joins the families
of one day and answers the sums that a regression needs in time proportional to the edges, not to stocks x
factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy import sparse

from samgraph.errors import ModelError
from samgraph.factors.arrays import CHUNK, Floats, Ints, across, along, class_labels
from samgraph.graph.series.snapshots import Edges, SnapshotSeries

Shares = Literal["as_reported", "renormalise"]
ROWS = 12  # rows of one dense product, whosever days they are: BLAS treats each as any other of them
DENSE_FROM = 16  # a matrix with one entry filled in this many is multiplied as a dense one


@dataclass(frozen=True, eq=False)
class Membership:
    """One family of factors and its stocks' exposures to them.

    Attributes:
        kind: the family's name, such as "product" or "industry".
        columns: [n_columns] ids of the factors; names: [n_columns] what people call them.
        day_version: int64 [n_dates], position in `versions`.
        versions: edges (stock, concept = column, weight) of each distinct day.
        prior: [n_columns, n_columns] covariance of the factors' returns that a ridge shrinks with (see
            `taxonomy_prior`), or None: all alike and unrelated, which shrinks each toward zero. Its scale does
            not count: each day's columns are scaled to a mean variance of 1.
    """

    kind: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    day_version: Ints
    versions: tuple[Edges, ...]
    prior: Floats | None = None

    @classmethod
    def from_series(
        cls,
        series: SnapshotSeries,
        *,
        kind: str = "product",
        shares: Shares = "as_reported",
        parents: Mapping[str, str | None] | None = None,
    ) -> Membership:
        """The edges of as-of snapshots.

        Args:
            series: as-of snapshots; row t of the regression uses the edges of day t.
            kind: the family's name.
            shares: reported revenue shares need not sum to 1 in a stock. "as_reported" keeps them, so that
                what was not reported moves with the market factor alone; "renormalise" scales each stock's
                to sum 1. A stock without any edge keeps none in either.
            parents: product id -> parent id (None or empty for a root), of the whole taxonomy: products then
                shrink toward their parents when a ridge is used.
        """
        versions = series.versions
        if shares == "renormalise":
            versions = tuple(_renormalised(edges, series.n_stocks) for edges in versions)
        prior = None if parents is None else shared_steps(series.concepts, parents)
        return cls(kind, series.concepts, series.concept_names, series.day_version, versions, prior)

    @classmethod
    def from_labels(
        cls,
        labels: Any,
        columns: Sequence[str],
        *,
        kind: str = "industry",
        names: Sequence[str] | None = None,
    ) -> Membership:
        """Dummies: exposure 1 to the one class of each stock, none where its label is below 0.

        Args:
            labels: integers [n_dates, n_stocks], positions in `columns`.
            columns: [n_columns] ids.
            kind: the family's name.
            names: [n_columns] what people call them; the ids if None.
        """
        classes = class_labels(labels, np.asarray(labels).shape[:2])
        if classes.max(initial=-1) >= len(columns):
            raise ModelError(f"label {classes.max()} has no column; {len(columns)} columns were given.")
        fresh = np.ones(len(classes), dtype=bool)
        fresh[1:] = (classes[1:] != classes[:-1]).any(axis=1)
        versions = []
        for t in np.flatnonzero(fresh):
            stock = np.flatnonzero(classes[t] >= 0)
            versions.append(Edges(stock, classes[t][stock], np.ones(len(stock), dtype=np.float32)))
        day_version = np.cumsum(fresh) - 1
        return cls(kind, tuple(columns), tuple(names or columns), day_version, tuple(versions))

    def edges(self, t: int) -> Edges:
        """The edges of day number `t`."""
        return self.versions[int(self.day_version[t])]


def _renormalised(edges: Edges, n_stocks: int) -> Edges:
    total = np.bincount(edges.stock, weights=edges.weight, minlength=n_stocks)
    keep = total[edges.stock] > 0.0
    stock = edges.stock[keep]
    share = edges.weight[keep] / total[stock]
    return Edges(stock, edges.concept[keep], share.astype(np.float32))


def taxonomy_prior(columns: Sequence[str], parents: Mapping[str, str | None]) -> Floats:
    """Covariance of factor returns that are sums of independent steps down the taxonomy.

    A factor's return is the sum of one step for every node on its path from the root, all steps of the same
    variance; two factors then share the steps of their common ancestors, whether or not those are factors
    themselves. Shrinking with it pulls a product toward its parent, siblings toward each other, and roots
    toward 0. Scaled so that the mean variance is 1.

    Shapes: columns [n_columns]; result [n_columns, n_columns], positive definite.

    Raises:
        ModelError: the parents run in a circle.
    """
    shared = shared_steps(columns, parents)
    return shared / max(float(np.mean(np.diag(shared))), 1.0)


def shared_steps(columns: Sequence[str], parents: Mapping[str, str | None]) -> Floats:
    """`taxonomy_prior` before it is scaled: how many steps of their paths two products share.

    What two products share does not depend on which others there are, so products that appear later change nothing
    of those before them.
    """
    node: dict[str, int] = {}
    row: list[int] = []
    col: list[int] = []
    for k, column in enumerate(columns):
        seen: set[str] = set()
        step: str | None = column
        while step:
            if step in seen:
                raise ModelError(
                    f"the taxonomy runs in a circle through {step}; give each product one parent."
                )
            seen.add(step)
            row.append(k)
            col.append(node.setdefault(step, len(node)))
            step = parents.get(step)
    paths = sparse.csr_array((np.ones(len(row)), (row, col)), shape=(len(columns), max(len(node), 1)))
    shared: Floats = (paths @ paths.T).toarray()
    return shared


class Design:
    """The exposures of one day: dense columns (market, styles), then the edges of all families.

    Attributes:
        dense: [n_stocks, n_dense].
        edges: `EdgeSums` of all families, columns counted over them in order.
        width: number of all columns.
    """

    def __init__(self, dense: Floats, edges: EdgeSums) -> None:
        self.dense, self.edges = dense, edges
        self.n_dense = dense.shape[1]
        self.width = self.n_dense + edges.width

    def gram(self, scale: Floats) -> Floats:
        """sum_i scale_i x_i x_i'. Shapes: scale [n_stocks]; result [width, width]."""
        return self._gram(scale, self.dense * scale[:, None])[0]

    def normal(self, scale: Floats, values: Floats) -> tuple[Floats, Floats]:
        """`gram(scale)` and `moment(scale * values)`, in one pass. Shapes: scale, values [n_stocks]."""
        scaled = np.empty((len(scale), self.n_dense + 1))
        np.multiply(self.dense, scale[:, None], out=scaled[:, :-1])
        np.multiply(values, scale, out=scaled[:, -1])
        gram, sums = self._gram(scale, scaled)
        return gram, sums[:, -1]

    def _gram(self, scale: Floats, scaled: Floats) -> tuple[Floats, Floats]:
        """The gram matrix, and exposures times `scaled`, whose first columns are the dense ones."""
        n = self.n_dense
        sums = np.empty((self.width, scaled.shape[1]))
        sums[:n] = across(self.dense.T, scaled)
        sums[n:] = self.edges.transposed @ scaled
        out = np.empty((self.width, self.width))
        out[:, :n] = sums[:, :n]
        out[:n, n:] = sums[n:, :n].T
        out[n:, n:] = self.edges.gram(scale)
        return out, sums

    def diagonal(self, scale: Floats) -> Floats:
        """The diagonal of `gram`. Shapes: scale [n_stocks]; result [width]."""
        squares = self.edges.weight**2 * scale[self.edges.stock]
        below = np.bincount(self.edges.column, weights=squares, minlength=self.edges.width)
        return np.concatenate([across((self.dense**2).T, scale[:, None])[:, 0], below])

    def moment(self, values: Floats) -> Floats:
        """sum_i x_i values_i. Shapes: values [n_stocks]; result [width]."""
        return np.concatenate([across(self.dense.T, values[:, None])[:, 0], self.edges.transposed @ values])

    def fitted(self, factor_returns: Floats) -> Floats:
        """x_i' f of every stock. Shapes: factor_returns [width]; result [n_stocks]."""
        n = self.n_dense
        out: Floats = along(self.dense, factor_returns[:n]) + self.edges.matrix @ factor_returns[n:]
        return out

    def quadratic(self, middle: Floats) -> Floats:
        """x_i' middle x_i of every stock. Shapes: middle [width, width], symmetric; result [n_stocks]."""
        n = self.n_dense
        half = along(self.dense, middle[:n, :n]) + 2.0 * (self.edges.matrix @ middle[n:, :n])
        out: Floats = np.einsum("is,is->i", half, self.dense) + self.edges.quadratic(middle[n:, n:])
        return out


class EdgeSums:
    """Sums over the edges of one day, in time proportional to the pairs of edges that share a stock.

    Attributes:
        stock, column, weight: [n_edges], sorted by stock.
        width: number of edge columns.
    """

    def __init__(self, edges: Sequence[Edges], widths: Sequence[int], n_stocks: int) -> None:
        starts = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        moved = [e.concept + start for e, start in zip(edges, starts, strict=False)]
        none = np.zeros(0, dtype=np.int64)
        stock = np.concatenate([none, *(e.stock for e in edges)])
        order = np.argsort(stock, kind="stable")
        self.stock = stock[order]
        self.column = np.concatenate([none, *moved])[order]
        self.weight = np.concatenate([np.zeros(0), *(e.weight.astype(np.float64) for e in edges)])[order]
        self.n_stocks, self.width = n_stocks, int(starts[-1])

    @cached_property
    def matrix(self) -> Any:
        """Exposures, sparse [n_stocks, width]."""
        start = np.concatenate([[0], np.cumsum(np.bincount(self.stock, minlength=self.n_stocks))])
        return sparse.csr_array((self.weight, self.column, start), shape=(self.n_stocks, self.width))

    @cached_property
    def transposed(self) -> Any:
        """Exposures, sparse [width, n_stocks]."""
        return self.matrix.T.tocsr()

    @cached_property
    def present(self) -> Ints:
        """Columns with any edge; the sums below are over these alone, whatever columns other days have."""
        return np.flatnonzero(np.bincount(self.column, minlength=self.width))

    def narrowed(self) -> EdgeSums:
        """The same edges with the present columns alone, numbered in their order."""
        column = np.searchsorted(self.present, self.column)
        return EdgeSums([Edges(self.stock, column, self.weight)], [len(self.present)], self.n_stocks)

    @cached_property
    def filled(self) -> bool:
        """Whether so many pairs of a stock with edges and a present column are filled that a dense matrix is faster."""
        return DENSE_FROM * len(self.stock) >= self._n_held * len(self.present)

    @cached_property
    def onto(self) -> Linear:
        """Sums over the stocks of each present column: values [n_dates, n, n_stocks] -> [n_dates, n, n_present]."""
        return Linear(self.matrix[:, self.present], dense=self.filled)

    @cached_property
    def fitted(self) -> Linear:
        """Each stock's exposures times factor returns: [n_dates, n, n_present] -> [n_dates, n, n_stocks]."""
        return Linear(self.transposed[self.present], dense=self.filled)

    @cached_property
    def uppers(self) -> tuple[Ints, Ints, Linear]:
        """Rows and columns in the upper triangle of the present columns' `gram` that any stock fills, and what with.

        Scales [n_dates, n, n_stocks] -> [n_dates, n, n_filled].
        """
        stock, place, product, _ = self._pairs
        places, filled = np.unique(place, return_inverse=True)
        row, column = (np.searchsorted(self.present, part) for part in np.divmod(places, max(self.width, 1)))
        pairs = sparse.csr_array((product, (stock, filled)), shape=(self.n_stocks, len(places)))
        filling = DENSE_FROM * pairs.nnz >= self._n_held * len(places)
        return row, column, Linear(pairs, dense=bool(filling))

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints, Floats, Floats]:
        """Every pair of edges of one stock, each once.

        Stock, place in the upper triangle, product of the weights, and that product doubled off the diagonal.
        """
        end = np.cumsum(np.bincount(self.stock, minlength=self.n_stocks))[self.stock]
        here = np.arange(len(self.stock))
        repeats = end - here
        first = np.repeat(here, repeats)
        second = first + np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        one, two = self.column[first], self.column[second]
        product = self.weight[first] * self.weight[second]
        place = np.minimum(one, two) * self.width + np.maximum(one, two)
        return self.stock[first], place, product, np.where(one == two, product, 2.0 * product)

    @cached_property
    def _n_held(self) -> int:
        """Stocks with any edge; they are sorted."""
        return int(np.count_nonzero(np.diff(self.stock, prepend=-1)))

    @property
    def _single(self) -> bool:
        return len(self.stock) == self._n_held

    @cached_property
    def dummies(self) -> bool:
        """Whether each stock has one edge of weight 1 at most: `gram` then has the sums of `onto` as its diagonal."""
        return self._single and bool((self.weight == 1.0).all())

    def gram(self, scale: Floats) -> Floats:
        """sum_i scale_i x_i x_i'. Shapes: scale [n_stocks]; result [width, width]."""
        stock, place, product, _ = self._pairs
        if self._single:  # no stock has two edges, as with dummies: nothing off the diagonal
            alone = np.bincount(self.column, weights=product * scale[stock], minlength=self.width)
            return np.diag(alone.astype(np.float64))
        size = self.width * self.width
        flat: Floats = np.bincount(place, weights=product * scale[stock], minlength=size).astype(np.float64)
        upper = flat.reshape(self.width, self.width)
        out: Floats = upper + upper.T
        out[np.diag_indices(self.width)] = np.diag(upper)
        return out

    def quadratic(self, middle: Floats) -> Floats:
        """x_i' middle x_i of every stock. Shapes: middle [width, width], symmetric; result [n_stocks]."""
        stock, place, _, doubled = self._pairs
        sums = np.bincount(stock, weights=middle.ravel()[place] * doubled, minlength=self.n_stocks)
        return sums.astype(np.float64)


class Linear:
    """Rows of each day times a fixed sparse matrix, held dense on request.

    What a day gets does not depend, to the last bit, on which other days are there, nor on empty places behind the
    stocks.
    """

    def __init__(self, matrix: Any, *, dense: bool) -> None:
        self._n_out = matrix.shape[1]
        self._dense: Floats | None = None
        if dense:  # filled up to columns by fours, which BLAS takes at once
            self._dense = np.zeros((matrix.shape[0], -(-self._n_out // 4) * 4))
            self._dense[:, : self._n_out] = matrix.toarray()
        self._sparse = None if dense else matrix.T.tocsr()

    def __call__(self, rows: Floats) -> Floats:
        """Shapes: rows [n_dates, n_rows, n_in]; result [n_dates, n_rows, n_out]."""
        shape = (*rows.shape[:2], self._n_out)
        flat = rows.reshape(shape[0] * shape[1], rows.shape[-1])
        if self._dense is not None:
            short = -len(flat) % ROWS
            if short:
                flat = np.concatenate([flat, np.zeros((short, flat.shape[1]))])
            groups = flat.reshape(len(flat) // ROWS, ROWS, flat.shape[1])
            n_out = self._dense.shape[1]
            parts = [across(groups, self._dense[:, c : c + CHUNK]) for c in range(0, max(n_out, 1), CHUNK)]
            found = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
            return found.reshape(len(flat), n_out)[: len(flat) - short, : self._n_out].reshape(shape)
        assert self._sparse is not None
        out: Floats = np.ascontiguousarray((self._sparse @ flat.T).T).reshape(shape)
        return out
