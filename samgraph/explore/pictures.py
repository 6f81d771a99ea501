"""The chain as a picture: products in columns by their links from the start, inputs on the left, uses on the right.

A node has id, name, kind, column, level (of the taxonomy), value (what it is as wide as), note, and whether it is
opened; a link goes from supplier to customer, with its weight (None where none was given).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from samgraph.errors import SnapshotError
from samgraph.explore.state import Explorer
from samgraph.graph.ask.daygraph import DayGraph, Link
from samgraph.graph.ask.search import give_way, named_products
from samgraph.graph.db.asof import AsOf
from samgraph.words import many

SEEDS = 12
"""Products of a text that a picture starts from."""
MOST = 12
"""Links of a product that are drawn in each direction until more are asked for."""
MOST_NODES = 6000


def chain_page(
    explorer: Explorer, as_of: AsOf, question: str, opened: Sequence[str], *, most: int = MOST
) -> dict[str, Any]:
    """The picture around a product, a text or a company, with more products opened by hand.

    Raises:
        SnapshotError: the question names nothing
    """
    day = explorer.day(as_of)
    said: list[str] = []
    times = {"as_of": as_of.valid, "known": as_of.known}
    rows = explorer.graph.read("chain/company", text=question, **times)
    if rows:
        seeds = sorted(
            {product for row in rows for product in row["products"]}, key=lambda p: (-value(day, p), p)
        )
        title = f"What {rows[0]['name']} sells, what goes into it and what it goes into"
        if not seeds:
            raise SnapshotError(
                f"{rows[0]['name']} has no report that is valid on {as_of.valid}; choose another day"
            )
    else:
        named = named_products(explorer.graph, question, times)
        apart = give_way(explorer.graph, named, times)
        named = tuple(match for match in named if match not in apart)
        seeds = [match.product_id for match in named]
        title = named[0].name if len(named) == 1 else f"{question}: {len(named)} products"
    if len(seeds) > SEEDS:
        said.append(f"The best {SEEDS} of the {len(seeds)} products are drawn; name one to see it.")
    return {"title": title, **walked(day, seeds[:SEEDS], opened, most=most, said=said)}


def value(day: DayGraph, product: str) -> float:
    row = day.place.get(product)
    return 0.0 if row is None else float(day.sold[row])


def walked(
    day: DayGraph, seeds: Sequence[str], opened: Sequence[str], *, most: int, said: list[str]
) -> dict[str, Any]:
    """Nodes and links of a walk from some products, each opened product with its own links."""
    column = dict.fromkeys(seeds, 0)
    drawn: dict[tuple[str, str], Link] = {}
    hidden: dict[str, int] = {}
    for product in dict.fromkeys([*seeds, *opened]):
        if product not in column:
            continue
        links = day.links(product)
        if not links:
            continue
        for upstream in (True, False):
            way = sorted(
                (one for one in links if one.upstream == upstream),
                key=lambda one: (-value(day, one.other), one.other),
            )
            room = most if len(column) < MOST_NODES else 0
            hidden[product] = hidden.get(product, 0) + max(0, len(way) - room)
            for one in way[:room]:
                column.setdefault(one.other, column[product] + (-1 if upstream else 1))
                ends = (one.other, product) if upstream else (product, one.other)
                drawn.setdefault(ends, one)
    total = sum(hidden.values())
    if total:
        said.append(
            f"Drawn: {many(len(column), 'product')}; not drawn: {many(total, 'further link')}, which “more” beside a "
            "product shows."
        )
    if not drawn:
        said.append("No link of the value chain holds for it on this day: there is no chain to walk.")
    elif len(drawn) == 1:
        said.append("One link is all that the graph has here: this is not a chain.")
    if drawn and all(one.weight is None for one in drawn.values()):
        said.append("No link has a weight: how much of an input goes into a product is not known.")
    inputs = {product for product in column if day.links(product)} if len(column) < 400 else None
    nodes = [
        {
            "id": product,
            "name": day.names.get(product, product),
            "kind": "product",
            "column": place,
            "level": day.level(product),
            "value": value(day, product),
            "companies": int(day.sellers[day.place[product]]) if product in day.place else 0,
            "start": product in seeds,
            "opened": product in seeds or product in opened,
            "ends": inputs is not None and product not in inputs,
            "hidden": hidden.get(product, 0),
        }
        for product, place in column.items()
    ]
    flows = [
        {
            "from": a,
            "to": b,
            "weight": one.weight,
            "held": "" if one.held in (a, b) else day.names.get(one.held, one.held),
        }
        for (a, b), one in drawn.items()
    ]
    return {"nodes": nodes, "links": flows, "notes": said}
