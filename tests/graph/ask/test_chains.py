"""Walks along the value chain against a plain search over the tables, and the same numbers from Cypher."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracles.cuts import path
from oracles.economy import Economy, valid, write
from oracles.sells import sells

from samgraph.errors import SnapshotError
from samgraph.graph.ask.chains import chain
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load

LINKS = (
    ("p1", "p3", 0.5),
    ("p2", "p1", 0.25),
    ("p3", "p8", None),
    ("p8", "p6", 0.5),
    ("p4", "p2", 0.75),
    ("p5", "p1", 0.1),
    ("p7", "p4", 0.3),
    ("p6", "p3", 0.9),
    ("p0", "p7", 0.2),
)


@pytest.fixture
def economy(graph, tmp_path) -> Economy:
    made = Economy(np.random.default_rng(8))
    rows = []
    for supplier, customer, weight in LINKS:
        first, last = made.turns(2)
        link = {"supplier_id": supplier, "customer_id": customer}
        rows.append({**link, "weight": weight, "valid_from": first, "valid_to": last})
        rows.append(
            {
                **link,
                "weight": None if weight is None else weight / 2,
                "valid_from": last,
                "valid_to": None,
            }
        )
    made.tables["product_links"] = rows[:5] + rows[6:]  # one link ends
    load(graph, write(tmp_path / "data", made.tables))
    return made


def search(economy: Economy, day, core: set[str], links: int, upstream: bool) -> dict[str, tuple[int, float]]:
    """Product -> (links, strength), by looking at every way of each length."""
    rows = valid(economy.tables["products"], day)
    up = {row["product_id"]: row["parent_id"] for row in rows if row["parent_id"]}
    pairs = [
        (row["supplier_id"], row["customer_id"], math.nan if row["weight"] is None else row["weight"])
        for row in valid(economy.tables["product_links"], day)
    ]
    found: dict[str, tuple[int, float]] = {}
    ways = [(product, 1.0) for product in core]  # the end of each way and its strength
    for step in range(1, links + 1):
        longer = []
        for end, strength in ways:
            for supplier, customer, weight in pairs:
                here, there = (customer, supplier) if upstream else (supplier, customer)
                if here in path(end, up):  # a link of anything above holds here, too
                    longer += [(p, strength * weight) for p in economy.products if there in path(p, up)]
        ways = [(p, s) for p, s in longer if p not in core and p not in found]
        for product in {p for p, _ in ways}:
            known = [s for p, s in ways if p == product and not math.isnan(s)]
            found[product] = (step, max(known, default=math.nan))
        # Further ways start from the strongest alone, which is what a product of weights keeps.
        ways = [(p, s) for p, (n, s) in found.items() if n == step]
    return found


def same(value, wanted) -> None:
    assert value == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("links", [1, 2, 3])
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_a_walk_equals_a_plain_search_and_that_of_cypher(graph, economy, links, direction):
    met = unknown = 0
    up = direction == "upstream"
    for day in economy.days()[::67]:
        rows = valid(economy.tables["products"], day)
        above = {row["product_id"]: row["parent_id"] for row in rows if row["parent_id"]}
        sold = sells(economy.tables["segments"], day)
        for start in ("p3", "p6", "c0", "c2"):
            if start.startswith("c"):
                core = {product for company, product in sold if company == start}
            else:
                core = {p for p in economy.products if start in path(p, above)}
            counts = {"upstream": links if up else 0, "downstream": 0 if up else links}
            if not core:
                with pytest.raises(SnapshotError, match="no report that is valid"):
                    chain(graph, start, AsOf(day), **counts)
                continue
            found = chain(graph, start, AsOf(day), **counts)
            wanted = search(economy, day, core, links, up)
            products = found.products
            assert products["product_id"].is_unique and set(products["direction"]) <= {direction}
            assert set(products["product_id"]) == wanted.keys()
            for row in products.itertuples():
                assert row.links == wanted[row.product_id][0]
                same(row.strength, wanted[row.product_id][1])
                unknown += math.isnan(row.strength)
            earned = {key: edge.weight for key, edge in sold.items() if key[1] in wanted}
            purity: dict[str, float] = {}
            for (company, _), share in earned.items():
                purity[company] = purity.get(company, 0.0) + share
            told = {(row.company_id, row.product_id): row for row in found.companies.itertuples()}
            assert told.keys() == earned.keys()
            for key, row in told.items():
                same((row.share, row.purity), (earned[key], purity[key[0]]))
            asked = graph.read(f"chain/{direction}", start=start, links=links, as_of=day, known=None)
            assert [(row["company_id"], row["product_id"]) for row in asked] == list(told)
            for row in asked:
                mine = told[row["company_id"], row["product_id"]]
                assert (row["links"], row["name"], row["company"]) == (mine.links, mine.name, mine.company)
                strength = math.nan if row["strength"] is None else row["strength"]
                same((strength, row["share"], row["purity"]), (mine.strength, mine.share, mine.purity))
            met += len(told)
    assert met > 10 and unknown > 0  # or the test would compare nothing


def test_both_directions_come_in_one_table_of_members_alone(graph, economy):
    day = next(
        day
        for day in economy.days()[::13]
        if any(row["universe"] == "U" for row in valid(economy.tables["universes"], day))
        and len(chain(graph, "p3", AsOf(day), upstream=3, downstream=3).companies["direction"].unique()) == 2
    )
    everyone = chain(graph, "p3", AsOf(day), upstream=3, downstream=3)
    members = {r["company_id"] for r in valid(economy.tables["universes"], day) if r["universe"] == "U"}
    inside = chain(graph, "p3", AsOf(day), universe="U", upstream=3, downstream=3)
    assert set(inside.companies["company_id"]) == set(everyone.companies["company_id"]) & members
    assert list(everyone.companies["direction"]) == sorted(everyone.companies["direction"], reverse=True)
    with pytest.raises(SnapshotError, match="no universe 'Nowhere'"):
        chain(graph, "p3", AsOf(day), universe="Nowhere")
    with pytest.raises(SnapshotError, match="no product of"):
        chain(graph, "zinc smelter", AsOf(day))
