"""Concept cuts: at which depth of the taxonomy a product counts as a concept.

Companies report revenue by products of any depth. A cut assigns every reported edge to the concept, or
concepts, that stand for it. It looks at one day alone: that day's edges, members and taxonomy.

    leaf                    edges stay at the product that was reported
    level:N                 edges move up to the ancestor on level N (roots are level 1); an edge that was
                            reported above level N stays where it is
    levels:A-B              every ancestor, or the product itself, on the levels A to B at once; an edge above
                            level A stays where it is. A company's weights sum to at most 1 on each level, so
                            to at most B - A + 1 in all
    adaptive:min=M,max=S    from the bottom up, a product with fewer than M companies hands its edges to its
                            parent; what keeps M or more is a concept. A concept of more than the share S of
                            the members is too general and dropped, and so is a root that stays below M: every
                            concept of the result has at least M companies and at most S of the members

Weights stay as reported: a report that sums to 1.004, within the tolerance of a load, still does after a cut.
Pure numpy, and used for products and for industries alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from samgraph.errors import SnapshotError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_FORMS = "leaf, level:N, levels:A-B or adaptive:min=3,max=0.2"


@dataclass(frozen=True)
class Cut:
    """A parsed cut; `str(cut)` is its canonical text. Made by `parse_cut`."""

    kind: Literal["leaf", "levels", "level", "adaptive"]
    first: int = 1
    last: int = 1
    minimum: int = 3
    maximum: float = 0.2

    @property
    def needs_taxonomy(self) -> bool:
        """Whether the parents of products matter."""
        return self.kind != "leaf"

    def __str__(self) -> str:
        if self.kind == "level":
            return f"level:{self.first}"
        if self.kind == "levels":
            return f"levels:{self.first}-{self.last}"
        if self.kind == "adaptive":
            return f"adaptive:min={self.minimum},max={self.maximum!r}"
        return "leaf"


def parse_cut(text: str) -> Cut:
    """Read a cut from its text.

    Raises:
        SnapshotError: the text is not a cut; says which forms there are
    """
    if text == "leaf":
        return Cut("leaf")
    if found := re.fullmatch(r"level:(\d{1,4})", text):
        level = int(found[1])
        if level < 1:
            raise SnapshotError(f"the cut {text!r} has no such level; levels start at 1 for a root")
        return Cut("level", first=level, last=level)
    if found := re.fullmatch(r"levels:(\d{1,4})-(\d{1,4})", text):
        first, last = int(found[1]), int(found[2])
        if not 1 <= first <= last:
            raise SnapshotError(f"the cut {text!r} must rise from a level of at least 1, as in levels:2-6")
        return Cut("levels", first=first, last=last)
    if text == "adaptive" or text.startswith("adaptive:"):
        return _parse_adaptive(text)
    raise SnapshotError(f"{text!r} is no concept cut; use {_FORMS}")


def _parse_adaptive(text: str) -> Cut:
    given: dict[str, float] = {}
    for part in filter(None, text.partition(":")[2].split(",")):
        name, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise SnapshotError(
                f"{part!r} in the cut {text!r} is not a name and a number; use adaptive:min=3,max=0.2"
            ) from None
        if name not in ("min", "max") or name in given:
            raise SnapshotError(f"the cut {text!r} takes min and max, once each, not {name!r}")
        given[name] = number
    minimum, maximum = given.get("min", 3), given.get("max", 0.2)
    if not (minimum >= 1 and float(minimum).is_integer()):
        raise SnapshotError(f"min of the cut {text!r} must be a whole number of companies, 1 or more")
    if not 0 < maximum <= 1:
        raise SnapshotError(f"max of the cut {text!r} must be a share of the members above 0, at most 1")
    return Cut("adaptive", minimum=int(minimum), maximum=float(maximum))


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The tree, or trees, that were valid on one day.

    Shapes:
        parent: int64 [n_products], position of the parent, -1 for a root
        level: int64 [n_products], 1 for a root
        lineage: int64 [n_products, depth], column l - 1 is the ancestor (or the product itself) on level l,
            -1 below the product's own level
    """

    parent: IntArray
    level: IntArray
    lineage: IntArray

    @classmethod
    def of(cls, parent: npt.ArrayLike, names: Sequence[str] | None = None) -> Taxonomy:
        """Levels and ancestors from the parents' positions.

        Raises:
            SnapshotError: the parents run in a circle
        """
        above = np.asarray(parent, dtype=np.int64)
        level = np.zeros(len(above), dtype=np.int64)
        current = np.flatnonzero(above < 0)
        depth = 0
        # Children by parent, so that each layer is found from the layer above it.
        order = np.argsort(above, kind="stable")
        sorted_parents = above[order]
        layers: list[IntArray] = []
        while len(current):
            depth += 1
            level[current] = depth
            layers.append(current)
            starts = np.searchsorted(sorted_parents, current, side="left")
            ends = np.searchsorted(sorted_parents, current, side="right")
            current = order[ranges(starts, ends)]
        if len(above) and level.min() == 0:
            stuck = int(np.flatnonzero(level == 0)[0])
            label = names[stuck] if names is not None else f"number {stuck}"
            raise SnapshotError(f"the taxonomy runs in a circle at product {label!r}; load a corrected one")
        lineage = np.full((len(above), max(depth, 1)), -1, dtype=np.int64)
        for number, layer in enumerate(layers):
            if number:
                lineage[layer] = lineage[above[layer]]
            lineage[layer, number] = layer
        return cls(above, level, lineage)

    def on_level(self, products: IntArray, level: int) -> IntArray:
        """The ancestor of each product on `level`, or the product itself where it lies above that level."""
        column = min(level, self.lineage.shape[1]) - 1
        found = self.lineage[products, column]
        return np.where(found >= 0, found, products)


