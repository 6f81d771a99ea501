"""A cluster's neo4j:// address: what goes over the wire says who may answer, and what must be there before.

Community servers form no cluster; one server answers ROUTE with itself, and the driver's record of Bolt messages shows
what a cluster would be told.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from oracles import dump, small
from oracles import sells as oracle

from samgraph.graph.ask.baskets import basket
from samgraph.graph.ask.period import extract_period, industry_labels, universe_members
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db import ledger
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load

DAY = dt.date(2021, 4, 30)


class Bolt(logging.Handler):
    """The driver's record of the Bolt messages of a test."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def sent(self, kind: str) -> list[str]:
        return [text for text in self.messages if re.search(rf"C: {kind}\b", text)]

    def bookmarks_received(self) -> list[str]:
        return [
            mark for text in self.messages for mark in re.findall(r"S: SUCCESS .*'bookmark': '([^']+)'", text)
        ]

    def modes(self) -> list[str]:
        """Of each transaction that was begun, or statement that ran by itself: r, or w (which is not sent)."""
        begun = [*self.sent("BEGIN"), *(text for text in self.sent("RUN") if "'db'" in text)]
        return ["r" if "'mode': 'r'" in text else "w" for text in begun]

    def clear(self) -> None:
        self.messages.clear()


@pytest.fixture
def bolt() -> Iterator[Bolt]:
    record, logger = Bolt(), logging.getLogger("neo4j.io")
    level = logger.level
    logger.addHandler(record)
    logger.setLevel(logging.DEBUG)
    yield record
    logger.removeHandler(record)
    logger.setLevel(level)


@pytest.fixture
def routed(graph: Graph, bolt: Bolt) -> Iterator[Graph]:
    """A connection to the test run's server by a cluster's kind of address; `graph` has emptied the database."""
    address = graph.address
    with Graph.open(
        Address(address.uri.replace("bolt://", "neo4j://"), address.user, address.password, address.database)
    ) as opened:
        yield opened


def test_the_driver_asks_for_routes_and_reads_say_that_they_read(routed: Graph, bolt: Bolt) -> None:
    assert bolt.sent("ROUTE"), "a routing driver asks who reads and who writes"
    assert set(bolt.modes()) == {"r"}, "the first question as well"
    bolt.clear()
    routed.read("ledger/read")
    assert bolt.modes() == ["r"]
    bolt.clear()
    routed.write("ledger/make")
    routed.run_script("schema/1")
    with routed.transaction() as transaction:
        transaction.run("ledger/lock")
    assert set(bolt.modes()) == {"w"}
    bolt.clear()
    routed.on_leader().read("ledger/read")
    assert bolt.modes() == ["w"], "a writer reads where everything is committed"


def test_every_question_of_a_researcher_reads_and_a_load_writes_after_reading_from_the_leader(
    routed: Graph, bolt: Bolt, tmp_path
) -> None:
    dataset = Dataset(small.write(tmp_path / "data", small.tables()))
    load(routed, dataset)
    assert dump.sold(routed.address, DAY) == oracle.expected(small.tables()["segments"], DAY)
    bolt.clear()
    dates = pd.DatetimeIndex([DAY])
    snapshot(routed, AsOf(DAY), universe="U", cut="level:2")
    snapshot(routed, AsOf(DAY))
    snapshot(routed, AsOf(DAY), relation="industries")
    basket(routed, "energy", AsOf(DAY), universe="U", upstream=1, downstream=1)
    product_tree(routed, AsOf(DAY))
    universe_members(routed, "U", dates)
    industry_labels(routed, dates, ["A"], level=1)
    extract_period(routed, dates, stocks=["A"], members=np.ones((1, 1), dtype=bool), cut="level:1")
    load(routed, dataset, dry_run=True)
    assert len(bolt.modes()) > 15 and set(bolt.modes()) == {"r"}
    with ledger.writing(routed) as writer:
        bolt.clear()
        load(writer.graph, dataset, dry_run=True)
        assert set(bolt.modes()) == {"w"}


def test_a_reader_waits_for_what_its_own_connection_wrote(routed: Graph, bolt: Bolt) -> None:
    bolt.clear()
    routed.write("ledger/make")
    (written,) = bolt.bookmarks_received()
    bolt.clear()
    routed.read("ledger/read")
    (begin,) = bolt.sent("BEGIN")
    assert written in begin, "a follower that has not got so far yet waits"
    bolt.clear()
    with routed.transaction() as transaction:
        transaction.run("ledger/lock")
    last = bolt.bookmarks_received()[-1]
    bolt.clear()
    routed.on_leader().read("ledger/read")
    assert last in bolt.sent("BEGIN")[0]


def test_the_record_of_messages_holds_no_password(routed: Graph, bolt: Bolt) -> None:
    assert bolt.sent("LOGON")
    assert not any(routed.address.password in text for text in bolt.messages)
