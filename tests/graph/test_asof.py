"""The as-of type, how days and moments are read, and that every hop of every as-of statement carries the predicate."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import re

import pytest

from samgraph.errors import SnapshotError
from samgraph.graph.asof import PREDICATE, AsOf, parse_day, parse_moment

STATEMENTS = sorted(
    file.name
    for file in importlib.resources.files("samgraph.cypher").iterdir()
    if file.name.startswith(("as_of_", "period_")) and file.name.endswith(".cypher")
)
# These ask when there is anything at all: they look at moments of recording only.
WITHOUT_A_DAY = {"as_of_universes.cypher", "as_of_sells_days.cypher", "as_of_classified_days.cypher"}
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
    with pytest.raises(SnapshotError, match="is no moment"):
        parse_moment(text)


def test_the_type_takes_days_and_moments_with_a_zone_only():
    with pytest.raises(SnapshotError, match="time zone"):
        AsOf(dt.date(2024, 1, 31), dt.datetime(2024, 1, 31))
    with pytest.raises(SnapshotError, match="without a time"):
        AsOf(dt.datetime(2024, 1, 31, tzinfo=dt.UTC))
    with pytest.raises(SnapshotError, match="open end"):
        AsOf(dt.date(9999, 12, 31))


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_hop_of_a_statement_carries_the_predicate(name):
    text = (importlib.resources.files("samgraph.cypher") / name).read_text(encoding="utf-8")
    code = re.sub(r"\s+", " ", re.sub(r"//.*", "", text))
    assert "-->" not in code and "<--" not in code and "-[:" not in code, (
        "every relationship must have a name"
    )
    hops = re.findall(r"-\[(\w+):", code)
    wanted = RECORDED if name in WITHOUT_A_DAY else PREDICATE if name.startswith("as_of_") else IN_PERIOD
    for edge in hops:
        assert wanted.format(edge=edge) in code, f"{edge} in {name}"
    if hops:
        # Later than the last load is the last load: what a running load writes is not seen.
        assert "CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known" in code
    for parameter in set(re.findall(r"\$(\w+)", code)):
        assert re.search(rf"^//\s+\${parameter}\s", text, re.MULTILINE), (
            f"${parameter} is not in the header of {name}"
        )
