"""What the last holdings of a run would lose if one of their products fell, along the value chain."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from samgraph.factors.risk.model import node_path
from samgraph.factors.risk.stress import InputLinks, carry, stressed
from samgraph.run.inputs import Inputs

SHOCK, DEPTH, PRODUCTS = -0.1, 3, 12  # a fall of a tenth, over three links, of the largest products held
LEVEL = 2  # of the taxonomy; a product above it with nothing below stands for itself
COLUMNS = ("product_id", "name", "shock", "weight", "direct", "carried", "worst", "worst_company_id")


def stress_table(inputs: Inputs, holdings: pd.DataFrame) -> pd.DataFrame:
    """A fall of each of the largest products (level 2 of the taxonomy) that the last day's holdings sell.

    Returns:
        product_id, name, shock, weight (of what is invested, behind the product and all below it), direct, carried
        and worst (a fraction of what is invested; see `samgraph.factors.risk.stress`), worst_company_id (who loses
        most).
    """
    if holdings.empty or inputs.last_edges.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    last = holdings[holdings["date"] == holdings["date"].max()].set_index("company_id")["value"]
    weights = (last / last.sum()).to_numpy(dtype=np.float64)
    edges = inputs.last_edges[inputs.last_edges["company_id"].isin(last.index)]
    tree, links = inputs.last_tree, inputs.last_links
    names = {str(p): str(n) for p, n in zip(tree["product_id"], tree["name"], strict=True)}
    parents = {
        str(p): None if q is None or pd.isna(q) else str(q)
        for p, q in zip(tree["product_id"], tree["parent_id"], strict=True)
    }
    nodes = sorted({*names, *map(str, edges["product_id"]), *(end for a, b, _ in links for end in (a, b))})
    chain = InputLinks.of(nodes, parents, links)
    place = {node: number for number, node in enumerate(nodes)}
    stock = pd.Index(last.index).get_indexer(pd.Index(edges["company_id"]))
    node = np.array([place[str(p)] for p in edges["product_id"]], dtype=np.int64)
    share = edges["weight"].to_numpy(dtype=np.float64)
    held: dict[str, list[float]] = {}
    for product, part in zip(edges["product_id"], weights[stock] * share, strict=True):
        path = node_path(str(product), parents)[::-1]
        held.setdefault(path[min(LEVEL, len(path)) - 1], []).append(float(part))
    largest = sorted(held, key=lambda product: (-math.fsum(held[product]), product))[:PRODUCTS]
    rows = []
    for product in largest:
        shocks = np.zeros(len(nodes))
        shocks[place[product]] = SHOCK
        found = stressed(weights, stock, node, share, carry(chain, shocks, DEPTH))
        rows.append(
            (
                product,
                names.get(product, product),
                SHOCK,
                math.fsum(held[product]),
                math.fsum(weights * found["direct"]),
                math.fsum(found["loss"]),
                math.fsum(found["worst"]),
                str(last.index[int(found["loss"].to_numpy().argmin())]),
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
