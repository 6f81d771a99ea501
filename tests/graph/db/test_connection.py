"""The connection: where the database is, what comes back, and every failure as one sentence without secrets."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import time
import traceback
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samgraph.errors import ConfigError, GraphError
from samgraph.graph.connect import connect, resolve_address
from samgraph.graph.db import driver
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.db.failures import LoginError
from samgraph.graph.db.statements import script, statement

Say = Callable[[str, str], None]
SECRET = "correct-horse-battery"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Add a statement under a name, as if it were a file of cypher/."""
    added: dict[str, str] = {}
    monkeypatch.setattr(driver, "statement", lambda name: added.get(name) or statement(name))
    return added.__setitem__


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URI", "USER", "PASSWORD", "DATABASE"):
        monkeypatch.delenv(f"SAMGRAPH_NEO4J_{name}", raising=False)


# --- where


def test_the_environment_comes_before_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"uri": "bolt://config:7687", "password": SECRET, "database": "other"}
    assert resolve_address(config) == Address("bolt://config:7687", "neo4j", SECRET, "other")
    monkeypatch.setenv("SAMGRAPH_NEO4J_URI", "neo4j://env:7687")
    monkeypatch.setenv("SAMGRAPH_NEO4J_USER", "reader")
    assert resolve_address(config) == Address("neo4j://env:7687", "reader", SECRET, "other")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"uri": "bolt://host:7687"}, "SAMGRAPH_NEO4J_PASSWORD"),
        ({"uri": "http://host:7474", "password": SECRET}, "bolt://HOST:PORT"),
        ({"uri": "bolt://", "password": SECRET}, "bolt://HOST:PORT"),
        ({"uri": "bolt://host:seven", "password": SECRET}, "bolt://HOST:PORT"),
        ({"uri": f"bolt://neo4j:{SECRET}@host", "password": SECRET}, "holds a user or a password"),
        ({"password": SECRET}, "without an address"),
        ({"url": "bolt://host"}, "no setting 'url'"),
    ],
)
def test_settings_that_make_no_address_are_said_without_the_password(
    config: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        resolve_address(config)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_local_server_that_shall_not_be_started_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("SAMGRAPH_HOME", str(tmp_path_factory.mktemp("nothing")))
    with pytest.raises(GraphError, match=r"does not run.*samgraph neo4j start"):
        resolve_address(start_local=False)


def test_no_representation_holds_the_password() -> None:
    address = Address("bolt://host", "neo4j", SECRET)
    assert SECRET not in repr(address) + str(address)


def test_the_environment_leads_to_the_server(graph_env: Address) -> None:
    with connect() as graph:
        assert graph.address == graph_env
        assert graph_env.password not in repr(graph)
        assert graph.server_version().split(".")[0] in ("5", "2026")


# --- what comes back


def test_times_come_back_as_pythons_at_any_depth(graph: Graph, say: Say) -> None:
    day, moment = dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 12, 30, 1, 250_000, tzinfo=dt.UTC)
    say(
        "times",
        "RETURN $day AS day, $moment AS moment, [null, $day] AS list, {a: [$moment]} AS map, [1] AS ints",
    )
    assert graph.read("times", day=day, moment=moment) == [
        {"day": day, "moment": moment, "list": [None, day], "map": {"a": [moment]}, "ints": [1]}
    ]
    say("open", "RETURN date('9999-12-31') AS day, datetime('9999-12-31T00:00:00Z') AS moment")
    assert graph.read("open") == [
        {"day": dt.date(9999, 12, 31), "moment": dt.datetime(9999, 12, 31, tzinfo=dt.UTC)}
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_comes_back_as_it_was(graph: Graph, say: Say, text: str) -> None:
    say("text", "RETURN $text AS text")
    assert graph.read("text", text=text) == [{"text": text}]


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1 //", "}) DETACH DELETE n //", "`;MATCH (n) DELETE n", "=1+1", "\x00\x07", "产" * 340_000],
)
def test_hostile_names_are_data(graph: Graph, say: Say, text: str) -> None:
    say("make", "CREATE (n:Made {name: $text}) RETURN n.name AS name")
    say("count", "MATCH (n:Made {name: $text}) RETURN count(n) AS n")
    assert graph.write("make", text=text) == [{"name": text}]
    assert graph.read("count", text=text) == [{"n": 1}]


def test_a_big_result_comes_whole(graph: Graph, say: Say) -> None:
    say("many", "UNWIND range(1, 50000) AS i RETURN i, date('2020-01-01') + duration({days: i % 9}) AS day")
    rows = graph.read("many")
    assert [row["i"] for row in rows] == list(range(1, 50_001))
    assert rows[8]["day"] == dt.date(2020, 1, 1)