def ranges(starts: IntArray, ends: IntArray) -> IntArray:
    """All positions of the half-open ranges, one after another."""
    lengths = ends - starts
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return offsets + np.arange(int(lengths.sum()), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Assignment:
    """Where a cut puts each reported edge.

    Shapes:
        edge: int64 [n_assigned], position of the reported edge; concept: int64 [n_assigned], the product that
            stands for it (`levels:A-B` assigns one edge several times, the other cuts at most once)
        too_general, too_small: bool [n_edges], reported edges that the cut dropped, and why
    """

    edge: IntArray
    concept: IntArray
    too_general: BoolArray
    too_small: BoolArray


@dataclass(frozen=True)
class Coverage:
    """What one day's snapshot covers, and what is missing by cause.

    `companies` is the number of members; of these `with_edges` have an edge after the cut, `without_report`
    had no valid report on that day, `lost_to_cut` lost all edges to the cut. Of those without a report
    `never_reported` had none that could be used up to that day, and `expired` had one, whose time is over.
    `reported` is the mean share of revenue that the valid reports tell. Of the reported revenue the cut kept
    the share `kept` and dropped `too_general` and `too_small` (roots with too few companies); the three sum
    to 1, and are 0 where nothing is reported.
    """

    companies: int
    with_edges: int
    without_report: int
    never_reported: int
    expired: int
    lost_to_cut: int
    reported: float
    kept: float
    too_general: float
    too_small: float


def coverage(
    assignment: Assignment, stock: IntArray, weight: npt.NDArray[np.float64], n_members: int, expired: int
) -> Coverage:
    """Count what a cut kept of one day's reported edges; `stock` and `weight` [n_edges] as for `assign`.

    `expired` is the number of members that have no edge on the day but had one before.
    """
    reporting = int(np.count_nonzero(np.bincount(stock)))
    with_edges = int(np.count_nonzero(np.bincount(stock[assignment.edge])))
    total = float(weight.sum())
    dropped = [float(weight[mask].sum()) for mask in (assignment.too_general, assignment.too_small)]
    too_general, too_small = (part / total if total > 0 else 0.0 for part in dropped)
    return Coverage(
        companies=n_members,
        with_edges=with_edges,
        without_report=n_members - reporting,
        never_reported=n_members - reporting - expired,
        expired=expired,
        lost_to_cut=reporting - with_edges,
        reported=total / reporting if reporting else 0.0,
        kept=1 - too_general - too_small if total > 0 else 0.0,
        too_general=too_general,
        too_small=too_small,
    )


def assign(cut: Cut, stock: IntArray, product: IntArray, taxonomy: Taxonomy, n_members: int) -> Assignment:
    """Assign one day's reported edges to the concepts of a cut.

    Args:
        cut: the cut
        stock: int64 [n_edges], the edge's company as any number from 0; only members of that day
        product: int64 [n_edges], positions in the taxonomy
        taxonomy: the one valid on that day
        n_members: companies of the universe on that day, with or without edges; shares are taken of it
    """
    every = np.arange(len(product), dtype=np.int64)
    none = np.zeros(len(product), dtype=bool)
    if cut.kind == "leaf":
        return Assignment(every, product, none, none)
    if cut.kind == "level":
        return Assignment(every, taxonomy.on_level(product, cut.first), none, none)
    if cut.kind == "levels":
        return _assign_levels(cut, product, taxonomy)
    return _assign_adaptive(cut, stock, product, taxonomy, n_members)


def _assign_levels(cut: Cut, product: IntArray, taxonomy: Taxonomy) -> Assignment:
    own = taxonomy.level[product]
    every = np.arange(len(product), dtype=np.int64)
    edges, concepts = [every[own < cut.first]], [product[own < cut.first]]
    for level in range(cut.first, min(cut.last, taxonomy.lineage.shape[1]) + 1):
        deep_enough = own >= level
        edges.append(every[deep_enough])
        concepts.append(taxonomy.lineage[product[deep_enough], level - 1])
    none = np.zeros(len(product), dtype=bool)
    return Assignment(np.concatenate(edges), np.concatenate(concepts), none, none)


def _assign_adaptive(
    cut: Cut, stock: IntArray, product: IntArray, taxonomy: Taxonomy, n_members: int
) -> Assignment:
    at = product.copy()  # where each edge stands now
    n_products = len(taxonomy.parent)
    too_small = np.zeros(len(product), dtype=bool)
    for level in range(taxonomy.lineage.shape[1], 0, -1):
        here = np.flatnonzero(taxonomy.level[at] == level)
        here = here[companies_of(stock[here], at[here], n_products)[at[here]] < cut.minimum]
        if level > 1:
            at[here] = taxonomy.parent[at[here]]
        else:
            too_small[here] = True
    members = companies_of(stock, at, n_products)
    too_general = (members[at] > cut.maximum * n_members + 1e-9) & ~too_small
    kept = np.flatnonzero(~(too_general | too_small))
    return Assignment(kept, at[kept], too_general, too_small)


def companies_of(stock: IntArray, product: IntArray, n_products: int) -> IntArray:
    """Count the different companies with an edge to each product, int64 [n_products]."""
    if len(stock) == 0:
        return np.zeros(n_products, dtype=np.int64)
    width = int(stock.max()) + 1
    key = np.sort(product * width + stock)
    first = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=first[1:])
    return np.bincount(key[first] // width, minlength=n_products)
