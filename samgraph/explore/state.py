"""What the page's answers share: the connection, the days that were asked for lately, and a run."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import pandas as pd

from samgraph.graph.ask.daygraph import DayGraph
from samgraph.graph.ask.names import with_names
from samgraph.graph.db.asof import OPEN_DAY, AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import past_loads
from samgraph.graph.db.universe import committed_moment

if TYPE_CHECKING:
    from samgraph.explore.runs import RunAnswers

KEPT_DAYS = 6
"""Days kept in memory; a day of 5,500 companies takes some tens of megabytes."""


class Explorer:
    """Answers about one graph, and about a run where one was given. Threads may share it."""

    def __init__(self, graph: Graph, run: RunAnswers | None = None) -> None:
        self.graph, self.run = graph, run
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def moment(self, day: str, known: str | None) -> AsOf:
        """The as-of of a request, at a moment that was loaded.

        Raises:
            SnapshotError: no day, no moment, or an empty graph
        """
        asked = AsOf.parse(day, known or None)
        return AsOf(asked.valid, committed_moment(self.graph, asked.known))

    def day(self, as_of: AsOf) -> DayGraph:
        """The whole graph of a day; kept for the next question.

        Raises:
            SnapshotError: nothing was reported then
        """
        found: DayGraph = self.keep(("day", as_of), lambda: DayGraph.read(self.graph, as_of))
        return found

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once for a key and forgotten after others."""
        with self._lock:  # one at a time: a slider that is dragged must not bring many days at once
            if key not in self._kept:
                self._kept[key] = make()
                if len(self._kept) > KEPT_DAYS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def named(self, as_of: AsOf, frame: pd.DataFrame, **columns: str) -> pd.DataFrame:
        """The frame with names beside ids: `company_id="company"`."""
        return with_names(self.graph, as_of, frame, columns)

    def start(self) -> dict[str, Any]:
        """What can be asked: days with reports, moments of loading, universes, and the run."""
        now = committed_moment(self.graph)
        found: dict[str, Any] = self.keep(("start", now, dt.date.today()), lambda: self._start(now))
        return found

    def _start(self, now: dt.datetime) -> dict[str, Any]:
        days = self.graph.read("as_of/sells_days", known=now)[0]
        first = self.graph.read("browser/start", known=now)
        newest: dt.date = first[0]["as_of"] if first else dt.date.today()
        last = (
            dt.date.today()
            if days["last"] is None or days["last"] >= OPEN_DAY - dt.timedelta(days=1)
            else days["last"]
        )
        last = max(newest, min(last, dt.date.today()))
        return {
            "first": str(days["first"] or newest),
            "last": str(last),
            "newest": str(newest),
            "loads": [load.moment.isoformat() for load in past_loads(self.graph)],
            "universes": [row["universe"] for row in self.graph.read("as_of/universes", known=now)],
            "example": {key: first[0][key] for key in ("company", "product", "text")} if first else None,
            "run": None if self.run is None else self.run.about(),
        }
