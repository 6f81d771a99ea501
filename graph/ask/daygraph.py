"""One day's whole graph in memory, for questions that follow each other quickly: a page that is walked by clicks.

The same edges, taxonomy and links as those of `snapshot`, `product_tree` and `chain` for that day and moment. What is
below a product counts with it: its revenue is

    sold(p) = sum over products k at or below p of  sum_i w_ik

in companies' worth (one company that sells nothing else counts 1), its sellers are those of anything at or below it,
and a link of the value chain holds for everything below its ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.nearness import placed
from samgraph.graph.ask.snapshot import Snapshot, snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.series.cuts import IntArray, Taxonomy

SELLERS = ("company_id", "share", "products")


@dataclass(frozen=True, eq=False)
class Link:
    """A link of the value chain, seen from a product that it holds for.

    Attributes:
        of: the product
        held: the one that the link was given for: `of`, something above it, or something below it
        upstream: whether `other` is an input of it
        other: the product at the other end
        weight: of the link; None where none was given
    """

    of: str
    held: str
    upstream: bool
    other: str
    weight: float | None


@dataclass(frozen=True, eq=False)
class DayGraph:
    """Taxonomy, sellers and value chain of a day.

    Attributes:
        reported: the day's edges, cut `leaf`
        tree: the taxonomy (`product_tree`)
        supplies: supplier, customer, weight (None where none was given), one row per link
    """

    reported: Snapshot
    tree: pd.DataFrame
    supplies: pd.DataFrame

    @classmethod
    def read(cls, graph: Graph, as_of: AsOf) -> DayGraph:
        """Bring a day.

        Raises:
            SnapshotError: a day without any report of what companies sell
        """
        reported = snapshot(graph, as_of)
        seen = reported.as_of
        row = graph.read("chain/links", as_of=seen.valid, known=seen.known)
        links = row[0] if row else {"suppliers": [], "customers": [], "weights": []}
        frame = pd.DataFrame(
            {
                "supplier": pd.Series(links["suppliers"], dtype=object),
                "customer": pd.Series(links["customers"], dtype=object),
                "weight": pd.Series([one[0] for one in links["weights"]], dtype=object),
            }
        )
        return cls(reported, product_tree(graph, seen), frame)

    @property
    def as_of(self) -> AsOf:
        return self.reported.as_of

    @cached_property
    def _placed(self) -> tuple[list[str], Taxonomy, IntArray]:
        return placed(self.reported, self.tree)

    @cached_property
    def place(self) -> dict[str, int]:
        """From a product's id to its row in `tree`."""
        return {product: row for row, product in enumerate(self._placed[0])}

    @cached_property
    def names(self) -> dict[str, str]:
        return dict(zip(self.tree["product_id"], self.tree["name"], strict=True))

    @cached_property
    def _edges(self) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
        """Every node at or above the product of each edge, with the edge's company and weight."""
        _, taxonomy, product = self._placed
        above = taxonomy.lineage[product]
        there = above >= 0
        many = there.sum(axis=1)
        stock = np.repeat(self.reported.edges.stock, many)
        return above[there], stock.astype(np.int64), np.repeat(self.reported.weight, many)

    @cached_property
    def sold(self) -> npt.NDArray[np.float64]:
        """float64 [n_products], revenue of each product of the tree in companies' worth."""
        node, _, weight = self._edges
        return np.bincount(node, weights=weight, minlength=len(self.place)).astype(np.float64)

    @cached_property
    def sellers(self) -> IntArray:
        """int64 [n_products], companies that sell each product of the tree or anything below it."""
        node, stock, _ = self._edges
        pairs = np.unique(node * len(self.reported.companies) + stock)
        return np.bincount(pairs // len(self.reported.companies), minlength=len(self.place))

    def require(self, product: str) -> int:
        """The product's row in `tree`.

        Raises:
            SnapshotError: it is not in the taxonomy of the day, and nobody sells it
        """
        if product not in self.place:
            raise SnapshotError(
                f"the product {product!r} has no place in the taxonomy of {self.as_of.valid}, and nobody sells it then"
            )
        return self.place[product]

    def level(self, product: str) -> int:
        """1 for a root; 0 for a product that stands outside of the taxonomy."""
        row = self.place.get(product)
        return 0 if row is None else int(self._placed[1].level[row])

    def path(self, product: str) -> list[str]:
        """The products from the root down to this one."""
        ids, taxonomy, _ = self._placed
        row = self.place.get(product)
        return [product] if row is None else [ids[at] for at in taxonomy.lineage[row] if at >= 0]

    def children(self, product: str) -> list[str]:
        """The products right below."""
        ids, taxonomy, _ = self._placed
        return [ids[row] for row in np.flatnonzero(taxonomy.parent == self.require(product))]

    def below(self, product: str) -> set[str]:
        """The product with everything below it."""
        ids, taxonomy, _ = self._placed
        if product not in self.place:
            return {product}
        row, level = self.place[product], self.level(product)
        return {ids[at] for at in np.flatnonzero(taxonomy.lineage[:, level - 1] == row)}

    def who_sells(self, products: Iterable[str]) -> pd.DataFrame:
        """Companies that sell any of some products or what is below them: company_id, share (of its revenue),
        products (how many of them); the largest share first.
        """
        wanted: set[str] = set()
        for product in products:
            wanted |= self.below(product)
        frame = self.reported.frame
        rows = frame[frame["product_id"].isin(wanted)].groupby("company_id")["weight"].agg(["sum", "count"])
        found = rows.reset_index().set_axis(list(SELLERS), axis=1)
        return found.sort_values(["share", "company_id"], ascending=[False, True], ignore_index=True)

    @cached_property
    def _held(self) -> dict[str, list[tuple[bool, str, float | None]]]:
        """For each product the links that were given for it: upstream, the other end, weight."""
        found: dict[str, list[tuple[bool, str, float | None]]] = {}
        for supplier, customer, weight in self.supplies.itertuples(index=False):
            given = None if weight is None or weight != weight else float(weight)
            found.setdefault(customer, []).append((True, supplier, given))
            found.setdefault(supplier, []).append((False, customer, given))
        return found

    def links(self, product: str) -> list[Link]:
        """The links that hold for a product, or for something below it, to products that are not themselves below it.

        Of several between the same two products and ways the one with the largest weight is told.
        """
        below = self.below(product)
        found: dict[tuple[bool, str], Link] = {}
        for held in sorted({*self.path(product), *below}):
            for upstream, other, weight in self._held.get(held, ()):
                if other in below:
                    continue
                known = found.get((upstream, other))
                if known is None or (weight is not None and (known.weight is None or weight > known.weight)):
                    found[upstream, other] = Link(product, held, upstream, other, weight)
        return list(found.values())
