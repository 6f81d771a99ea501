"""Pictures for a notebook: what is drawn is what was answered, and no name becomes markup."""

from __future__ import annotations

import datetime as dt
import html
import json
import re

import numpy as np
import pandas as pd
import pytest

import samgraph
from samgraph.errors import ConfigError
from samgraph.graph.ask.baskets import Basket
from samgraph.graph.ask.chains import COMPANIES, PRODUCTS, Chain
from samgraph.graph.ask.search import Match
from samgraph.graph.db.asof import AsOf

DAY = AsOf(dt.date(2021, 6, 30))
HOSTILE = '</script><img src=x onerror="alert(1)">'


def chain(products: list[tuple], sold: list[tuple]) -> Chain:
    return Chain(
        DAY,
        ("A",),
        pd.DataFrame(products, columns=list(PRODUCTS)),
        pd.DataFrame(sold, columns=list(COMPANIES)),
    )


def test_a_chain_stands_in_columns_with_its_sellers_behind() -> None:
    up, down = ("upstream", 1, "L", HOSTILE, 0.5), ("downstream", 2, "C", "汽车", np.nan)
    made = samgraph.show(
        chain([up, down], [(*up, "3.SH", "盐湖", 0.9, 0.9), (*down, "2.SZ", "比亚", 0.7, 0.7)])
    )
    assert {node["id"]: (node["column"], node["value"]) for node in made.nodes} == {
        "L": (-1, 0.9), "C": (2, 0.7), "3.SH": (3, 0.9), "2.SZ": (3, 0.7)}  # fmt: skip
    assert {(one["from"], one["to"], one["weight"]) for one in made.links} == {
        ("L", "3.SH", 0.9),
        ("C", "2.SZ", 0.7),
    }
    page = made.page()
    assert page.count("</script>") == 1 and "<img" not in page and "2021-06-30" in page
    data = re.search(r"picture\(document.getElementById\('picture'\), (\{.*\})\);</script>", page)
    assert data is not None and json.loads(data[1])["nodes"][0]["name"] == HOSTILE
    frame = made._repr_html_()
    assert (
        'sandbox="allow-scripts"' in frame and frame.count("<") == 2
    )  # the page is an attribute, wholly escaped
    assert html.unescape(frame.split('srcdoc="')[1].rsplit('"></iframe>')[0]) == page
    assert not re.search(r"https?://", page.replace("http://www.w3.org", ""))


def test_a_thin_or_a_cut_picture_says_so() -> None:
    assert "there is no chain" in " ".join(samgraph.show(chain([], [])).said)
    products = [("upstream", 1, f"p{n:03}", f"p{n}", 1.0) for n in range(301)]
    sold = [(*row, f"c{at:03}", "c", 1.0 - at / 1000, 1.0) for at, row in enumerate(products)]
    made = samgraph.show(chain(products, sold))
    said = " ".join(made.said)
    assert (
        "300 of the 301 products are shown" in said
        and len(made.nodes) == 600
        and "p300" not in {n["id"] for n in made.nodes}
    )


def test_a_basket_shows_its_products_and_companies() -> None:
    products = pd.DataFrame([("A", "动力电池", "core", 0, 1.0), ("L", "锂盐", "upstream", 1, np.nan)],
                            columns=["product_id", "name", "part", "links", "match"])  # fmt: skip
    row = {"company_id": "1.SZ", "name": "宁德", "weight": 1.0, "purity": 0.8, "core": 0.8}
    companies = pd.DataFrame([row | {"upstream": 0.0, "downstream": 0.0}])
    made = samgraph.show(Basket(DAY, (Match("A", "动力电池", 1.0),), (), products, companies))
    assert {node["id"]: node["column"] for node in made.nodes} == {"A": 0, "L": -1, "1.SZ": 1}


def test_anything_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="a int cannot be shown"):
        samgraph.show(3)  # type: ignore[arg-type]
