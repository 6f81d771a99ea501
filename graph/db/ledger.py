"""The ledger: up to which moment the graph is complete, and who may write to it.

Every relationship carries the moments [recorded_from, recorded_to) of its life in the database. A load writes
new versions recorded from its own moment M, and ends those that they replace at M; readers ask as of the
committed moment K < M and see none of it. The load's last transaction sets K to M: all or nothing, at any
size.

One writer at a time: a load holds the write lock of the ledger's node in an open transaction, the one that
commits it. Where the client or the server dies, the server drops that transaction, and the next load finds
the mark of the killed one (PendingLoad) and first deletes what it wrote and reopens what it ended. A load may also
lose its transaction without dying (a server's limit on transactions, a cut connection): every batch that it
writes locks its mark, and none is written once the next load has stopped it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import neo4j.exceptions

from samgraph.errors import GraphError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.dataset.tables import GRAPH_TABLES
from samgraph.graph.db.driver import Graph, Transaction
from samgraph.graph.db.migrations import VERSION, bring_up_to_date
from samgraph.progress import warn

OPEN_MOMENT = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
"""The stored form of a recorded_to that is still open."""
BEFORE_ALL = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_CLOCKS = dt.timedelta(hours=1)  # by which clocks of two machines may differ without a word
_LOCK_SECONDS = 20.0  # with fifty readers on two cores an answer took up to 15 s
_LOCKED_CODES = ("TransactionTimedOut", "LockClientStopped", "LockAcquisitionTimeout", "Terminated")


@dataclass(frozen=True)
class PastLoad:
    """A committed load: its moment, the dataset's name and fingerprint, and the time rules it went by."""

    moment: dt.datetime
    dataset: str
    fingerprint: str
    stale_after_months: int
    lag: int | None


def committed_moment(graph: Graph) -> dt.datetime | None:
    """The moment of the last committed load; None where nothing was ever loaded."""
    rows = graph.read("ledger/read")
    return rows[0]["committed"] if rows else None


def past_loads(graph: Graph) -> list[PastLoad]:
    """The committed loads, newest first."""
    return [PastLoad(**row) for row in graph.read("ledger/loads")]


def graph_fingerprint(dataset: Dataset) -> str:
    """One SHA-256 over those tables of a dataset that go into the graph (prices stay outside)."""
    digests = dataset.fingerprint()
    lines = [f"{name} {digests[name]}\n" for name in GRAPH_TABLES if name in digests]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def loaded_moment(graph: Graph, dataset: Dataset) -> dt.datetime | None:
    """The moment at which this very dataset was last loaded; None where it never was."""
    fingerprint = graph_fingerprint(dataset)
    return next((load.moment for load in past_loads(graph) if load.fingerprint == fingerprint), None)


@dataclass(frozen=True)
class Writer:
    """The right to write: the committed moment, this load's moment, the transaction that holds the lock.

    `graph` reads what is committed, also in a cluster: from its leader.
    """

    committed: dt.datetime | None
    moment: dt.datetime
    holder: Transaction
    graph: Graph

    @property
    def known(self) -> dt.datetime:
        """The committed moment, or a time before all loads."""
        return self.committed or BEFORE_ALL

    def begin(self, dataset: str, *, lanes: int = 1) -> None:
        """Mark that this load begins to write, in so many lanes (batches of different lanes can be written at once)."""
        self.graph.write("ledger/begin", moment=self.moment, dataset=dataset, lanes=lanes)

    @contextlib.contextmanager
    def batch(self, lane: int = 0) -> Iterator[Transaction]:
        """A transaction of this load, not retried here: a CREATE must not happen twice.

        Raises GraphError where the load has lost its right to write.
        """
        with self.graph.transaction() as transaction:
            if not transaction.run("ledger/fence", moment=self.moment, lane=lane)[0]["mine"]:
                raise GraphError(
                    f"this load lost its right to write to {self.graph.address}, because its connection was cut or the "
                    "server ended its transaction, and another load went on: nothing of it is seen; load again"
                )
            yield transaction

    def commit(self, load: dict[str, Any], longest_sells_days: int) -> None:
        """Make this load what readers see; it takes effect when the holder's block ends."""
        self.holder.run("ledger/commit", moment=self.moment, load=load, longest_sells_days=longest_sells_days)


@contextlib.contextmanager
def writing(graph: Graph) -> Iterator[Writer]:
    """Be the only writer: make the schema, take the lock, clean up after killed loads.

    Raises GraphError where another load is writing.
    """
    bring_up_to_date(graph)
    if not graph.read("ledger/read"):
        graph.write("ledger/make")
    _try_lock(graph)
    with graph.transaction() as holder:
        rows = holder.run("ledger/lock")
        holder.run("schema/reached", version=VERSION)
        committed: dt.datetime | None = rows[0]["committed"]
        leader = graph.on_leader()  # a follower need not have what others loaded
        if leader.read("ledger/pending"):
            clean(leader, committed or BEFORE_ALL)
        moment = dt.datetime.now(dt.UTC)
        if committed is not None and moment <= committed:  # a clock that went back
            if committed - moment > _CLOCKS:
                warn(
                    f"the last load is recorded at {committed.isoformat(timespec='seconds')}, but the clock says "
                    f"{moment.isoformat(timespec='seconds')}: one of the two is wrong; this load is recorded just "
                    "after the last one, so that the order holds, but --known-at does not find it by the clock"
                )
            moment = committed + dt.timedelta(microseconds=1)
        yield Writer(committed, moment, holder, leader)


def _try_lock(graph: Graph) -> None:
    """Take the lock for an instant; a load that slips in before it is taken for good makes this one wait."""
    try:
        with graph.transaction(seconds=_LOCK_SECONDS) as probe:
            probe.run("ledger/lock")
    except GraphError as error:
        cause = error.__cause__
        code = str(getattr(cause, "code", "")) if isinstance(cause, neo4j.exceptions.Neo4jError) else ""
        if any(word in code for word in _LOCKED_CODES):
            raise GraphError(
                f"another load is writing to {graph.address}; wait until it has ended, then load again (or the server "
                f"is so busy that it did not answer within {_LOCK_SECONDS:.0f} s)"
            ) from error
        raise


def clean(graph: Graph, known: dt.datetime) -> None:
    """Undo what killed loads left behind: the graph is what it was at the committed moment `known`."""
    graph.write("ledger/stop")
    graph.run_batches("ledger/clean_edges", known=known)
    graph.run_batches("ledger/reopen_edges", known=known, open=OPEN_MOMENT)
    graph.run_batches("ledger/clean_nodes", known=known)
    graph.write("ledger/cleaned")
