"""The desk's answers: baskets composed by hand and compared, pairs, and what a list of holdings really holds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError, SnapshotError
from samgraph.explore.products import COMPANY, PRODUCT
from samgraph.explore.run_risk import holdings_risk_tables
from samgraph.explore.state import Explorer
from samgraph.explore.tables import Column, or_sentence, table
from samgraph.graph.ask.baskets import Basket, basket, basket_of, thin
from samgraph.graph.ask.names import require_company
from samgraph.graph.ask.nearness import along_taxonomy
from samgraph.graph.ask.pairs import pairs
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.db.asof import AsOf
from samgraph.spreadsheets import from_spreadsheet
from samgraph.words import many

MOST_PAIRS = 500


def basket_page(
    explorer: Explorer,
    as_of: AsOf,
    *,
    question: str,
    products: Sequence[str],
    without: Sequence[str],
    versus: Sequence[str],
    universe: str | None,
    upstream: int,
    downstream: int,
) -> dict[str, Any]:
    """A basket of chosen products (or of those that a text names), less some companies, beside another one.

    Raises:
        SnapshotError: no such product or universe, or nobody sells any of it
    """
    links: dict[str, Any] = {"upstream": upstream, "downstream": downstream}
    if products:
        found = basket_of(explorer.graph, products, as_of, universe=universe, **links)
    else:
        found = basket(explorer.graph, question, as_of, universe=universe, **links)
    rows = _without(found, without)
    notes = [f"{line[0].upper()}{line[1:]}." for line in thin(found, **links)]
    columns = [COMPANY, Column("weight", "weight", "share"), Column("purity", "purity", "share")]
    if upstream or downstream:
        columns += [Column(part, part, "share") for part in ("core", "upstream", "downstream")]
    answer: dict[str, Any] = {
        "title": "Basket",
        "subtitle": f"{many(len(found.products), 'product')}, {many(len(rows), 'company')}, weights by purity",
        "seeds": [{"id": one.product_id, "name": one.name} for one in found.seeds],
        "notes": notes,
        "tables": [
            table(
                "basket",
                "Companies",
                rows,
                columns,
                note="Purity is the share of a company's revenue inside the basket; weights sum to 1.",
            ),
            table(
                "products",
                "Products",
                found.products.rename(columns={"name": "product"}),
                [PRODUCT, Column("part", "part"), Column("links", "links", "whole")],
            ),
        ],
    }
    if versus:
        other = _without(basket_of(explorer.graph, versus, as_of, universe=universe, **links), ())
        answer["tables"].insert(0, _compared(rows, other))
    return answer


def _without(found: Basket, companies: Sequence[str]) -> pd.DataFrame:
    rows = found.companies[~found.companies["company_id"].isin(companies)].rename(columns={"name": "company"})
    total = float(rows["purity"].sum())
    if not total > 0:
        raise SnapshotError("no company is left in the basket; take fewer of them out")
    return rows.assign(weight=rows["purity"] / total)


def _compared(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, Any]:
    keys = ["company_id", "company", "weight"]
    both = one[keys].merge(two[keys], on="company_id", how="outer", suffixes=("", "_other"))
    both["company"] = both["company"].fillna(both["company_other"])
    weights = both[["weight", "weight_other"]].fillna(0.0).to_numpy()
    both["difference"] = weights[:, 0] - weights[:, 1]
    order = np.lexsort((both["company_id"], -np.abs(both["difference"])))
    common = int(both[["weight", "weight_other"]].notna().all(axis=1).sum())
    columns = [
        COMPANY,
        Column("weight", "this basket", "share"),
        Column("weight_other", "the other", "share"),
    ]
    columns.append(Column("difference", "difference", "share"))
    note = (
        f"They have {many(common, 'company')} and {weights.min(axis=1).sum():.1%} of their weight in common."
    )
    return table("compared", "Beside the other basket", both.iloc[order], columns, note=note)


def pairs_page(
    explorer: Explorer, as_of: AsOf, *, universe: str | None, company: str | None, by: str, top: int
) -> dict[str, Any]:
    """Pairs of companies that sell near things.

    Raises:
        SnapshotError: no such universe or company
    """

    def make() -> Any:
        found = (
            explorer.day(as_of).reported
            if universe is None
            else snapshot(explorer.graph, as_of, universe=universe)
        )
        return along_taxonomy(found, product_tree(explorer.graph, found.as_of))

    near = explorer.keep(("near", as_of) if universe is None else ("near", as_of, universe), make)
    if company is not None:
        require_company(explorer.graph, near, company)
    rows = pairs(near, company=company, top=top, by="cosine" if by == "cosine" else "overlap")
    total = int(rows.attrs["pairs"])
    rows = explorer.named(as_of, rows, company_id="company", other_id="other", meets="product")
    columns = [
        COMPANY,
        Column("other", "with", "company", "other_id"),
        Column("overlap", "overlap", "share"),
        Column("cosine", "cosine", "number"),
        Column("product", "meets at", "product", "meets"),
        Column("level", "level", "whole"),
    ]
    note = f"The first {len(rows):,} of {total:,} pairs." if total > len(rows) else ""
    subtitle = f"{many(len(near.companies), 'company')} of {universe or 'the whole graph'}, compared along the taxonomy"
    return {
        "title": "Pairs",
        "subtitle": subtitle,
        "notes": [],
        "tables": [table("pairs", "Pairs", rows, columns, note=note)],
    }


def holdings_page(explorer: Explorer, as_of: AsOf, text: str) -> dict[str, Any]:
    """What holdings (CSV with company_id and weight or value) really hold, product by product.

    Raises:
        DatasetError: no such table
    """
    from samgraph.desk.holdings_risk import holdings_risk, read_holdings

    try:
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise DatasetError(
            f"the file is no table: {error}; give company_id and weight, separated by commas"
        ) from error
    for name in frame.columns:
        frame[name] = [from_spreadsheet(value) for value in frame[name]]
    holdings = read_holdings(frame, "the file")
    found = holdings_risk(explorer.graph, holdings, as_of)
    figures = found.concentration.assign(
        family=found.concentration["family"] + " level " + found.concentration["level"].map(_level)
    )
    products = found.products[found.products["weight"].abs() > 0].rename(columns={"name": "product"})
    twins = explorer.named(
        as_of,
        found.twins.rename(columns={"company_a": "company_id", "company_b": "other_id"}),
        company_id="company",
        other_id="other",
    )
    lost = explorer.named(as_of, found.uncovered, company_id="company")
    share = float(found.uncovered.drop_duplicates("company_id")["weight"].abs().sum()) / found.invested
    notes = (
        [f"Without a product on the day: {many(len(found.uncovered), 'holding')} ({share:.1%})."]
        if len(found.uncovered)
        else []
    )
    effective = [
        Column("family", "by"),
        Column("effective", "effective number", "number"),
        Column("name", "largest"),
    ]
    effective += [
        Column("share", "its share", "share"),
        Column("covered", "covered", "share"),
        Column("groups", "groups", "whole"),
    ]
    answer: dict[str, Any] = {
        "title": "Holdings",
        "subtitle": f"{many(len(holdings), 'holding')}, invested {found.invested:.1%}",
        "notes": notes,
        "tables": [
            table("concentration", "Hidden concentration", figures, effective),
            table(
                "exposure",
                "By product",
                products,
                [
                    PRODUCT,
                    Column("level", "level", "whole"),
                    Column("weight", "share of the holdings", "share"),
                ],
                note="Holdings times shares of revenue, with everything below each product.",
            ),
            table(
                "twins",
                "Holdings that sell the same",
                twins,
                [
                    COMPANY,
                    Column("other", "with", "company", "other_id"),
                    Column("overlap", "overlap", "share"),
                    Column("weight", "weight of both", "share"),
                ],
            ),
        ],
    }
    if len(lost):
        columns = [
            Column("company", "company"),
            Column("company_id", "id"),
            Column("weight", "weight", "share"),
            Column("cause", "cause"),
        ]
        answer["tables"].append(table("uncovered", "Not covered", lost, columns))
    if explorer.run is not None:
        run, tree = explorer.run, product_tree(explorer.graph, found.as_of)
        parents, names = (
            dict(zip(tree["product_id"], tree[column], strict=True)) for column in ("parent_id", "name")
        )
        said = or_sentence(lambda: holdings_risk_tables(run.run, holdings, as_of, parents, names))
        answer["subtitle"] = ", ".join(filter(None, (answer["subtitle"], said.get("subtitle"))))
        answer["notes"] += said.get("notes", [said.get("note")])
        answer["tables"] = [*said.get("tables", []), *answer["tables"]]
    return answer


def _level(level: Any) -> str:
    return "as labelled" if pd.isna(level) else f"{int(level)}"
