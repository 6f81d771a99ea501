"""A company's page: what it sells, through the levels and over time, its chain, rivals, reports and scores."""

from __future__ import annotations

from typing import Any

import pandas as pd

from samgraph.explore.products import COMPANY, PRODUCT, sellers
from samgraph.explore.state import Explorer
from samgraph.explore.tables import Column, or_sentence, table
from samgraph.graph.ask.chains import chain
from samgraph.graph.ask.companies import company, company_reports
from samgraph.graph.ask.daygraph import DayGraph
from samgraph.graph.ask.nearness import along_taxonomy
from samgraph.graph.ask.pairs import pairs
from samgraph.graph.ask.rivals import unmatched
from samgraph.graph.db.asof import AsOf
from samgraph.words import many

RIVALS = 20


def company_page(explorer: Explorer, as_of: AsOf, company_id: str) -> dict[str, Any]:
    """A company: what it sells, through the levels and over time, who supplies it, who buys, its rivals, its scores."""
    about = company(explorer.graph, company_id, as_of)
    day = explorer.day(as_of)
    reports = company_reports(explorer.graph, company_id, as_of)
    notes, tables = [], []
    frame = day.reported.frame
    own = frame[frame["company_id"] == company_id].sort_values("weight", ascending=False)
    if own.empty:
        notes.append(f"No report of {about.name} is valid on {as_of.valid}.")
    else:
        covered = float(own["weight"].sum())
        if covered < 0.995:
            notes.append(f"{1 - covered:.1%} of its revenue is not assigned to any product.")
        alone = unmatched(day.reported, company_id)
        if len(alone):
            first = alone.head(4)
            names = [day.names.get(str(product), str(product)) for product in first["product_id"]]
            told = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, first["share"], strict=True))
            others = " and others" if len(alone) > len(first) else ""
            share = float(alone["share"].sum())
            notes.append(f"{share:.1%} of its revenue has no exact match: nobody else sells {told}{others}.")
    sold = own.assign(
        product=[day.names.get(p, p) for p in own["product_id"]],
        level=[day.level(p) for p in own["product_id"]],
        path=[_above(day, p) for p in own["product_id"]],
        others=[sellers(day, p) - 1 for p in own["product_id"]],
    )
    columns = [PRODUCT, Column("weight", "share of revenue", "share"), Column("level", "level", "whole")]
    columns += [Column("others", "other sellers", "whole"), Column("path", "above it")]
    tables.append(table("sold", f"What it sells on {as_of.valid}", sold, columns))
    if len(own):
        tables += _around(explorer, as_of, company_id, notes)
        tables.append(_rivals(explorer, day, company_id))
    tables.append(_reports(reports))
    answer: dict[str, Any] = {
        "title": about.name,
        "subtitle": " · ".join(
            filter(
                None,
                [
                    company_id,
                    about.exchange,
                    about.listed_on and f"listed {about.listed_on}",
                    *about.universes,
                ],
            )
        ),
        "notes": notes,
        "tables": tables,
        "levels": _levels(day, own),
        "history": _history(day, reports, as_of),
    }
    if explorer.run is not None:
        run = explorer.run
        answer["scores"] = or_sentence(lambda: run.scores(company_id, as_of))
        answer["held"] = or_sentence(lambda: run.brought.company(company_id, as_of))
    return answer


def _around(explorer: Explorer, as_of: AsOf, company_id: str, notes: list[str]) -> list[dict[str, Any]]:
    """Who supplies a company and who uses what it sells, one link away; the numbers of `samgraph chain`."""
    walked = chain(explorer.graph, company_id, as_of, upstream=1, downstream=1)
    made: list[dict[str, Any]] = []
    missing: list[str] = []
    words = (
        ("upstream", "Suppliers", "makes an input"),
        ("downstream", "Customers", "makes what it goes into"),
    )
    for direction, title, does in words:
        products = walked.products[walked.products["direction"] == direction]
        rows = walked.companies[walked.companies["direction"] == direction].rename(
            columns={"name": "product"}
        )
        rows = rows[rows["company_id"] != company_id].sort_values(
            ["share", "company_id"], ascending=[False, True]
        )
        if products.empty:
            missing.append(direction)
            continue
        if rows.empty:
            notes.append(
                f"No company of the graph sells what lies one link {direction}: {many(len(products), 'product')}."
            )
            continue
        columns = [
            COMPANY,
            PRODUCT,
            Column("share", "share of its revenue", "share"),
            Column("strength", "strength of the link", "number"),
        ]
        note = f"One link of the value chain: a company that {does}. No figure of trade between the two is known."
        made.append(table(direction, title, rows, columns, note=note, most=100))
    if missing:
        notes.append(f"No link of the value chain leads {' or '.join(missing)} from what it sells.")
    return made


