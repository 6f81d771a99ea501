"""From dated edges to the versions of a period. Pure numpy: what the graph answered comes in as `Spans`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.series.cuts import Cut, Taxonomy, assign, coverage
from samgraph.graph.series.intervals import BoolArray, IntArray, Intervals
from samgraph.graph.series.snapshots import Edges


@dataclass(frozen=True, eq=False)
class Spans:
    """Dated links from one id to another, half-open.

    Shapes:
        source, target: object [n_rows], ids; valid_from, valid_to: int64 [n_rows], days since 1970-01-01;
        weight: float64 [n_rows]
    """

    source: npt.NDArray[np.object_]
    target: npt.NDArray[np.object_]
    valid_from: IntArray
    valid_to: IntArray
    weight: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: npt.NDArray[np.integer] | BoolArray) -> Spans:
        """Return some of the rows, by positions or by a mask."""
        return Spans(*(getattr(self, column.name)[rows] for column in dataclasses.fields(self)))


def known_early(spans: Spans, day: int) -> Spans:
    """Spans that hold from ever on for a source of which nothing was known until some day up to `day`.

    A source (a company, or a product in the taxonomy) whose first span begins later than the period, as where a
    vendor's history begins, has on the days before it what was known of it on `day`. From its first span on
    everything is as it was; a source of which nothing holds on `day` stays unknown before.
    """
    codes = pd.factorize(pd.Series(spans.source, dtype=object))[0]
    first = np.full(int(codes.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, codes, spans.valid_from)
    rows = np.flatnonzero((spans.valid_from <= day) & (day < spans.valid_to))
    early = spans.take(rows)
    early = dataclasses.replace(
        early, valid_from=np.full(len(rows), np.iinfo(np.int32).min), valid_to=first[codes[rows]]
    )
    return Spans(
        *(
            np.concatenate([getattr(spans, column.name), getattr(early, column.name)])
            for column in dataclasses.fields(spans)
        )
    )


def day_numbers(dates: pd.DatetimeIndex) -> IntArray:
    """Count the days since 1970-01-01 of each date, int64 [n_dates]."""
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def positions(ids: npt.NDArray[np.object_], among: Sequence[str]) -> IntArray:
    """Find each id's place among different ids, -1 where it is none of them, int64 [n_rows]."""
    index = pd.Index(
        np.array([*among, None], dtype=object)[:-1]
    )  # an array of objects, whatever is among them
    return np.asarray(index.get_indexer(pd.Index(ids, dtype=object)), dtype=np.int64)


class TaxonomyIndex:
    """The taxonomy of each day of a period, over a fixed list of nodes (`nodes`, sorted)."""

    def __init__(self, links: Spans, others: npt.NDArray[np.object_], days: IntArray) -> None:
        """Build it from child-to-parent links, and `others` that need a place too (roots, if unlinked)."""
        named = np.concatenate([links.source, links.target, others])
        self.nodes: tuple[str, ...] = tuple(sorted(set(named)))
        self._child = positions(links.source, self.nodes)
        self._parent = positions(links.target, self.nodes)
        self._spans = Intervals.of(days, links.valid_from, links.valid_to)

    def changes(self) -> BoolArray:
        """Mark the days, bool [n_days], on which the taxonomy changes."""
        return self._spans.changes()

    def walk(self, days: IntArray) -> Iterator[Taxonomy]:
        """Yield the taxonomy of each of some rising `days`; the same object as long as nothing changes."""
        changed = np.cumsum(self.changes())
        current, taxonomy = -1, None
        for day, valid in zip(days, self._spans.walk(days), strict=True):
            if taxonomy is None or changed[day] != current:
                parent = np.full(len(self.nodes), -1, dtype=np.int64)
                parent[self._child[valid]] = self._parent[valid]
                taxonomy, current = Taxonomy.of(parent, self.nodes), changed[day]
            yield taxonomy


@dataclass(frozen=True, eq=False)
class Versions:
    """The result of `versions_of`: see `samgraph.graph.series.snapshots.SnapshotSeries`; coverage: one row per day."""

    concepts: tuple[str, ...]
    day_version: IntArray
    versions: tuple[Edges, ...]
    coverage: pd.DataFrame


