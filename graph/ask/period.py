"""A whole period of as-of snapshots from one ordered range query.

`extract_period` reads every interval that touches the period once; `samgraph.graph.series.versions` turns days
into snapshots by their differences. `samgraph.graph.ask.snapshot` answers for one day with a query of its own;
a test holds the two equal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.ask.reported import NodeNumbers, joined, objects, weights
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import PARENTS, begun, committed_moment, no_such_day, no_such_universe
from samgraph.graph.series.cuts import parse_cut
from samgraph.graph.series.intervals import Intervals
from samgraph.graph.series.snapshots import Relation, SnapshotSeries
from samgraph.graph.series.value_chain import chain_of
from samgraph.graph.series.versions import (
    Spans,
    TaxonomyIndex,
    Versions,
    day_numbers,
    known_early,
    positions,
    versions_of,
)

_EDGES: dict[Relation, str] = {
    "industries": "period/classified",
    "themes": "period/themes",
    "competitors": "period/competitors",
}
_NAMES: dict[Relation, str] = {
    "products": "period/product_names",
    "industries": "period/industry_names",
    "themes": "period/product_names",
    "competitors": "period/company_names",
}


def extract_period(
    graph: Graph,
    dates: pd.DatetimeIndex,
    *,
    stocks: Sequence[str],
    members: npt.NDArray[np.bool_],
    cut: str = "leaf",
    relation: Relation = "products",
    known: dt.datetime | None = None,
    chain: bool = False,
    fit_day: pd.Timestamp | None = None,
    progress: Callable[[int], None] | None = None,
) -> SnapshotSeries:
    """Bring the snapshots of every day of a period.

    Args:
        graph: an open connection
        dates: [n_dates], rising; the days asked about
        stocks: [n_stocks] different company ids; other companies have no edges here
        members: bool [n_dates, n_stocks], who belongs to the universe on each day; a cut counts these alone
        cut: see `samgraph.graph.series.cuts`; applied to each day by itself
        relation: `products` (SELLS, weights are shares of revenue), `industries` (CLASSIFIED_AS, weight 1),
            `themes` (IN_THEME, weight 1) or `competitors` (COMPETES_WITH, either way, weights are scores)
        known: the moment of knowledge to answer for; None is the last load (the series tells which)
        chain: bring the value-chain links between the concepts as well (products only)
        fit_day: one of the days; before the first that is known of a company (or of a product's place in the
            taxonomy, or of its links) it has what was known on this day, so that a model which is fitted then can
            learn from earlier prices. LOOK-AHEAD for whatever is said on days up to it; None: as of each day
        progress: called with numbers of days done

    Raises:
        SnapshotError: a bad cut, dates that do not rise, shapes that do not fit, or no edge on any of the days
    """
    parsed = parse_cut(cut)
    _check(dates, stocks, members)
    moment = committed_moment(graph, known)

    def known_by_fit(spans: Spans) -> Spans:
        return (
            spans if fit_day is None else known_early(spans, int(day_numbers(pd.DatetimeIndex([fit_day]))[0]))
        )

    edges = known_by_fit(
        _sold(graph, dates, moment)
        if relation == "products"
        else _spans(graph, _EDGES[relation], dates, moment)
    )
    if len(edges) == 0:
        raise no_such_day(graph, AsOf(dates[0].date(), moment), relation, last=dates[-1].date())
    chained = chain and relation == "products"
    tree = _nothing()
    if relation in PARENTS and (parsed.needs_taxonomy or chained):
        tree = known_by_fit(_spans(graph, PARENTS[relation], dates, moment))
    found: Versions = versions_of(
        edges,
        tree if parsed.needs_taxonomy else _nothing(),
        dates,
        stocks=stocks,
        members=members,
        cut=parsed,
        most=np.inf if relation == "products" else 1.0,
        began_before=_began_before(graph, edges, dates, stocks, relation, moment),
        progress=progress,
    )
    rows = graph.read(_NAMES[relation], ids=list(found.concepts), known=moment)
    names = {row["id"]: row["name"] for row in rows}
    series = SnapshotSeries(
        dates=dates,
        stocks=tuple(stocks),
        concepts=found.concepts,
        concept_names=tuple(names.get(concept) or concept for concept in found.concepts),
        day_version=found.day_version,
        versions=found.versions,
        known=moment,
        cut=str(parsed),
        relation=relation,
        coverage=found.coverage,
    )
    if not chained:
        return series
    supplies = known_by_fit(_spans(graph, "period/supplies", dates, moment))
    return replace(series, chain=chain_of(series, supplies, tree))


def universe_members(
    graph: Graph, universe: str, dates: pd.DatetimeIndex, *, known: dt.datetime | None = None
) -> pd.DataFrame:
    """Tell who belonged to a universe on each day.

    Returns:
        bool, index `dates`, columns the sorted company ids of all who were members on one of the days

    Raises:
        SnapshotError: no such universe, or it has no members on any of the days
    """
    _check_dates(dates)
    moment = committed_moment(graph, known)
    rows = graph.read("period/members", universe=universe, known=moment, **_ends(dates))
    days = day_numbers(dates)
    spans = Intervals.of(days, _days(rows, "first_day"), _days(rows, "end_day"))
    companies = np.array([row["company_id"] for row in rows], dtype=object)
    real = spans.first < spans.end
    columns = tuple(sorted(set(companies[real])))
    if not columns:
        raise no_such_universe(graph, universe, AsOf(dates[0].date(), moment), last=dates[-1].date())
    member = np.zeros((len(dates), len(columns)), dtype=bool)
    for column, first, end in zip(positions(companies, columns), spans.first, spans.end, strict=True):
        if column >= 0:
            member[first:end, column] = True
    return pd.DataFrame(member, index=dates, columns=pd.Index(columns, dtype=object, name="company_id"))


def stated_weights(
    graph: Graph,
    universe: str,
    dates: pd.DatetimeIndex,
    stocks: Sequence[str],
    *,
    known: dt.datetime | None = None,
) -> npt.NDArray[np.float64] | None:
    """The universe's official weights on the first day of each stretch of membership that states one.

    Returns:
        [n_dates, n_stocks], NaN elsewhere; None where no weight is stated in the period. The day is the first of
        `dates` in the stretch, so that one from before them stands on their first.
    """
    _check_dates(dates)
    rows = graph.read(
        "period/members", universe=universe, known=committed_moment(graph, known), **_ends(dates)
    )
    rows = [row for row in rows if row["weight"] is not None]
    spans = Intervals.of(day_numbers(dates), _days(rows, "first_day"), _days(rows, "end_day"))
    place = positions(np.array([row["company_id"] for row in rows], dtype=object), stocks)
    real = (spans.first < spans.end) & (place >= 0)
    if not real.any():
        return None
    out = np.full((len(dates), len(stocks)), np.nan)
    out[spans.first[real], place[real]] = np.array([row["weight"] for row in rows], dtype=np.float64)[real]
    return out


def industry_labels(
    graph: Graph,
    dates: pd.DatetimeIndex,
    stocks: Sequence[str],
    *,
    level: int,
    known: dt.datetime | None = None,
) -> pd.DataFrame:
    """Label each stock with its industry on each day, on a level of the industry tree of that day.

    Returns:
        index `dates`, columns `stocks`; the industry_id on `level`, or the deepest one above it; None where a
        company has no industry. Of several at once (a load refuses overlaps) it is the first by its id.
    """
    if level < 1:
        raise SnapshotError(f"industries have no level {level}; levels start at 1 for a root")
    _check_dates(dates)
    moment = committed_moment(graph, known)
    edges = _spans(graph, _EDGES["industries"], dates, moment)
    place = positions(edges.source, stocks)
    edges, place = edges.take(place >= 0), place[place >= 0]
    days = day_numbers(dates)
    tree = TaxonomyIndex(_spans(graph, "period/child_of_industry", dates, moment), edges.target, days)
    industry = positions(edges.target, tree.nodes)
    order = np.argsort(-industry, kind="stable")  # the first by id is written last
    edges, place, industry = edges.take(order), place[order], industry[order]
    live = Intervals.of(days, edges.valid_from, edges.valid_to)
    changed = live.changes() | tree.changes()
    changed[0] = True
    turns = np.flatnonzero(changed)
    nodes = np.array([*tree.nodes, None], dtype=object)
    labels = np.full((len(turns), len(stocks)), -1, dtype=np.int64)
    for number, (valid, taxonomy) in enumerate(zip(live.walk(turns), tree.walk(turns), strict=True)):
        labels[number, place[valid]] = taxonomy.on_level(industry[valid], level)
    table = nodes[labels][np.cumsum(changed) - 1]
    return pd.DataFrame(table, index=dates, columns=pd.Index(list(stocks), dtype=object), dtype=object)


def _check_dates(dates: pd.DatetimeIndex) -> None:
    if len(dates) == 0:
        raise SnapshotError("a period needs at least one day")
    if not dates.is_monotonic_increasing or not dates.is_unique or dates.hasnans:
        raise SnapshotError("the days of a period must rise, each once")


def _check(dates: pd.DatetimeIndex, stocks: Sequence[str], members: npt.NDArray[np.bool_]) -> None:
    _check_dates(dates)
    if len(set(stocks)) != len(stocks):
        raise SnapshotError("the stocks of a period must differ; one company id occurs twice")
    if members.dtype != bool or members.shape != (len(dates), len(stocks)):
        raise SnapshotError(
            f"members must be booleans of {len(dates)} days x {len(stocks)} stocks, not {members.dtype} of "
            f"{' x '.join(map(str, members.shape))}"
        )


def _began_before(
    graph: Graph,
    edges: Spans,
    dates: pd.DatetimeIndex,
    stocks: Sequence[str],
    relation: Relation,
    known: dt.datetime,
) -> npt.NDArray[np.bool_]:
    """Which stocks had an edge by the first day, also one that the period does not see any more, bool [n_stocks]."""
    seen = set(edges.source[edges.valid_from <= day_numbers(dates[:1])[0]])
    asked = [stock for stock in stocks if stock not in seen]
    seen |= begun(graph, AsOf(dates[0].date(), known), asked, relation)
    return np.fromiter((stock in seen for stock in stocks), dtype=bool, count=len(stocks))


def _ends(dates: pd.DatetimeIndex) -> dict[str, dt.date]:
    return {"first": dates[0].date(), "last": dates[-1].date()}


def _days(rows: list[dict[str, object]], column: str) -> npt.NDArray[np.int64]:
    return np.array([row[column] for row in rows], dtype=np.int64)


def _spans(graph: Graph, name: str, dates: pd.DatetimeIndex, known: dt.datetime) -> Spans:
    """Read rows that are folded by both ends of their span, and unfold them."""
    rows = graph.read(name, known=known, **_ends(dates))
    if not rows:
        return _nothing()
    sizes = np.array([len(row["sources"]) for row in rows])
    weighted = "weights" in rows[0]
    return Spans(
        source=objects(row["sources"] for row in rows),
        target=objects(row["targets"] for row in rows),
        valid_from=np.repeat(_days(rows, "first_day"), sizes),
        valid_to=np.repeat(_days(rows, "end_day"), sizes),
        weight=weights(row["weights"] for row in rows) if weighted else np.ones(int(sizes.sum())),
    )


def _sold(graph: Graph, dates: pd.DatetimeIndex, known: dt.datetime) -> Spans:
    """The SELLS edges, which come by the server's numbers of nodes; the ids of these are read once."""
    rows = graph.read("period/sells", known=known, **_ends(dates))
    if not rows:
        return _nothing()
    nodes = NodeNumbers.read(graph)
    sizes = np.array([len(row["weights"]) for row in rows])
    return Spans(
        source=nodes.companies.names(joined(row["sources"] for row in rows)),
        target=nodes.products.names(joined(row["targets"] for row in rows)),
        valid_from=np.repeat(_days(rows, "first_day"), sizes),
        valid_to=joined(row["end_days"] for row in rows),
        weight=weights(row["weights"] for row in rows),
    )


def _nothing() -> Spans:
    none, zero = np.empty(0, dtype=object), np.empty(0, dtype=np.int64)
    return Spans(none, none, zero, zero, np.empty(0))
