"""Search, and a product's page: who sells it, what goes into it, what it goes into."""

from __future__ import annotations

from typing import Any

import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.explore.state import Explorer
from samgraph.explore.tables import Column, or_sentence, table
from samgraph.graph.ask.companies import find_companies
from samgraph.graph.ask.daygraph import DayGraph
from samgraph.graph.ask.search import find_products
from samgraph.graph.db.asof import AsOf
from samgraph.words import many

FOUND = 12
PRODUCT = Column("product", "product", "product", "product_id")
COMPANY = Column("company", "company", "company", "company_id")


def search(explorer: Explorer, as_of: AsOf, text: str, *, most: int = FOUND) -> dict[str, Any]:
    """Products and companies that a text names, best first, with what is behind each."""
    words = text.strip()
    if not words:
        return {"products": [], "companies": [], "more": False}
    times = {"as_of": as_of.valid, "known": as_of.known}
    found = find_products(explorer.graph, words, times, limit=most + 1)
    day = or_none(explorer, as_of)
    companies = find_companies(explorer.graph, words, as_of, limit=most + 1)
    return {
        "products": [
            {
                "id": match.product_id,
                "name": match.name,
                "path": [] if day is None else [day.names.get(p, p) for p in day.path(match.product_id)[:-1]],
                "companies": 0 if day is None else sellers(day, match.product_id),
            }
            for match in found[:most]
        ],
        "companies": [
            {"id": row["company_id"], "name": row["name"], "products": int(row["products"])}
            for row in companies.head(most).to_dict("records")
        ],
        "more": len(found) > most or len(companies) > most,
    }


def or_none(explorer: Explorer, as_of: AsOf) -> DayGraph | None:
    """The day's graph; None where nothing was reported then."""
    try:
        return explorer.day(as_of)
    except SnapshotError:
        return None


def sellers(day: DayGraph, product: str) -> int:
    row = day.place.get(product)
    return 0 if row is None else int(day.sellers[row])


def product_page(explorer: Explorer, as_of: AsOf, product_id: str) -> dict[str, Any]:
    """A product: where it stands, who sells it, what it is made of and goes into, its factor return."""
    day = explorer.day(as_of)
    row = day.require(product_id)
    path = day.path(product_id)
    who = explorer.named(as_of, day.who_sells([product_id]), company_id="company")
    notes = []
    if who.empty:
        notes.append(f"Nobody reports it, or anything below it, on {as_of.valid}.")
    elif len(who) < 3:
        notes.append(f"Only {many(len(who), 'company')} {'sells' if len(who) == 1 else 'sell'} it.")
    tables = [
        table(
            "sellers",
            "Who sells it",
            who,
            [
                COMPANY,
                Column("share", "share of its revenue", "share"),
                Column("products", "products", "whole"),
            ],
            note="With everything below it in the taxonomy.",
        ),
    ]
    tables += _linked(day, product_id, notes)
    children = pd.DataFrame(
        [
            (p, day.names.get(p, p), sellers(day, p), float(day.sold[day.place[p]]))
            for p in day.children(product_id)
        ],
        columns=["product_id", "product", "sellers", "sold"],
    ).sort_values(["sold", "product_id"], ascending=[False, True])
    if len(children):
        tables.append(
            table(
                "below",
                "Right below it",
                children,
                [PRODUCT, Column("sellers", "companies", "whole"), Column("sold", "revenue", "number")],
                note="Revenue in companies' worth: the sum of shares of revenue.",
                most=200,
            )
        )
    answer: dict[str, Any] = {
        "title": day.names[product_id],
        "subtitle": f"{product_id} · level {day.level(product_id)} · {many(int(day.sellers[row]), 'company')} · "
        f"revenue of {day.sold[row]:.2f} companies' worth",
        "path": [{"id": p, "name": day.names.get(p, p)} for p in path],
        "notes": notes,
        "tables": tables,
    }
    if explorer.run is not None:
        run = explorer.run
        answer["factor"] = or_sentence(lambda: run.factor_return(path, as_of))
        answer["brought"] = or_sentence(lambda: run.brought.product(path, day.names, as_of))
    return answer


def _linked(day: DayGraph, product_id: str, notes: list[str]) -> list[dict[str, Any]]:
    links = day.links(product_id)
    rows = pd.DataFrame(
        [
            (
                one.upstream,
                one.other,
                day.names.get(one.other, one.other),
                one.weight,
                sellers(day, one.other),
                "" if one.held == product_id else day.names.get(one.held, one.held),
            )
            for one in links
        ],
        columns=["upstream", "product_id", "product", "weight", "sellers", "held"],
    )
    columns = [
        PRODUCT,
        Column("weight", "weight of the link", "number"),
        Column("sellers", "companies", "whole"),
        Column("held", "given for"),
    ]
    made, missing = [], []
    for upstream, title in ((True, "What goes into it"), (False, "What it goes into")):
        part = rows[rows["upstream"] == upstream].sort_values(
            ["sellers", "product_id"], ascending=[False, True]
        )
        if part.empty:
            missing.append("upstream" if upstream else "downstream")
        else:
            made.append(table("up" if upstream else "down", title, part, columns))
    if missing:
        notes.append(f"No link of the value chain leads {' or '.join(missing)} from it.")
    if len(links) == 1:
        notes.append("One link is all that the graph has for it: this is not a chain.")
    return made
