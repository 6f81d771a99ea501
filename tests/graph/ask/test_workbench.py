"""Statements that users run by hand: every hop carries the as-of predicate; saved queries' parameters are whole."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from samgraph.graph.ask.workbench import favourites
from samgraph.graph.db.asof import PREDICATE
from samgraph.graph.db.statements import names, statement

RECORDED = "{edge}.recorded_from <= known AND {edge}.recorded_to > known"
STATEMENTS = [
    name
    for name in names()
    if name.startswith(("browser/", "chain/", "basket/", "pairs/", "risk/")) and name != "browser/levels"
]  # which reads no relationship


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_hop_carries_the_predicate(name: str) -> None:
    text = statement(name)
    code = re.sub(r"\s+", " ", re.sub(r"//.*", "", text))
    assert "-->" not in code and "<--" not in code and "--(" not in code and "-[:" not in code
    for edge, kind in re.findall(r"-\[(\w+):(\w+)", code):
        wanted = RECORDED if kind == "WAS" or (name, edge) == ("browser/start", "a") else PREDICATE
        said = wanted.format(edge=edge)
        assert said in code or said.replace("$as_of", "as_of") in code, f"{edge} in {name}"
    assert "CASE WHEN $known < ledger.committed THEN $known ELSE ledger.committed END AS known" in code
    for parameter in set(re.findall(r"\$(\w+)", code)):
        assert re.search(rf"^//\s+\${parameter}\s", text, re.MULTILINE), f"${parameter} of {name}"


def test_the_parameters_favourite_sets_what_the_queries_need_whatever_names_hold() -> None:
    start = {"as_of": dt.date(2021, 6, 30), "company": 'a"); MATCH (n)\nDELETE n //', "product": None, "text": "电池",
             "universe": "U\\"}  # fmt: skip
    made = favourites(start)
    set_here = dict(re.findall(r"^:param (\w+) => (.*);$", made["01_parameters"], re.MULTILINE))
    needed = {p for text in made.values() for p in re.findall(r"\$(\w+)", text)}
    assert needed <= set_here.keys()
    assert set_here["company"] == '"a\\"); MATCH (n)\\nDELETE n //"'
    assert (set_here["product"], set_here["universe"]) == ("null", '"U\\\\"')
    assert len(made["01_parameters"].splitlines()) == 1 + len(set_here)
