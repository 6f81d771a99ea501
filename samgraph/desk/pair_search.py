"""Pairs to trade, as of a day: companies that sell the same things, liquid and long enough listed, with their spread.

Who sells what comes from the graph; prices come from the dataset's bars, of days up to the one asked about and no
later. A company passes if the median of its traded value over the last days is high enough (a day without a bar counts
as nothing traded); a pair, if both have bars on enough common days of the window. The pairs that pass, best overlap
first, are the family of tests whose false discoveries are controlled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.factors.arrays import Floats
from samgraph.factors.signals.pair_spread import Rule, pair_spreads
from samgraph.graph.ask.names import require_company
from samgraph.graph.ask.nearness import TAXONOMY, along_taxonomy
from samgraph.graph.ask.pairs import Measure, pairs
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.check.series import read_bars
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.progress import stage


@dataclass(frozen=True)
class Filters:
    """What a pair must pass to be tested.

    Attributes:
        least_overlap: of the two, over the cut.
        least_value: median traded value a day of either, in the bars' currency, over `value_days` trading days.
        window: trading days up to the day asked about that a test looks at.
        least_days: days of the window on which both have a bar.
        most: at most so many pairs are tested, best overlap first.
    """

    least_overlap: float = 0.3
    least_value: float = 0.0
    value_days: int = 60
    window: int = 500
    least_days: int = 250
    most: int = 500


@dataclass(frozen=True, eq=False)
class PairSearch:
    """The findings.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for.
        frame: one row per tested pair, smallest p-value first: the columns of `pairs`, traded (the
            smaller of the two median values), then the columns of `factors.pair_spread` with dependent as a
            company_id.
        overlapping, liquid, tested: pairs with the overlap, those of them that are liquid, those tested.
        last: the last trading day of the bars up to the day.
    """

    as_of: AsOf
    frame: pd.DataFrame
    overlapping: int
    liquid: int
    tested: int
    last: pd.Timestamp


def pair_search(
    graph: Graph,
    dataset: Dataset,
    as_of: AsOf,
    *,
    universe: str | None = None,
    cut: str = TAXONOMY,
    company: str | None = None,
    by: Measure = "overlap",
    filters: Filters | None = None,
    rule: Rule = "by",
) -> PairSearch:
    """Find pairs that share products, pass the filters, and test their spreads.

    Args:
        graph: an open connection.
        dataset: has the bars.
        as_of: the day, and optionally the moment of knowledge to replay.
        universe: its members of that day only; None is every company with an edge.
        cut: over whose concepts overlap is measured; `taxonomy` counts near products in part (`along_taxonomy`).
        company: only its pairs.
        by: what ranks the pairs that are tested.
        filters: see `Filters`.
        rule: of the false discovery rate (`factors.pair_spread`).

    Raises:
        SnapshotError: a day without edges, an unknown universe or company, a bad cut.
        DatasetError: no bars up to the day, or none of a company of the snapshot.
    """
    limits = filters or Filters()
    found = snapshot(graph, as_of, universe=universe, cut="leaf" if cut == TAXONOMY else cut)
    if company is not None:
        require_company(graph, found, company)
    sold = along_taxonomy(found, product_tree(graph, found.as_of)) if cut == TAXONOMY else found
    candidates = pairs(sold, company=company, by=by, least=limits.least_overlap)
    with stage("read bars"):
        bars = _bars(dataset, found.as_of)
        table = bars[bars["company_id"].isin({*candidates["company_id"], *candidates["other_id"]})]
        days = pd.DatetimeIndex(np.unique(bars["date"].to_numpy()))[-max(limits.window, limits.value_days) :]
        prices, values = _panels(table, days)
    traded = values.iloc[-limits.value_days :].median()
    first, other = (
        traded.index.get_indexer(pd.Index(candidates[side])) for side in ("company_id", "other_id")
    )
    value = traded.to_numpy()
    known = (first >= 0) & (other >= 0)
    smaller = (
        np.where(known, np.minimum(value[first], value[other]), np.nan)
        if len(value)
        else np.full(len(first), np.nan)
    )
    liquid = known & (smaller >= limits.least_value)
    window = prices.iloc[-limits.window :].to_numpy()
    common = _common_days(window, first, other, liquid)
    chosen = np.flatnonzero(liquid & (common >= limits.least_days))[: limits.most]
    with stage("test spreads", len(chosen)) as under_way:
        spreads = pair_spreads(window, first[chosen], other[chosen], rule=rule, advance=under_way.advance)
    spreads["dependent"] = traded.index.to_numpy()[spreads["dependent"].to_numpy()]
    head = candidates.iloc[chosen].reset_index(drop=True).assign(traded=smaller[chosen])
    frame = pd.concat([head, spreads], axis=1).sort_values(
        ["p_value", "overlap", "company_id", "other_id"],
        ascending=[True, False, True, True],
        ignore_index=True,
    )
    return PairSearch(found.as_of, frame, len(candidates), int(liquid.sum()), len(chosen), days[-1])


def _bars(dataset: Dataset, seen: AsOf) -> pd.DataFrame:
    """Usable bars up to the day, that day with them."""
    if not dataset.has("bars"):
        raise DatasetError(f"{dataset.root} has no table bars; statistics on a spread need daily prices")
    bars = read_bars(dataset, until=seen.valid)
    if bars.empty:
        raise DatasetError(f"{dataset.root} has no bars up to {seen.valid}; ask for a later day")
    return bars


def _panels(bars: pd.DataFrame, days: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Adjusted closes (NaN without a bar) and traded values (0 without one), [n_dates, n_stocks]."""
    bars = bars[bars["date"] >= days[0]]
    price = (bars["high"] + bars["low"] + bars["close"]) / 3
    if "vwap" in bars.columns:
        price = bars["vwap"].fillna(price)
    adjust = bars["adj_factor"] if "adj_factor" in bars.columns else 1.0
    long = bars[["date", "company_id"]].assign(close=bars["close"] * adjust, value=bars["volume"] * price)
    panel = long.set_index(["date", "company_id"]).sort_index()
    close, value = (panel[name].unstack().reindex(days) for name in ("close", "value"))  # noqa: PD010  one bar a day
    return close.astype("float64"), value.astype("float64").fillna(0.0)


def _common_days(prices: Floats, first: np.ndarray, other: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Days on which both of a pair have a price; 0 for those not wanted. Shapes: first, other, wanted [n_pairs]."""
    has = np.isfinite(prices)
    result = np.zeros(len(first), dtype=np.int64)
    for place in np.flatnonzero(wanted):
        result[place] = np.count_nonzero(has[:, first[place]] & has[:, other[place]])
    return result
