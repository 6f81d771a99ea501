"""What the graph can answer for: its last load, its universes, its days; and the sentences when it cannot."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence

from samgraph.errors import SnapshotError
from samgraph.graph.db.asof import OPEN_DAY, AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.series.snapshots import Relation

EDGE_DAYS: dict[Relation, str] = {
    "products": "as_of/sells_days",
    "industries": "as_of/classified_days",
    "themes": "as_of/themes_days",
    "competitors": "as_of/competitors_days",
}
PARENTS: dict[Relation, str] = {
    "products": "period/child_of_product",
    "industries": "period/child_of_industry",
    "themes": "period/child_of_product",
}
"""Competitors are companies, which have no taxonomy: each is a root."""
_BEGUN: dict[Relation, str] = {
    "products": "as_of/sells_begun",
    "industries": "as_of/classified_begun",
    "themes": "as_of/themes_begun",
    "competitors": "as_of/competitors_begun",
}
_THINGS: dict[Relation, str] = {
    "products": "reports of what companies sell",
    "industries": "industry labels",
    "themes": "members of themes",
    "competitors": "links between competitors",
}
_EMPTY = "the graph is empty; load a dataset first, with `samgraph load DIR`"


def committed_moment(graph: Graph, known: dt.datetime | None = None) -> dt.datetime:
    """Return the moment of knowledge to answer for: `known`, or the last load if earlier.

    A moment after the last load is answered as of the last load: what a running load has written so far is not
    yet part of the graph.

    Raises:
        SnapshotError: nothing was ever loaded
    """
    if known is not None:
        AsOf(dt.date.min, known)  # it must carry a time zone
    rows = graph.read("as_of/moment", known=known)
    if not rows or rows[0]["known"] is None:
        raise SnapshotError(_EMPTY)
    moment: dt.datetime = rows[0]["known"]
    return moment


def begun(
    graph: Graph, as_of: AsOf, companies: Sequence[str], relation: Relation = "products"
) -> frozenset[str]:
    """Tell which of some companies had an edge on that day or before it, whether or not it has ended since."""
    if not len(companies):
        return frozenset()
    rows = graph.read(_BEGUN[relation], companies=list(companies), as_of=as_of.valid, known=as_of.known)
    return frozenset(rows[0]["companies"])


def no_such_universe(
    graph: Graph, universe: str, as_of: AsOf, *, last: dt.date | None = None
) -> SnapshotError:
    """Say why a universe has no members on a day (or the days until `last`), and what there is."""
    rows = graph.read("as_of/universes", known=as_of.known)
    names = [row["universe"] for row in rows]
    if not names:
        return SnapshotError(
            f"there is no universe {universe!r}, nor any other, in the graph{_as_known(as_of)}; load a dataset "
            "with a universes table, or leave the universe out"
        )
    for row in rows:
        if row["universe"] == universe:
            return SnapshotError(
                f"the universe {universe!r} has no members {_span(as_of, last)}; it has them from "
                f"{row['first']} {_until(row['last'])}"
            )
    near = difflib.get_close_matches(universe, names, n=3, cutoff=0.4)
    near = near or [name for name in names if name.lower() == universe.lower()] or names[:5]
    return SnapshotError(f"there is no universe {universe!r}; did you mean {' or '.join(map(repr, near))}?")


def no_such_day(
    graph: Graph, as_of: AsOf, relation: Relation = "products", *, last: dt.date | None = None
) -> SnapshotError:
    """Say that no edge is valid on a day (or on any day until `last`), and when there are some."""
    rows = graph.read(EDGE_DAYS[relation], known=as_of.known)
    if not rows:
        return SnapshotError(_EMPTY)
    if rows[0]["first"] is None:
        return SnapshotError(
            f"the graph holds no {_THINGS[relation]}{_as_known(as_of)}; load a dataset that has some, or ask "
            "with a later --known-at"
        )
    return SnapshotError(
        f"no {_THINGS[relation]} are valid {_span(as_of, last)}; the graph has them from {rows[0]['first']} "
        f"{_until(rows[0]['last'])}"
    )


def _span(as_of: AsOf, last: dt.date | None) -> str:
    if last is None or last == as_of.valid:
        return f"on {as_of.valid}"
    return f"from {as_of.valid} to {last}"


def _until(last: dt.date) -> str:
    return "on" if last >= OPEN_DAY - dt.timedelta(days=1) else f"to {last}"


def _as_known(as_of: AsOf) -> str:
    return "" if as_of.known is None else f" as known at {as_of.known.isoformat()}"