def versions_of(
    edges: Spans,
    links: Spans,
    dates: pd.DatetimeIndex,
    *,
    stocks: Sequence[str],
    members: BoolArray,
    cut: Cut,
    most: float = np.inf,
    began_before: BoolArray | None = None,
    progress: Callable[[int], None] | None = None,
) -> Versions:
    """Cut and fold every version of a period.

    Args:
        edges: company -> product (or industry), with weights
        links: child -> parent of the taxonomy; unused by the cut `leaf`
        dates: [n_dates], rising
        stocks: [n_stocks] different company ids; edges of other companies are left out
        members: bool [n_dates, n_stocks]; only the members of a day have edges and count on that day
        cut: applied to each day by itself: nothing of another day moves a concept
        most: the largest weight of a folded edge (1 where an edge says only that a company belongs)
        began_before: bool [n_stocks], stocks that had an edge by the first day, for the causes of the coverage
        progress: called with numbers of days done
    """
    days = day_numbers(dates)
    place = positions(edges.source, stocks)
    edges, place = edges.take(place >= 0), place[place >= 0]
    began = np.full(len(stocks), np.iinfo(np.int64).max)
    np.minimum.at(began, place, edges.valid_from)
    if began_before is not None:
        began[began_before] = np.minimum(began[began_before], days[0])
    taxonomy = TaxonomyIndex(links, edges.target, days)
    product = positions(edges.target, taxonomy.nodes)
    # In the order of (stock, product), so that sums do not depend on the order in which rows were read.
    order = np.lexsort((product, place))
    edges, place, product = edges.take(order), place[order], product[order]
    spans = Intervals.of(days, edges.valid_from, edges.valid_to)
    old, live = spans.within(members, place)
    stock, product, weight = place[old], product[old], edges.weight[old]

    turns = _turns(members, spans, live, taxonomy if cut.needs_taxonomy else None)
    run = np.searchsorted(turns, np.arange(len(days)), side="right") - 1  # of unchanged days, of each day
    folded = _Folded()
    run_version = np.zeros(len(turns), dtype=np.int64)
    covered = []
    lengths = np.diff(np.append(turns, len(days)))
    for number, (rows, tree) in enumerate(zip(live.alive(turns), taxonomy.walk(turns), strict=True)):
        member = members[turns[number]]
        found = assign(cut, stock[rows], product[rows], tree, int(member.sum()))
        without = member.copy()
        without[stock[rows]] = False
        expired = int(np.count_nonzero(began[without] <= days[turns[number]]))
        covered.append(coverage(found, stock[rows], weight[rows], int(member.sum()), expired))
        source = rows[found.edge]
        run_version[number] = folded.number(Edges.of(stock[source], found.concept, weight[source], most=most))
        if progress is not None:
            progress(int(lengths[number]))

    occurs = np.zeros(len(taxonomy.nodes), dtype=bool)
    for version in folded.versions:
        occurs[version.concept] = True
    used, new_place = np.flatnonzero(occurs), np.cumsum(occurs) - 1
    narrowed = tuple(Edges(old.stock, new_place[old.concept], old.weight) for old in folded.versions)
    table = pd.DataFrame([dataclasses.asdict(row) for row in covered]).iloc[run]
    table.index = dates
    return Versions(tuple(taxonomy.nodes[k] for k in used), run_version[run], narrowed, table)


def _turns(members: BoolArray, spans: Intervals, live: Intervals, taxonomy: TaxonomyIndex | None) -> IntArray:
    """The days on which an edge, a membership or the taxonomy (where the cut asks it) changes; the first is one."""
    changed = live.changes()
    changed[1:] |= (members[1:] != members[:-1]).any(axis=1)
    unseen = spans.first[(spans.first == spans.end) & (spans.first < len(changed))]
    changed[unseen] = True  # came and went between two days: no edge, but why there is none has changed
    changed[0] = True
    if taxonomy is not None:
        changed |= taxonomy.changes()
    return np.flatnonzero(changed)


class _Folded:
    """The different versions met so far, in the order of their first day."""

    def __init__(self) -> None:
        self.versions: list[Edges] = []
        self._alike: dict[int, list[int]] = {}

    def number(self, version: Edges) -> int:
        """The place of a version, which is kept if it is new."""
        alike = self._alike.setdefault(_hash(version), [])
        for one in alike:
            if self.versions[one].equals(version):
                return one
        alike.append(len(self.versions))
        self.versions.append(version)
        return alike[-1]


def _hash(version: Edges) -> int:
    """A number that equal versions share; others are told apart by looking."""
    columns = (version.stock, version.concept, version.weight)
    return hash((len(version), *(column.sum().item() for column in columns), version.concept[::7].tobytes()))
