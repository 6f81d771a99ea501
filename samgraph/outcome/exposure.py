"""What a portfolio holds, through the product taxonomy; and which data a run lacked, by cause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]

# Columns of a series' coverage: why a member has no product edge on a day.
_EDGELESS = {
    "never_reported": "never reported by then: no report that could be used",
    "expired": "its newest report had expired",
    "lost_to_cut": "cut away: its products are too rare or too general",
}


def exposure_table(inputs: Inputs, holdings: pd.DataFrame) -> pd.DataFrame:
    """Product exposure of the last day's holdings, rolled up through the taxonomy of that day.

    Returns:
        product_id, name, parent_id (None for a root), weight (holdings x revenue share, of the subtree, as a share
        of what is invested), active_weight (less the same of the universe by `universe_weights`); products of
        which the portfolio holds something. Children sum to their parent less what is reported at the parent itself.
    """
    columns = ["product_id", "name", "parent_id", "weight", "active_weight"]
    if holdings.empty:
        return pd.DataFrame(columns=columns)
    tree, leaf = inputs.last_tree.set_index("product_id"), inputs.last_edges
    held = _last_weights(holdings)
    caps = _last_caps(inputs)
    own, universe = (_sums(leaf, weights, tree) for weights in (held, caps))
    table = tree.assign(weight=own, active_weight=own - universe).reset_index()
    return table.loc[table["weight"] > 0, columns].reset_index(drop=True)


def sellers_table(inputs: Inputs, holdings: pd.DataFrame) -> pd.DataFrame:
    """Which of the last day's holdings each product's exposure comes from, as their reports name it.

    Returns:
        product_id (as reported, not rolled up), company_id, weight (holding x revenue share, as a share of what is
        invested), revenue_share; the weights of a product sum to what `exposure_table` gives it beside its children.
    """
    columns = ["product_id", "company_id", "weight", "revenue_share"]
    if holdings.empty:
        return pd.DataFrame(columns=columns)
    edges = inputs.last_edges
    held = edges["company_id"].map(_last_weights(holdings)).fillna(0.0)
    table = edges.assign(weight=edges["weight"] * held, revenue_share=edges["weight"])
    order = ["product_id", "company_id"]
    return table.loc[table["weight"] > 0, columns].sort_values(order).reset_index(drop=True)


def coverage_table(inputs: Inputs, score: FloatArray) -> pd.DataFrame:
    """Stock-days of the universe in the test period that lack something, by cause.

    Returns:
        what, count, share (of member stock-days), cause
    """
    test, market = inputs.test, inputs.market
    member = market.member[test]
    total = max(int(member.sum()), 1)
    lacks = {
        "members of the universe": (member, ""),
        "without an industry": (member & (inputs.sectors[test] < 0), "no label valid on the day"),
        "without a market cap": (
            member & ~(market.market_cap[test] > 0),
            "empty in bars: in no neutral figure of a day on which most have one; weighs as the day's median",
        ),
        "without a bar": (member & ~np.isfinite(market.close[test]), "no row in bars"),
        "not tradable": (
            member & np.isfinite(market.close[test]) & ~market.tradable[test],
            "suspended, or no volume",
        ),
        "without a score": (member & ~np.isfinite(score[test]), "too little history"),
    }
    rows = [(what, int(mask.sum()), mask.sum() / total, cause) for what, (mask, cause) in lacks.items()]
    days = inputs.products.coverage.iloc[test]
    edgeless = [
        ("without a product edge", int(days[column].sum()), days[column].sum() / total, cause)
        for column, cause in _EDGELESS.items()
    ]
    rows[1:1] = edgeless
    return pd.DataFrame(rows, columns=["what", "count", "share", "cause"])


def _last_weights(holdings: pd.DataFrame) -> pd.Series:
    last = holdings[holdings["date"] == holdings["date"].max()]
    value = last.set_index("company_id")["value"]
    weight: pd.Series = value / value.sum()
    return weight


def _last_caps(inputs: Inputs) -> pd.Series:
    weights = universe_weights(inputs.market)[inputs.test.stop - 1]
    return pd.Series(weights, index=list(inputs.market.stocks))


def _sums(leaf: pd.DataFrame, weights: pd.Series, tree: pd.DataFrame) -> pd.Series:
    """Weighted revenue of every product's subtree, indexed as `tree`."""
    amount = leaf["weight"] * leaf["company_id"].map(weights).fillna(0.0)
    total = amount.groupby(leaf["product_id"]).sum().reindex(tree.index, fill_value=0.0)
    step = total[total > 0]
    while len(step):  # one level up at a time; a load refuses cycles, so this ends at the roots
        above = tree["parent_id"].reindex(step.index)
        step = step.groupby(above).sum()
        total = total.add(step, fill_value=0.0)
    return total.reindex(tree.index)
