"""How stocks are split into groups day by day: whole by a label, or in parts by revenue shares.

What of a stock falls into no group is a group of its own, the last one, so that every stock's parts add up to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints, class_labels
from samgraph.factors.risk.model import node_path
from samgraph.graph.series.snapshots import SnapshotSeries

WHOLE = 1e-6  # what single precision leaves of a sum of 1


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of stocks by group.

    Attributes:
        groups: [n_groups] ids, the rest last.
        day_version: [n_dates] position in `versions`.
        versions: sparse [n_groups, n_stocks], columns adding up to 1.
    """

    groups: tuple[str, ...]
    day_version: Ints
    versions: tuple[Any, ...]

    def sums(self, values: Floats) -> Floats:
        """Each group's share of values. Shapes: [n_dates, n_stocks] -> [n_dates, n_groups].

        Stocks are added in their order, so that one with nothing changes no bit.
        """
        if values.shape[0] != len(self.day_version):
            raise ModelError(
                f"the groups have {len(self.day_version)} days and the values {values.shape[0]}; cut both to the same."
            )
        out = np.zeros((len(values), len(self.groups)))
        starts = np.flatnonzero(np.diff(self.day_version, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
            out[start:stop] = (self.versions[self.day_version[start]] @ values[start:stop].T).T
        return out

    def days(self, days: Ints) -> Split:
        """The same of some days, by their numbers."""
        return Split(self.groups, self.day_version[days], self.versions)


def by_label(labels: Any, groups: Sequence[str], rest: str) -> Split:
    """Whole stocks by integer labels [n_dates, n_stocks], positions in `groups`; negative is the rest."""
    classes = class_labels(labels, np.asarray(labels).shape[:2])
    fresh = np.ones(len(classes), dtype=bool)
    fresh[1:] = (classes[1:] != classes[:-1]).any(axis=1)
    columns = np.arange(classes.shape[1])
    versions = []
    for t in np.flatnonzero(fresh):
        rows = np.where(classes[t] >= 0, classes[t], len(groups))
        versions.append(_matrix(rows, columns, np.ones(len(columns)), len(groups) + 1, len(columns)))
    return Split((*groups, rest), np.cumsum(fresh) - 1, tuple(versions))


def by_shares(series: SnapshotSeries, rest: str, group_of: Mapping[str, str] | None = None) -> Split:
    """Stocks in parts by the revenue shares of their edges; what is not reported, or cut away, is the rest.

    Shares of a stock that add up to more than 1 are scaled to 1.

    Args:
        series: edges by day.
        rest: id of the last group.
        group_of: concept -> group, such as its ancestor at a level; each concept by itself if None.
    """
    own = [group_of[name] if group_of else name for name in series.concepts]
    groups = tuple(dict.fromkeys(own))
    place = {name: number for number, name in enumerate(groups)}
    column = np.array([place[name] for name in own], dtype=np.int64)
    stocks = np.arange(series.n_stocks)
    versions = []
    for edges in series.versions:
        weight = edges.weight.astype(np.float64)
        whole = np.bincount(edges.stock, weights=weight, minlength=series.n_stocks)
        scale = np.where(whole > 1.0 - WHOLE, whole, 1.0)
        left = np.where(whole > 1.0 - WHOLE, 0.0, 1.0 - whole)
        rows = np.concatenate([column[edges.concept], np.full(series.n_stocks, len(groups))])
        values = np.concatenate([weight / scale[edges.stock], left])
        columns = np.concatenate([edges.stock, stocks])
        versions.append(_matrix(rows, columns, values, len(groups) + 1, series.n_stocks))
    return Split((*groups, rest), series.day_version, tuple(versions))


def level_of(concepts: Sequence[str], parents: Mapping[str, str | None], level: int) -> dict[str, str]:
    """Each concept's ancestor at a level of the taxonomy (1 is a root); one that ends above it stands for itself."""
    found = {}
    for concept in concepts:
        path = node_path(concept, parents)[::-1]
        found[concept] = path[min(level, len(path)) - 1]
    return found


def depth(concepts: Sequence[str], parents: Mapping[str, str | None]) -> int:
    """The deepest level of any concept; 0 of none."""
    return max((len(node_path(concept, parents)) for concept in concepts), default=0)


def _matrix(rows: Any, columns: Any, values: Floats, n_groups: int, n_stocks: int) -> Any:
    found = sparse.coo_array((values, (rows, columns)), shape=(n_groups, n_stocks)).tocsr()
    found.sum_duplicates()
    found.eliminate_zeros()
    return found