def test_a_transaction_is_all_or_nothing(graph: Graph, say: Say) -> None:
    say("make", "CREATE (:Made {i: $i})")
    say("count", "MATCH (n:Made) RETURN count(n) AS n")
    with graph.transaction() as transaction:
        transaction.run("make", i=1)
        transaction.run("make", i=2)
        assert graph.read("count") == [{"n": 0}], "others see nothing of it yet"
    assert graph.read("count") == [{"n": 2}]

    def broken_load() -> None:
        with graph.transaction() as transaction:
            transaction.run("make", i=3)
            raise ValueError("the loader's own")

    with pytest.raises(ValueError, match="the loader's own"):
        broken_load()
    assert graph.read("count") == [{"n": 2}]


def test_a_statement_that_commits_by_itself_runs(graph: Graph, say: Say) -> None:
    say("batches", "UNWIND range(1, 25) AS i CALL (i) { CREATE (:Made {i: i}) } IN TRANSACTIONS OF 10 ROWS")
    say("count", "MATCH (n:Made) RETURN count(n) AS n")
    graph.run_batches("batches")
    assert graph.read("count") == [{"n": 25}]


def test_reading_refuses_to_write(graph: Graph, say: Say) -> None:
    say("make", "CREATE (:Made)")
    with pytest.raises(GraphError, match=r"make\.cypher"):
        graph.read("make")


# --- failures


def test_a_wrong_password_is_said_without_it(graph_server: Address) -> None:
    with pytest.raises(LoginError, match="refused the user or the password") as caught:
        Graph.open(Address(graph_server.uri, "neo4j", SECRET))
    said = "".join(traceback.format_exception(caught.value))
    assert SECRET not in said and graph_server.password not in said
    assert graph_server.uri in str(caught.value)


def test_nobody_there_is_said_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(GraphError, match=rf"bolt://127\.0\.0\.1:{port} .*does not answer"):
        Graph.open(Address(f"bolt://127.0.0.1:{port}", "neo4j", SECRET))
    assert time.monotonic() - began < 5


def test_a_server_that_says_nothing_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        with pytest.raises(GraphError, match="does not answer"):
            Graph.open(Address(f"bolt://127.0.0.1:{mute.getsockname()[1]}", "neo4j", SECRET))
    assert time.monotonic() - began < 20


def test_a_database_that_is_not_there_is_said(graph_server: Address) -> None:
    with pytest.raises(GraphError, match="SAMGRAPH_NEO4J_DATABASE"):
        Graph.open(Address(graph_server.uri, graph_server.user, graph_server.password, "nowhere"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("RETURN", r"does not understand cypher/wrong\.cypher: "),
        ("RETURN missing", r"does not understand cypher/wrong\.cypher: Variable `missing` not defined"),
        ("RETURN $parameter", r"cypher/wrong\.cypher needs a parameter that was not given: .*parameter"),
        ("RETURN 1 / 0", r"cypher/wrong\.cypher"),
    ],
)
def test_a_wrong_statement_is_named_with_its_reason(graph: Graph, say: Say, text: str, says: str) -> None:
    say("wrong", text)
    with pytest.raises(GraphError, match=says) as caught:
        graph.read("wrong")
    assert "\n" not in str(caught.value)


def test_a_broken_constraint_is_said_with_the_value(graph: Graph, say: Say) -> None:
    say("unique", "CREATE CONSTRAINT made_once IF NOT EXISTS FOR (n:Once) REQUIRE n.name IS UNIQUE")
    say("drop", "DROP CONSTRAINT made_once IF EXISTS")
    say("make", "CREATE (:Once {name: $name})")
    graph.write("unique")
    try:
        graph.write("make", name="twice")
        with pytest.raises(GraphError, match=r"make\.cypher, which would break a constraint.*twice"):
            graph.write("make", name="twice")
    finally:
        graph.write("drop")


def test_a_statement_that_takes_too_long_ends(graph: Graph, say: Say) -> None:
    say("long", "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN sum(a * b % 7) AS x")
    began = time.monotonic()
    with (
        pytest.raises(GraphError, match=r"ended cypher/long\.cypher, which took longer than it may"),
        graph.transaction(seconds=1.0) as transaction,
    ):
        transaction.run("long")
    assert time.monotonic() - began < 30


def test_the_servers_remarks_do_not_reach_the_terminal(
    graph: Graph, say: Say, capfd: pytest.CaptureFixture[str]
) -> None:
    say("unknown", "MATCH (n:NeverHeardOf)-[:NOR_THIS]->(m) WHERE id(n) = 1 RETURN m.neither AS x")
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []  # as in a program that sets up no logging
    try:
        assert graph.read("unknown") == []
    finally:
        root.handlers = kept
    assert capfd.readouterr() == ("", "")


def test_a_statement_is_a_file_by_its_name_alone() -> None:
    for name in ("../secrets", "no_such_statement", "a b", ""):
        with pytest.raises(GraphError, match="Cypher file"):
            statement(name)


def test_a_script_is_cut_at_its_semicolons(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "// head; with one inside\nCREATE (a {t: ';'});\n\n// second\nRETURN 1;\n// the end\n"
    monkeypatch.setitem(script.__wrapped__.__globals__, "statement", lambda name: text)
    assert script.__wrapped__("x") == (
        "// head; with one inside\nCREATE (a {t: ';'})",
        "// second\nRETURN 1",
    )
