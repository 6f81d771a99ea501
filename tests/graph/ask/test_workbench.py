"""Statements that users run by hand: every hop carries the as-of predicate; saved queries' parameters are whole."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from samgraph.graph.ask.workbench import favourites
from samgraph.graph.db.asof import PREDICATE
from samgraph.graph.db.statements import names, statement, text_of

RECORDED = "{edge}.recorded_from <= known AND {edge}.recorded_to > known"
STATEMENTS = [
    name
    for name in names()
    if name.startswith(("browser/", "chain/", "basket/", "pairs/", "risk/"))
    and name not in ("browser/levels", "browser/captions")
]  # which mark nodes and edges of all days for Browser


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


def test_a_name_in_chinese_is_shown_as_it_is() -> None:
    start = {
        "as_of": dt.date(2021, 6, 30),
        "company": "c",
        "product": "p",
        "text": "动力电池",
        "universe": "U",
    }
    assert ':param text => "动力电池";' in favourites(start)["01_parameters"]


def test_every_caption_of_the_style_sheet_can_be_read_on_its_node() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    nodes = re.findall(
        r"^(node\S*) \{.*? color: (#\w{6});.*text-color-internal: (#\w{6})", text_of("samgraph.grass"), re.M
    )
    assert len(nodes) >= 17
    for name, behind, written in nodes:
        high, low = sorted((light(behind), light(written)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_arrows_show_the_weight_to_three_digits() -> None:
    style = text_of("samgraph.grass")
    assert re.findall(r"^relationship\.(\w+) .*caption: '\{caption\}'", style, re.M) == ["SELLS", "SUPPLIES"]
    assert "{weight}" not in style and "round(r.weight, 3)" in statement("browser/captions")
