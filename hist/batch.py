"""Several days' cross-sections as one block-diagonal bipartite graph.

Rows are the stocks of each day, day after day; concepts are numbered the same way, only those that have an
edge that day. No edge joins two days, so the modules treat the batch as one graph and days never mix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.day_graph import Batch, DayGraph, Reach
from samgraph.hist.links import Links
from samgraph.hist.yesterday import reach

HELD_EDGES = (
    10_000_000  # edges of built days kept at once, about 45 bytes each; beyond that all are built anew
)
HELD_REACHES = 2_000  # pairs of days whose value chain is kept at once


def by_day(x: Tensor, sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """The days' parts of something with one entry a row or a concept."""
    parts: tuple[Tensor, ...] = torch.split(x, list(sizes))
    return parts


class GraphCache:
    """Day graphs of a series, built once for every pair of edge version and set of rows."""

    def __init__(self, series: SnapshotSeries | None, stocks: Sequence[str], device: torch.device) -> None:
        self.device = device
        self.series = series
        self._built: dict[tuple[int, bytes], DayGraph] = {}
        self._reach: dict[tuple[int, int, int], tuple[DayGraph, DayGraph, Reach, Reach]] = {}
        self._held = 0
        if series is not None:
            column = {stock: i for i, stock in enumerate(stocks)}
            self._column = np.array([column.get(s, -1) for s in series.stocks], dtype=np.int64)
            self._day = {int(d): t for t, d in enumerate(series.dates.as_unit("s").asi8)}

    def has_day(self, date: int) -> bool:
        """Whether the series covers a day (seconds since 1970)."""
        return self.series is None or date in self._day

    def graph(self, date: int, rows: npt.NDArray[np.int64]) -> DayGraph:
        """The graph of a day over the market's columns `rows` (rising)."""
        version = -1 if self.series is None else int(self.series.day_version[self._day[date]])
        key = (version, rows.tobytes())
        found = self._built.get(key)
        if found is None:
            found = self._build(version, rows)
            if self._held + len(found.weight) > HELD_EDGES:
                self._built.clear()
                self._held = 0
            self._built[key] = found
            self._held += len(found.weight)
        return found

    def reach(self, date: int, today: DayGraph, before: DayGraph, *, binary: bool) -> tuple[Reach, Reach]:
        """The value chain's links of a day, up and down, from its rows to the concepts of the day before."""
        assert self.series is not None and self.series.chain is not None
        number = int(self.series.chain.day_version[self._day[date]])
        key = (number, id(today), id(before))
        found = self._reach.get(key)
        if found is None or found[0] is not today or found[1] is not before:
            chain = self.series.chain.versions[number]
            up, down = reach(today, before, chain, self.series.n_concepts, binary=binary)
            if len(self._reach) >= HELD_REACHES:
                self._reach.clear()
            found = self._reach[key] = (
                today,
                before,
                up,
                down,
            )  # kept with its graphs, so that an id stays theirs
        return found[2], found[3]

    def _build(self, version: int, rows: npt.NDArray[np.int64]) -> DayGraph:
        if self.series is None:
            return day_graph(Edges.of([], []), rows, self.device)
        edges = self.series.versions[version]
        known = self._column[edges.stock] >= 0
        moved = Edges(self._column[edges.stock][known], edges.concept[known], edges.weight[known])
        return day_graph(moved, rows, self.device)


def day_graph(edges: Edges, rows: npt.NDArray[np.int64], device: torch.device | None = None) -> DayGraph:
    """The edges among `rows` (positions on the edges' stock axis), with concepts renumbered.

    Edges of weight 0 say that nothing is sold and are left out.
    """
    width = int(max(edges.stock.max(initial=-1), rows.max(initial=-1))) + 1
    place = np.full(width, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    row = place[edges.stock]
    kept = (row >= 0) & (edges.weight > 0)
    order = np.argsort(row[kept], kind="stable")
    concept_ids, concept = np.unique(edges.concept[kept][order], return_inverse=True)
    source = torch.from_numpy(row[kept][order]).to(device)
    return DayGraph(
        n_rows=len(rows),
        n_concepts=len(concept_ids),
        concept_ids=concept_ids,
        links=Links.of(source, torch.from_numpy(concept).to(device), len(rows), len(concept_ids)),
        weight=torch.from_numpy(edges.weight[kept][order].astype(np.float32)).to(device),
    )


def collate(graphs: Sequence[DayGraph], cap: Tensor) -> Batch:
    """One block-diagonal batch; `cap` [n_rows] follows the days' rows."""
    return Batch(
        row_sizes=tuple(g.n_rows for g in graphs),
        concept_sizes=tuple(g.n_concepts for g in graphs),
        links=Links.block_diagonal([g.links for g in graphs]),
        weight=torch.cat([g.weight for g in graphs]).to(cap.dtype),
        cap=cap,
    )
