"""The one place that touches the Neo4j driver: addresses, queries by name, errors as sentences.

Queries are files of `cypher/` called by name with parameters; no statement is built from values. Results are
lists of plain dicts with Python dates. A driver error becomes a GraphError that says what, where and what to do;
no message holds a password.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import neo4j
import neo4j.api
import neo4j.exceptions
import neo4j.time
from neo4j import Driver, GraphDatabase, NotificationMinimumSeverity

from samgraph.errors import GraphError
from samgraph.graph.db.failures import UNREACHED, LoginError, translated
from samgraph.graph.db.listener import cause
from samgraph.graph.db.statements import script, statement

CONNECT_SECONDS = 15.0
# The driver's pauses double (1, 2, ... 32 s), so that the last try comes after about 63 s. A server that is stopped
# for half a minute has time to come back; one that is gone for good is told of after a minute.
RETRY_SECONDS = 60.0
QUERY_SECONDS = 1800.0
Access = Literal["READ", "WRITE"]

# The driver warns about retries through the logging module, whose last resort is the user's terminal.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Address:
    """Where a Neo4j database is and who asks; the password shows in no representation."""

    uri: str
    user: str
    password: str = field(repr=False)
    database: str = "neo4j"

    def __str__(self) -> str:
        return f"{self.uri} (database {self.database})"


class Transaction:
    """An open read-write transaction; `Graph.transaction` makes, commits and rolls back."""

    def __init__(self, inner: neo4j.Transaction, where: str) -> None:
        self._inner = inner
        self._where = where

    def run(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        """Run `cypher/NAME.cypher` in this transaction; its rows."""
        with _sentences(f"cypher/{name}.cypher", self._where):
            return _rows(self._inner.run(_text(name), _in_utc(params)))


class Graph:
    """A connection to one Neo4j database; a context manager that closes it. Threads may share it.

    In a cluster (`neo4j://`) reads go to followers and writes to the leader. Every session hands on the bookmarks of
    those before it, so that a follower answers only once it has what this connection has written.
    """

    def __init__(
        self,
        address: Address,
        driver: Driver,
        *,
        bookmarks: neo4j.api.BookmarkManager | None = None,
        reads: Access = "READ",
    ) -> None:
        self.address = address
        self._driver = driver
        self._bookmarks = bookmarks or GraphDatabase.bookmark_manager()
        self._reads: Access = reads

    def __repr__(self) -> str:
        return f"Graph({self.address})"

    @classmethod
    def open(cls, address: Address) -> Graph:
        """Connect and make sure that the server answers.

        Raises GraphError: nobody listens there, the password is wrong, there is no such database.
        """
        with _who_listens(address), _sentences("the first query", str(address)):
            driver = GraphDatabase.driver(
                address.uri,
                auth=(address.user, address.password),
                connection_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=2 * CONNECT_SECONDS,
                max_transaction_retry_time=RETRY_SECONDS,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                warn_notification_severity=NotificationMinimumSeverity.OFF,
                user_agent="samgraph",
                telemetry_disabled=True,
            )
            graph = cls(address, driver)
            try:
                # Not retried: whether somebody is there shall be known at once.
                with graph._session("READ") as session:
                    transaction = session.begin_transaction(timeout=CONNECT_SECONDS)
                    transaction.run(_text("server/ping")).consume()
                    transaction.close()
            except BaseException:
                driver.close()
                raise
        return graph

    def on_leader(self) -> Graph:
        """The same connection, whose reads go to the leader too: for a writer, who must see every committed load.

        A follower waits for what this connection wrote, but not for what another one did. Only the original is closed.
        """
        return Graph(self.address, self._driver, bookmarks=self._bookmarks, reads="WRITE")

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        """The rows of `cypher/NAME.cypher`; a cluster routes it to a follower, a lost connection is retried.

        Dates and moments come as `datetime` values, also inside lists. For big results let the statement fold
        columns into lists, and dates into days since 1970-01-01 (int), which need no conversion.
        """
        return self._ask(_text(name), f"cypher/{name}.cypher", params, self._reads)

    def write(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        """Run `cypher/NAME.cypher` in a transaction of its own, retried whole if the connection is lost."""
        return self._ask(_text(name), f"cypher/{name}.cypher", params, "WRITE")

    def run_script(self, name: str) -> None:
        """Run every statement of `cypher/NAME.cypher` (each ends a line with `;`), one transaction each."""
        for text in script(name):
            self._ask(text, f"cypher/{name}.cypher", {}, "WRITE")

    def run_batches(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        """Run a statement that commits by itself (`CALL … IN TRANSACTIONS`); never retried."""
        with self._session("WRITE") as session, self._sentences(f"cypher/{name}.cypher"):
            return _rows(session.run(_text(name), _in_utc(params)))

    @contextlib.contextmanager
    def transaction(self, *, seconds: float | None = None) -> Iterator[Transaction]:
        """A transaction for loaders: committed when the block ends well, else rolled back.

        `seconds` bounds it on the server (none: the server's own limit). It is never retried.
        """
        with self._session("WRITE") as session:
            with self._sentences("a transaction"):
                inner = session.begin_transaction(timeout=seconds)
            try:
                yield Transaction(inner, str(self.address))
                with self._sentences("a transaction's commit"):
                    inner.commit()
            finally:
                with self._sentences("a transaction's end"):
                    inner.close()

    def server_version(self) -> str:
        """The server's version, such as `2026.09.0`."""
        return str(self.read("server/version")[0]["version"])

    def state(self) -> str | None:
        """The database, its server's start and its last committed transaction, as a text.

        It is another after any write by anybody, and after a back-up was put back, whose numbers come back with it. The
        number is the bookmark that the server gives to a reader; in a cluster, that of the follower that answers. None
        for a user who may not ask when the server started.
        """
        try:
            started = self.read("server/started")[0]["started"]
        except GraphError:
            return None

        def ping(transaction: neo4j.ManagedTransaction) -> None:
            transaction.run(_text("server/ping")).consume()

        own = self._driver.session(database=self.address.database, default_access_mode=neo4j.READ_ACCESS)
        with own as session, self._sentences("cypher/server/ping.cypher"):
            session.execute_read(ping)
            return " ".join([str(started), *sorted(session.last_bookmarks().raw_values)])

    def _ask(
        self,
        text: str,
        what: str,
        params: Mapping[str, Any],
        access: Access,
        *,
        seconds: float = QUERY_SECONDS,
    ) -> list[dict[str, Any]]:
        @neo4j.unit_of_work(timeout=seconds)
        def work(transaction: neo4j.ManagedTransaction) -> list[dict[str, Any]]:
            return _rows(transaction.run(_literal(text), _in_utc(params)))

        with self._session(access) as session, _sentences(what, str(self.address), tried_again=True):
            return session.execute_read(work) if access == "READ" else session.execute_write(work)

    def _session(self, access: Access) -> neo4j.Session:
        return self._driver.session(
            database=self.address.database,
            default_access_mode=neo4j.READ_ACCESS if access == "READ" else neo4j.WRITE_ACCESS,
            bookmark_manager=self._bookmarks,
            fetch_size=-1,
        )

    def _sentences(self, what: str) -> contextlib.AbstractContextManager[None]:
        return _sentences(what, str(self.address))


@contextlib.contextmanager
def _who_listens(address: Address) -> Iterator[None]:
    """What fails to connect says who listens there instead, where that can be told."""
    try:
        yield
    except LoginError:
        raise
    except GraphError as error:
        told = cause(address.uri) if isinstance(error.__cause__, UNREACHED) else None
        if told is None:
            raise
        raise type(error)(
            f"Neo4j at {address} does not answer: {told}; see whether it runs (`samgraph neo4j status`) and whether "
            "SAMGRAPH_NEO4J_URI is right."
        ) from error.__cause__


@contextlib.contextmanager
def _sentences(what: str, where: str, *, tried_again: bool = False) -> Iterator[None]:
    try:
        yield
    except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError, OSError) as error:
        raise translated(error, what, where, tried_again=tried_again) from error
    except UnicodeEncodeError as error:
        raise GraphError(
            f"a text cannot be asked for: its character {error.start + 1} is half of one (a lone surrogate, as bytes "
            "that are no UTF-8 leave them); write it anew in UTF-8."
        ) from error