def _above(day: DayGraph, product: str) -> str:
    """The next two products above one; its own page has them all."""
    names = [day.names.get(one, one) for one in day.path(product)[:-1]]
    return " › ".join(names if len(names) <= 2 else ["…", *names[-2:]])


def _rivals(explorer: Explorer, day: DayGraph, company_id: str) -> dict[str, Any]:
    near = explorer.keep(("near", day.as_of), lambda: along_taxonomy(day.reported, day.tree))
    rows = pairs(near, company=company_id, top=RIVALS)
    rows = explorer.named(day.as_of, rows, other_id="other", meets="product")
    columns = [
        Column("other", "company", "company", "other_id"),
        Column("overlap", "overlap", "share"),
        Column("product", "meets at", "product", "meets"),
        Column("level", "level", "whole"),
    ]
    note = "Overlap of revenue along the taxonomy; of all, the nearest."
    return table("rivals", "Rivals", rows, columns, note=note)


def _reports(reports: pd.DataFrame) -> dict[str, Any]:
    keys = ["valid_from", "valid_to", "period_end", "announced_on"]
    rows = reports.groupby(keys, dropna=False, sort=False)["weight"].agg(["count", "sum"]).reset_index()
    columns = [
        Column("period_end", "period end", "day"),
        Column("announced_on", "announced", "day"),
        Column("valid_from", "used from", "day"),
        Column("valid_to", "until", "day"),
        Column("count", "products", "whole"),
        Column("sum", "revenue assigned", "share"),
    ]
    return table(
        "reports", "Its reports", rows, columns, note="A report is used from the day after it was announced."
    )


def _levels(day: DayGraph, own: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """The company's revenue at each level of the taxonomy, each part below the one that it belongs to.

    A part has id, name, share and tree (the place of its root, for a colour); where a product stands higher than the
    level, id is None.
    """
    sold = [
        (day.path(product), float(weight))
        for product, weight in zip(own["product_id"], own["weight"], strict=True)
    ]
    under: dict[tuple[str, ...], float] = {}
    for path, weight in sold:
        for level in range(len(path)):
            key = tuple(path[: level + 1])
            under[key] = under.get(key, 0.0) + weight
    rank = [[(-under[tuple(path[: n + 1])], path[n]) for n in range(len(path))] for path, _ in sold]
    order = sorted(range(len(sold)), key=lambda at: rank[at])
    trees = list(dict.fromkeys(sold[at][0][0] for at in order))
    levels = []
    for level in range(max((len(path) for path, _ in sold), default=0)):
        row: list[dict[str, Any]] = []
        for at in order:
            path, weight = sold[at]
            node = path[level] if level < len(path) else None
            if row and row[-1]["id"] == node:
                row[-1]["share"] += weight
            else:
                name = "" if node is None else day.names.get(node, node)
                row.append({"id": node, "name": name, "share": weight, "tree": trees.index(path[0])})
        levels.append(row)
    return levels


def _history(day: DayGraph, reports: pd.DataFrame, as_of: AsOf) -> dict[str, Any]:
    """Shares of revenue by the product's second level, over the reports; the taxonomy is the day's."""
    names: dict[str, str] = {}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in reports.to_dict("records"):
        path = day.path(row["product_id"])
        node = path[min(1, len(path) - 1)]
        names[node] = day.names.get(node, row["name"])
        part = found.setdefault((str(row["valid_from"]), str(row["valid_to"] or as_of.valid)), {})
        part[node] = part.get(node, 0.0) + float(row["weight"])
    spans = sorted(found)
    shares = [found[span] for span in spans]
    order = sorted(names, key=lambda node: -sum(part.get(node, 0.0) for part in shares))
    return {
        "first": [first for first, _ in spans],
        "last": [last for _, last in spans],
        "parts": [
            {"id": node, "name": names[node], "shares": [part.get(node, 0.0) for part in shares]}
            for node in order
        ],
    }
