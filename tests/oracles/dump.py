"""Everything that a database holds, and plain as-of questions to it, by queries of their own."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

import neo4j

_KEY = (
    "coalesce({0}.company_id, {0}.product_id, {0}.industry_id, {0}.universe, {0}.name, toString({0}.moment))"
)


@contextlib.contextmanager
def session(address: Any) -> Iterator[neo4j.Session]:
    driver = neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password))
    with driver, driver.session(database=address.database) as opened:
        yield opened


def everything(address: Any) -> tuple[list[str], list[str]]:
    """All nodes and all relationships with all their properties, as sorted texts."""
    with session(address) as s:
        nodes = s.run("MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties").data()
        edges = s.run(
            f"MATCH (a)-[r]->(b) RETURN {_KEY.format('a')} AS start, type(r) AS type, {_KEY.format('b')} AS end, "
            "properties(r) AS properties"
        ).data()
    return sorted(_text(one) for one in nodes), sorted(_text(one) for one in edges)


def current(address: Any) -> list[str]:
    """All nodes and all open versions of relationships, without the moments of recording and the account of
    loads."""
    with session(address) as s:
        nodes = s.run(
            "MATCH (n:Company|Product|Industry|Universe) RETURN labels(n) AS labels, properties(n) AS properties"
        ).data()
        edges = s.run(
            f"MATCH (a)-[r]->(b) WHERE r.recorded_to.year = 9999 RETURN {_KEY.format('a')} AS start, type(r) AS type, "
            f"{_KEY.format('b')} AS end, properties(r) AS properties"
        ).data()
    for one in [*nodes, *edges]:
        one["properties"].pop("recorded_from")
        one["properties"].pop("recorded_to", None)
    return sorted(_text(one) for one in [*nodes, *edges])


def _text(record: dict[str, Any]) -> str:
    record["properties"] = sorted((key, str(value)) for key, value in record["properties"].items())
    return str(sorted(record.items()))


def sold(
    address: Any, t: dt.date, known: dt.datetime | None = None
) -> dict[tuple[str, str], tuple[float, dt.date | None, dt.date | None, dt.date]]:
    """(company, product) -> (weight, period_end, announced_on, valid_from) as of a day, as known then or
    now."""
    with session(address) as s:
        rows = s.run(
            "MATCH (l:Ledger) WITH coalesce($known, l.committed) AS k MATCH (c:Company)-[r:SELLS]->(p:Product) "
            "WHERE r.valid_from <= $t AND $t < r.valid_to AND r.recorded_from <= k AND k < r.recorded_to "
            "RETURN c.company_id AS c, p.product_id AS p, r.weight AS w, r.period_end AS e, r.announced_on AS a, "
            "r.valid_from AS f",
            t=t,
            known=known,
        ).data()
    answer = {}
    for row in rows:
        assert (row["c"], row["p"]) not in answer, "one company sells one product once at a time"
        dates = [None if row[key] is None else row[key].to_native() for key in ("e", "a", "f")]
        answer[row["c"], row["p"]] = (row["w"], *dates)
    return answer
