"""Baskets against a plain walk over the tables, and the same numbers from Cypher."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from oracles.cuts import path
from oracles.economy import Economy, valid, write
from oracles.sells import sells

from samgraph.errors import SnapshotError
from samgraph.graph.ask.baskets import basket, thin
from samgraph.graph.ask.chains import chain
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load

NAMES = {"p3": 'power "battery" pack', "p5": "动力电池", "p6": "动力电池系统", "p7": "battery acid) OR (x"}


@pytest.fixture
def economy(graph, tmp_path) -> Economy:
    made = Economy(np.random.default_rng(8))
    for row in made.tables["products"]:
        row["name"] = NAMES.get(row["product_id"], row["name"])
        if row["product_id"] == "p8":
            row["name_en"], row["synonyms"] = "EV battery", "Traktionsbatterie;accumulator "
    links = []
    for supplier, customer in (
        ("p1", "p3"),
        ("p2", "p1"),
        ("p3", "p8"),
        ("p8", "p6"),
        ("p4", "p2"),
        ("p6", "p3"),
    ):
        first, last = made.turns(2)
        links.append(
            {"supplier_id": supplier, "customer_id": customer, "valid_from": first, "valid_to": last}
        )
        links.append({"supplier_id": supplier, "customer_id": customer, "valid_from": last, "valid_to": None})
    made.tables["product_links"] = links[:7] + links[8:]  # one link ends
    load(graph, write(tmp_path / "data", made.tables))
    return made


def walk(
    economy: Economy, day, seeds: set[str], upstream: int, downstream: int
) -> dict[str, tuple[str, int]]:
    """Product -> (part, links), breadth first: a link holds for what is below its ends, and brings what is there."""
    rows = valid(economy.tables["products"], day)
    up = {row["product_id"]: row["parent_id"] for row in rows if row["parent_id"]}
    links = [(row["supplier_id"], row["customer_id"]) for row in valid(economy.tables["product_links"], day)]

    def below(roots: set[str]) -> set[str]:
        return {p for p in economy.products if roots & set(path(p, up))}

    found = dict.fromkeys(below(seeds), ("core", 0))
    for part, steps in (("upstream", upstream), ("downstream", downstream)):
        front, met = below(seeds), below(seeds)
        for step in range(1, steps + 1):
            above = {node for product in front for node in path(product, up)}
            linked = (
                {a for a, b in links if b in above}
                if part == "upstream"
                else {b for a, b in links if a in above}
            )
            front = below(linked) - met
            met |= front
            for product in front:
                if product not in found or found[product][1] > step:
                    found[product] = (part, step)
    return found


@pytest.mark.parametrize(("upstream", "downstream"), [(0, 0), (1, 0), (2, 3)])
def test_a_basket_equals_a_plain_walk(graph, economy, upstream, downstream):
    met = 0
    for day in economy.days()[::29]:
        wanted = walk(economy, day, {"p3"}, upstream, downstream)
        sold = sells(economy.tables["segments"], day)
        purity: dict[str, float] = {}
        for (company, product), edge in sold.items():
            if product in wanted:
                purity[company] = purity.get(company, 0.0) + edge.weight
        if not purity:
            with pytest.raises(SnapshotError, match="nobody"):
                basket(graph, "p3", AsOf(day), upstream=upstream, downstream=downstream)
            continue
        met += 1
        found = basket(graph, "p3", AsOf(day), upstream=upstream, downstream=downstream)
        products = found.products
        got = {
            p: (part, n)
            for p, part, n in zip(products.product_id, products.part, products.links, strict=True)
        }
        assert got == wanted
        companies = found.companies.set_index("company_id")
        assert companies["purity"].to_dict() == pytest.approx(purity)
        assert companies["weight"].sum() == pytest.approx(1)
        assert companies["weight"].is_monotonic_decreasing
        for company, row in companies.iterrows():
            for part in ("core", "upstream", "downstream"):
                share = sum(
                    e.weight for (c, p), e in sold.items() if c == company and wanted.get(p, ("",))[0] == part
                )
                assert row[part] == pytest.approx(share)
        if not upstream:
            rows = graph.read("basket/basket", product="p3", as_of=day, known=found.as_of.known)
            assert {row["company_id"]: row["purity"] for row in rows} == pytest.approx(purity)
    assert met > 5  # or the test would compare nothing


def test_market_caps_weight_and_members_limit(graph, economy):
    day = next(
        day
        for day in economy.days()
        if len({c for (c, _), _ in sells(economy.tables["segments"], day).items()}) >= 3
    )
    root = next(row["product_id"] for row in valid(economy.tables["products"], day) if not row["parent_id"])
    plain = basket(graph, root, AsOf(day)).companies
    caps = {company: 10.0 + number for number, company in enumerate(plain["company_id"])}
    lost = plain["company_id"].iloc[-1]
    del caps[lost]
    sized = basket(graph, root, AsOf(day), market_caps=caps).companies.set_index("company_id")
    assert np.isnan(sized.loc[lost, "weight"])
    expected = {
        c: p * caps[c] for c, p in zip(plain["company_id"], plain["purity"], strict=True) if c in caps
    }
    total = sum(expected.values())
    for company, size in expected.items():
        assert sized.loc[company, "weight"] == pytest.approx(size / total)


def test_a_text_finds_products_by_id_name_or_all_its_words(graph, economy):
    wanted = {
        "p5": ("p5",),
        "动力电池": ("p3", "p5", "p6", "p8"),  # the glossary: power battery, EV battery
        "动力": ("p5", "p6"),
        "动": ("p5", "p6"),
        "系": ("p6",),
        "电池系统": ("p6",),
        "battery": ("p3", "p5", "p6", "p7", "p8"),  # and 电池
        "BATT": ("p3", "p7", "p8"),
        "Ｐｏｗｅｒ　ｂａｔｔ": ("p3",),
        "EV battery": ("p3", "p5", "p6", "p8"),
        "EV batteries": ("p3", "p5", "p6", "p8"),
        "Traktionsbatterie": ("p8",),
        "accu": ("p8",),
        '"battery" pack': ("p3",),
        "battery acid) OR (x": ("p7",),
        "acid) battery": ("p7",),
    }
    for question, seeds in wanted.items():
        found = first_answer(graph, economy, question).seeds
        assert tuple(sorted(match.product_id for match in found)) == seeds, question
        assert [match.match for match in found] == sorted((match.match for match in found), reverse=True)


def test_the_very_name_comes_first_and_one_product_may_be_kept(graph, economy):
    found = first_answer(graph, economy, "动力电池")
    assert [seed.product_id for seed in found.seeds] == [
        "p5",
        "p8",
        "p6",
        "p3",
    ]  # own words before the glossary's
    assert [seed.match for seed in found.seeds] == pytest.approx([1, 1, 4 / 6, 12 / 18])
    assert found.products.set_index("product_id").loc["p6", "match"] == pytest.approx(4 / 6)
    day = next(d for d in economy.days() if any(p == "p6" for _, p in sells(economy.tables["segments"], d)))
    only = basket(graph, "动力电池", AsOf(day), only=["p6"])
    assert [seed.product_id for seed in only.seeds] == ["p6"]
    assert {match.product_id for match in only.left} <= {"p3", "p5", "p8"}
    assert only.companies.equals(basket(graph, "p6", AsOf(day)).companies)
    with pytest.raises(SnapshotError, match="does not name the product 'p1'"):
        basket(graph, "动力电池", AsOf(day), only=["p1"])


def test_a_graph_is_asked_for_its_nearest_names_and_the_glossary_for_a_misspelt_term(graph, economy):
    day = economy.days()[100]
    for question, says in (
        ("batery", "did you mean 'battery'"),
        ("电池厂", r"nearest names of this graph are 动力电池"),
        ("powder", r"the nearest names of this graph are power"),
        ("xyzzy", r"the nearest names of this graph are p\d"),
    ):
        with pytest.raises(SnapshotError, match=says):
            basket(graph, question, AsOf(day))


def test_thin_answers_say_so(graph, economy):
    found = first_answer(graph, economy, "p5")
    said = " ".join(thin(found, upstream=1, downstream=0))
    assert "no link of the value chain leads upstream" in said
    assert ("only" in said) == (len(found.companies) < 3)


def first_answer(graph, economy: Economy, question: str):
    for day in economy.days()[::40]:
        try:
            return basket(graph, question, AsOf(day))
        except SnapshotError as error:
            if "nobody" not in str(error):
                raise
    pytest.fail("nobody ever sold it")


def test_a_text_that_finds_nothing_is_answered_in_a_sentence(graph, economy):
    for question in ("zinc smelter", "", "   ", '"', "\\", "*:*", "battery zinc"):
        with pytest.raises(SnapshotError, match="no product of") as caught:
            basket(graph, question, AsOf(economy.days()[100]))
        assert "the nearest names of this graph are" in str(caught.value)


LISTS = {
    "H": ("Finance, Insurance and Real Estate", ""),
    "63": ("Insurance Carriers", "H"),
    "life": ("Life & Health Insurance", "63"),
    "fire": ("Fire, Marine & Casualty Insurance", "63"),
    "65": ("Real Estate", "H"),
    "60": ("Banking", "H"),
    "oil": ("石油、天然气", ""),
    "gas": ("液化天然气", "oil"),
    "car": ("Insurance and Repair of Cars", ""),
}


@pytest.fixture
def lists(graph, tmp_path) -> None:
    """Products whose names list several things; each company sells one of them."""
    tables = {
        "companies": [{"company_id": f"c{product}", "name": product} for product in LISTS],
        "products": [
            {"product_id": product, "name": name, "parent_id": parent}
            for product, (name, parent) in LISTS.items()
        ],
        "segments": [
            {
                "company_id": f"c{product}",
                "product_id": product,
                "weight": 1,
                "period_end": "2019-12-31",
                "announced_on": "2020-04-30",
            }
            for product in LISTS
        ],
    }
    load(graph, write(tmp_path / "lists", tables))


def test_a_product_that_lists_other_things_too_is_left_out_where_one_below_it_is_named(graph, lists):
    day = AsOf(dt.date(2020, 9, 1))
    for question, companies, apart in (
        ("insurance", {"63", "life", "fire", "car"}, {"H"}),  # nothing below "Insurance and Repair of Cars"
        ("real estate", {"65"}, {"H"}),
        ("finance", {"H", "63", "life", "fire", "65", "60"}, set()),  # nothing nearer is named
        ("insurance finance real estate", {"H", "63", "life", "fire", "65", "60"}, set()),
        ("H", {"H", "63", "life", "fire", "65", "60"}, set()),
        ("Finance, Insurance and Real Estate", {"H", "63", "life", "fire", "65", "60"}, set()),
        ("天然气", {"gas"}, {"oil"}),
        ("life", {"life"}, set()),
    ):
        found = basket(graph, question, day)
        assert {name for name in found.companies["name"]} == companies, question
        assert {match.product_id for match in found.apart} == apart, question
        assert not {match.product_id for match in found.seeds} & apart
        told = " ".join(thin(found, upstream=0, downstream=0))
        assert all(f"({product})" in told for product in apart)
        assert ("lists other things" in told) == bool(apart)
    assert chain(graph, "insurance", day).start == ("63", "life", "car", "fire")


def test_a_product_that_lists_other_things_can_be_asked_for(graph, lists):
    found = basket(graph, "insurance", AsOf(dt.date(2020, 9, 1)), only=["H"])
    assert len(found.companies) == 6 and not found.apart
