"""The as-of type, how days and moments are read, and that every hop of every as-of statement carries the predicate."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from samgraph.errors import SnapshotError
from samgraph.graph.db.asof import PREDICATE, AsOf, parse_day, parse_moment
from samgraph.graph.db.statements import names, statement

# What a load reads and writes, by rules of its own; everything else asks as of a day or a period.
OF_A_LOAD = ("current/", "ledger/", "load/", "update/", "schema/", "server/")
MARKS = "browser/captions"  # writes on edges of all days what Neo4j Browser shows beside them
STATEMENTS = [name for name in names() if not name.startswith(OF_A_LOAD) and name != MARKS]
# These ask when there is anything at all: they look at moments of recording only.
WITHOUT_A_DAY = {
    "as_of/universes",
    "as_of/sells_days",
    "as_of/classified_days",
    "as_of/themes_days",
    "as_of/competitors_days",
}
# These ask whether anything had begun, over since or not.
BEGUN = {
    "as_of/sells_begun",
    "as_of/classified_begun",
    "as_of/themes_begun",
    "as_of/competitors_begun",
    "company/reports",
}
# What a run tells of a day (`samgraph explain`): not a fact of a dataset, and asked for by its run and date.
OF_A_RUN = {"SCORED", "ATTENDS", "RESEMBLES"}
RECORDED = "{edge}.recorded_from <= known AND {edge}.recorded_to > known"
IN_PERIOD = "{edge}.valid_from <= $last AND {edge}.valid_to > $first AND " + RECORDED


def test_days_and_moments_are_read():
    assert parse_day("2024-02-29") == dt.date(2024, 2, 29)
    assert parse_moment("2024-01-31T18:00:00+08:00") == dt.datetime(2024, 1, 31, 10, tzinfo=dt.UTC)
    assert parse_moment("2024-01-31T18:00:00") == dt.datetime(2024, 1, 31, 18, tzinfo=dt.UTC)
    assert parse_moment("2024-01-31") == dt.datetime(2024, 1, 31, tzinfo=dt.UTC)
    assert parse_moment("2024-01-31T10:00:00.123456Z").microsecond == 123456
    assert AsOf.parse("2024-01-31", "2024-02-01").known == dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
    assert AsOf.parse("2024-01-31").known is None


@pytest.mark.parametrize(
    "text", ["", "2024", "2023-02-29", "2024-1-31", "31.1.2024", "20240131", "2024-01-31 ", "today"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(SnapshotError, match="YYYY-MM-DD"):
        parse_day(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-01-31T25:00", "2024-W05-3", "1706695200"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(SnapshotError, match="is not a valid timestamp"):
        parse_moment(text)


def test_the_type_takes_days_and_moments_with_a_zone_only():
    with pytest.raises(SnapshotError, match="time zone"):
        AsOf(dt.date(2024, 1, 31), dt.datetime(2024, 1, 31))
    with pytest.raises(SnapshotError, match="without a time"):
        AsOf(dt.datetime(2024, 1, 31, tzinfo=dt.UTC))
    with pytest.raises(SnapshotError, match="open end"):
        AsOf(dt.date(9999, 12, 31))


def code_of(name: str) -> tuple[str, str]:
    """A statement with its comments, and without them on one line."""
    text = statement(name)
    return text, re.sub(r"\s+", " ", re.sub(r"//.*", "", text))


def predicate(name: str, code: str, kind: str, edge: str) -> str:
    if name == "browser/start":  # it finds a day by itself, by the edges called a, and asks as of that day
        return RECORDED if edge == "a" else PREDICATE.replace("$as_of", "as_of")
    if kind == "WAS" or name in WITHOUT_A_DAY:  # what a node was called has no days, only moments
        return RECORDED
    if name in BEGUN:
        return "{edge}.valid_from <= $as_of AND " + RECORDED
    return IN_PERIOD if "$first" in code else PREDICATE


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_hop_of_a_statement_carries_the_predicate(name):
    text, code = code_of(name)
    assert "-->" not in code and "<--" not in code and "--(" not in code, "every relationship has a name"
    hops = re.findall(r"-\[(\w*):?(\w*)", code)
    for edge, kind in set(hops):
        assert edge and kind, f"every relationship of {name} has a name and a type"
        if kind in OF_A_RUN:
            continue
        wanted = predicate(name, code, kind, edge).format(edge=edge)
        assert code.count(wanted) >= hops.count((edge, kind)), f"{edge} in {name}"
    if any(kind not in OF_A_RUN for _, kind in hops):
        # Later than the last load is the last load: what a running load writes is not seen.
        assert "CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known" in code
    for parameter in set(re.findall(r"\$(\w+)", code)):
        assert re.search(rf"^//\s+\${parameter}\s", text, re.MULTILINE), (
            f"${parameter} is not in the header of {name}"
        )


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("current/")])
def test_a_load_compares_with_what_is_recorded_at_the_committed_moment(name):
    _, code = code_of(name)
    for edge in re.findall(r"-\[(\w*)", code):
        assert f"{edge}.recorded_from <= $known AND {edge}.recorded_to > $known" in code
    assert "recorded_from <= $known" in code