def _text(name: str) -> Any:
    return _literal(statement(name))


def _literal(text: str) -> Any:
    # The driver's stubs ask for literal strings; ours are literal too, in the files of the package.
    return text


def _rows(result: neo4j.Result) -> list[dict[str, Any]]:
    keys = result.keys()
    return [dict(zip(keys, map(_native, record.values()), strict=True)) for record in result]


def _in_utc(params: Mapping[str, Any]) -> dict[str, Any]:
    """Moments in UTC: Cypher holds one instant in two time zones for unequal, and orders them by zone."""
    return {
        key: value.astimezone(dt.UTC) if isinstance(value, dt.datetime) and value.tzinfo else value
        for key, value in params.items()
    }


def _native(value: Any) -> Any:
    """Neo4j's temporal values as Python's; a list is looked into only if its first value asks for it."""
    if isinstance(value, neo4j.time.Date):
        return dt.date.fromordinal(value.to_ordinal())
    if isinstance(value, neo4j.time.DateTime):
        moment = value.to_native()
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC)
    if isinstance(value, neo4j.time.Time):
        return value.to_native()
    if isinstance(value, list):
        first = next((item for item in value if item is not None), None)
        if isinstance(first, (neo4j.time.Date, neo4j.time.DateTime, neo4j.time.Time, list, dict)):
            return [_native(item) for item in cast("Sequence[Any]", value)]
        return value
    if isinstance(value, dict):
        return {key: _native(item) for key, item in value.items()}
    return value
