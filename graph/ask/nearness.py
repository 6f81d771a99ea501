"""How near two products are along the taxonomy, and what a company's revenue is there.

Two products are as near as the share of the longer path that they have in common, where the step to level l of a path
has the weight l: the deeper, the more,

    near(p, q) = (1 + 2 + ... + m) / (1 + 2 + ... + L)

with m common levels and L levels of the longer path: 1 for the same product, 0.6 for two on level 4 with one parent,
0.1 where only the root is common, 0 in different trees. For companies, each product's revenue is laid out over its
path by these weights,

    mass(i, n) = sum over products k at or below n of  w_ik x level(n) / (1 + 2 + ... + level(k))

and overlap and cosine are those of `pairs` with the nodes n as concepts: of two companies with one product each the
overlap is near(p, q), of two that sell the same it is the revenue that they report. The statements `pairs/pairs` and
`pairs/of_company` of `cypher/` compute the same numbers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.graph.series.cuts import IntArray, Taxonomy
from samgraph.graph.series.snapshots import Edges

TAXONOMY = "taxonomy"
"""What takes the place of a cut's name where companies are compared along the taxonomy."""


def along_taxonomy(reported: Snapshot, tree: pd.DataFrame) -> Snapshot:
    """Lay every product's revenue out over its path.

    Args:
        reported: a snapshot of products with the cut `leaf`
        tree: the day's taxonomy (`product_tree`)

    Returns:
        the same day and companies; its concepts are the nodes of all paths, its weights sum to those of `reported`

    Raises:
        SnapshotError: another cut, or a tree that lacks a product of the snapshot
    """
    ids, taxonomy, product = placed(reported, tree)
    depth = taxonomy.level[product]
    edge = np.repeat(np.arange(len(product)), depth)
    level = np.arange(len(edge)) - np.repeat(np.cumsum(depth) - depth, depth) + 1
    node = taxonomy.lineage[product[edge], level - 1]
    mass = reported.weight[edge] * level / (depth * (depth + 1) / 2)[edge]
    stock = reported.edges.stock[edge]
    key, back = np.unique(stock * len(ids) + node, return_inverse=True)
    weight = np.bincount(back, weights=mass).astype(np.float64)
    days = np.full((len(key), 3), np.datetime64("NaT"), dtype=reported.days.dtype)
    used, concept = np.unique(key % len(ids), return_inverse=True)
    return replace(
        reported,
        cut=TAXONOMY,
        products=tuple(ids[number] for number in used),
        level=taxonomy.level[used],
        edges=Edges(key // len(ids), concept, weight.astype(np.float32)),
        weight=weight,
        days=days,
    )


def placed(reported: Snapshot, tree: pd.DataFrame) -> tuple[list[str], Taxonomy, IntArray]:
    """The tree's ids, the tree by their positions, and the position of each edge's product, int64 [n_edges].

    Raises as `along_taxonomy` does.
    """
    if reported.cut != "leaf" or reported.relation != "products":
        raise SnapshotError(f"only reported products have a path; the snapshot has the cut {reported.cut}")
    ids: list[str] = tree["product_id"].tolist()
    place = {name: number for number, name in enumerate(ids)}
    lost = next((name for name in reported.products if name not in place), None)
    if lost is not None:
        raise SnapshotError(f"the taxonomy lacks the product {lost!r}; ask for both as of one day")
    taxonomy = Taxonomy.of([place.get(parent, -1) for parent in tree["parent_id"]], ids)
    product = np.array([place[name] for name in reported.products], dtype=np.int64)
    return ids, taxonomy, product[reported.edges.concept]
