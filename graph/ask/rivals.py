"""Who else sells what a company sells, product by product; where nobody does, who sells what is nearest to it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.graph.ask.nearness import placed
from samgraph.graph.ask.pairs import require
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.rounding import EQUAL, to_digits

RIVALS = ("product_id", "share", "level", "meets", "other_id", "other_share")


def rivals(
    snapshot: Snapshot, company: str, *, tree: pd.DataFrame | None = None, top: int | None = None
) -> pd.DataFrame:
    """Tell who else sells what one company sells.

    With the taxonomy, a product that nobody else sells is looked for one level further up, until somebody sells
    anything there. `cypher/pairs/rivals.cypher` gives the same numbers, with names.

    Args:
        snapshot: the day, universe and cut (`leaf` where there is a tree)
        company: a company of the snapshot
        tree: the day's taxonomy (`product_tree`); None compares the snapshot's concepts alone
        top: at most so many rows; None is all

    Returns:
        product_id (the concept), share (of the company's revenue), level and meets (the concept where they meet),
        other_id, other_share (of the other's revenue, with all at or below it); its largest product first, and of one
        product the other with the largest share

    Raises:
        SnapshotError: the company is not in the snapshot
    """
    require(snapshot, company)
    found = _same(snapshot, company) if tree is None else _nearest(snapshot, company, tree)
    order = ["share", "product_id", "other_share", "other_id"]
    found = found.sort_values(
        order, ascending=[False, True, False, True], ignore_index=True, key=to_digits(EQUAL)
    )
    return found if top is None else found.head(top)


def unmatched(snapshot: Snapshot, company: str) -> pd.DataFrame:
    """The concepts that a company alone sells: product_id, share (of its revenue), largest first.

    Raises:
        SnapshotError: the company is not in the snapshot
    """
    require(snapshot, company)
    frame = snapshot.frame[["company_id", "product_id", "weight"]]
    alone = ~frame["product_id"].duplicated(keep=False) & (frame["company_id"] == company)
    own = frame[alone].rename(columns={"weight": "share"})[["product_id", "share"]]
    return own.sort_values(["share", "product_id"], ascending=[False, True], ignore_index=True)


def _same(snapshot: Snapshot, company: str) -> pd.DataFrame:
    frame = snapshot.frame[["company_id", "product_id", "weight"]]
    own = frame["company_id"] == company
    mine = frame[own].rename(columns={"weight": "share"})[["product_id", "share"]]
    theirs = frame[~own].rename(columns={"company_id": "other_id", "weight": "other_share"})
    levels = snapshot.concepts.rename(columns={"product_id": "meets"})
    found = mine.merge(theirs, on="product_id").assign(meets=lambda rows: rows["product_id"])
    return found.merge(levels, on="meets")[list(RIVALS)]


def _nearest(snapshot: Snapshot, company: str, tree: pd.DataFrame) -> pd.DataFrame:
    ids, taxonomy, product = placed(snapshot, tree)
    stock, weight = snapshot.edges.stock, snapshot.weight
    own = stock == snapshot.companies.index(company)
    paths = taxonomy.lineage[product]
    rows = []
    for place in np.flatnonzero(own):
        for level in range(int(taxonomy.level[product[place]]), 0, -1):
            node = paths[place, level - 1]
            below = ~own & (paths[:, level - 1] == node)
            if below.any():
                shares = np.bincount(stock[below], weights=weight[below])
                head = (ids[product[place]], float(weight[place]), level, ids[node])
                rows += [
                    (*head, snapshot.companies[other], float(shares[other]))
                    for other in np.unique(stock[below])
                ]
                break
    return pd.DataFrame(rows, columns=list(RIVALS))
