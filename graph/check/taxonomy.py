"""Trees that change with time: cycles at any date, levels, paths.

A taxonomy is a table of rows child, parent (NaN for a root), valid_from, valid_to: in its span the child
stands below that parent. At one date a child has at most one parent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from samgraph.graph.check.spans import ends, starts

Ints = npt.NDArray[np.int64]


def cycles(rows: pd.DataFrame) -> list[tuple[Ints, np.datetime64]]:
    """Each cycle as the positions of its rows and the first day (datetime64[s]) on which it exists.

    `rows`: child, parent, valid_from, valid_to; any number of parents a child.
    """
    has_parent = np.flatnonzero(rows["parent"].notna().to_numpy())
    codes, _ = pd.factorize(pd.concat([rows["child"].iloc[has_parent], rows["parent"].iloc[has_parent]]))
    if not len(codes):
        return []
    child, parent = codes[: len(has_parent)], codes[len(has_parent) :]
    size = int(codes.max()) + 1
    ones = np.ones(len(child), dtype=np.int8)
    # Whatever the dates, a cycle lies within one strongly connected component of all rows together.
    _, component = connected_components(
        coo_matrix((ones, (child, parent)), shape=(size, size)), connection="strong"
    )
    suspect = component[child] == component[parent]
    found: dict[tuple[int, ...], np.datetime64] = {}
    start, end = starts(rows["valid_from"])[has_parent], ends(rows["valid_to"])[has_parent]
    for one in np.unique(component[child[suspect]]):
        inside = np.flatnonzero(suspect & (component[child] == one))
        for day in np.unique(start[inside]):
            alive = inside[(start[inside] <= day) & (day < end[inside])]
            for cycle in _cycles_at_one_day(child[alive], parent[alive]):
                key = tuple(sorted(int(p) for p in has_parent[alive[cycle]]))
                found.setdefault(key, day.astype("datetime64[s]"))
    return [(np.array(key, dtype=np.int64), day) for key, day in found.items()]


def _cycles_at_one_day(child: Ints, parent: Ints) -> list[Ints]:
    """Strongly connected components with a cycle, as positions of the rows within them."""
    nodes, codes = np.unique(np.concatenate([child, parent]), return_inverse=True)
    child, parent = codes[: len(child)], codes[len(child) :]
    links = coo_matrix((np.ones(len(child), dtype=np.int8), (child, parent)), shape=(len(nodes), len(nodes)))
    _, component = connected_components(links, connection="strong")
    within = component[child] == component[parent]
    several = np.bincount(component)[component[child]] > 1
    in_cycle = np.flatnonzero(within & (several | (child == parent)))
    return [in_cycle[component[child[in_cycle]] == one] for one in np.unique(component[child[in_cycle]])]


def levels_and_paths(rows: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """Level (1 for a root) and path ("/root/.../id") of each id in the newest taxonomy that it is part of.

    That is the taxonomy of the day on which the last row begins; for an id whose last span ended before, that
    of its own last day. `rows` as for `cycles`, without cycles or two parents at a time. Ids that have no row
    are roots. Returns a frame with columns level, path, indexed by `ids`.
    """
    index = pd.Index(list(ids), dtype="str")
    level = np.ones(len(index), dtype=np.int64)
    path = np.array(["/" + one for one in index], dtype=object)
    if len(rows):
        child = index.get_indexer(pd.Index(rows["child"]))
        parent = index.get_indexer(pd.Index(rows["parent"]))  # -1 for a root
        start, end = starts(rows["valid_from"]), ends(rows["valid_to"])
        newest = start.max()
        last_end = np.full(len(index), np.iinfo(np.int64).min)
        np.maximum.at(last_end, child, end)
        asked = np.where(last_end == np.iinfo(np.int64).min, newest, np.minimum(newest, last_end - 1))
        for day in np.unique(asked):
            alive = (start <= day) & (day < end) & (parent >= 0)
            above = np.full(len(index), -1, dtype=np.int64)
            above[child[alive]] = parent[alive]
            those = np.flatnonzero(asked == day)
            level[those], path[those] = _climb(above, those, index)
    return pd.DataFrame({"level": level, "path": pd.Series(path, dtype="str").to_numpy()}, index=index)


def _climb(above: Ints, those: Ints, index: pd.Index) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Levels and paths of the nodes `those` where `above[n]` is the parent of n, -1 for a root."""
    known: dict[int, tuple[int, str]] = {-1: (0, "")}
    for node in those.tolist():
        chain = []
        while node not in known:
            chain.append(node)
            node = int(above[node])  # noqa: PLW2901
        for one in reversed(chain):
            level, path = known[int(above[one])]
            known[one] = (level + 1, f"{path}/{index[one]}")
    pairs = [known[node] for node in those.tolist()]
    return np.array([p[0] for p in pairs], dtype=np.int64), np.array([p[1] for p in pairs], dtype=object)
