"""A dataset's market and as-of snapshots without a server, for benchmarks and slow tests of the model alone.

The time rules, spans and cuts are the product's own; only the way through Neo4j is left out, which the graph's
tests hold equal to a plain reading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.findings import Findings
from samgraph.graph.check.series import usable_bars
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.dataset.tables import TABLES
from samgraph.graph.load.edges import SELLS, empty
from samgraph.graph.load.plan import ReportRules, segment_rows, sells_target, span_rows
from samgraph.graph.series.cuts import parse_cut
from samgraph.graph.series.snapshots import Relation, SnapshotSeries
from samgraph.graph.series.versions import Spans, versions_of
from samgraph.hist.market import Market, build_market


def members_of(dataset: Dataset, universe: str, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Who belongs to a universe on each day: bool, index dates, columns the sorted ids of all that ever do."""
    table = dataset.read("universes")
    table = table[table["universe"] == universe]
    columns = sorted(table["company_id"].unique())
    member = pd.DataFrame(False, index=dates, columns=columns)
    for company, first, end in zip(table["company_id"], table["valid_from"], table["valid_to"], strict=True):
        inside = (dates >= first) & (pd.isna(end) | (dates < end))
        member.loc[inside, company] = True
    return member.loc[:, member.any()]


def market_of(
    dataset: Dataset,
    universe: str,
    start: str,
    end: str,
    *,
    history: int = 120,
    stocks: Sequence[str] | None = None,
) -> Market:
    """The market of a universe (of some of its stocks) with `history` days before `start`."""
    bars = usable_bars(dataset.read("bars"))
    dates = pd.DatetimeIndex(np.unique(bars["date"].to_numpy()))
    members = members_of(dataset, universe, dates[dates <= pd.Timestamp(end)])
    if stocks is not None:
        members = members[[name for name in members.columns if name in set(stocks)]]
    return build_market(
        bars,
        members,
        benchmark=None,
        start=pd.Timestamp(start),
        end=pd.Timestamp(end),
        warmup_days=history,
    )


def series_of(dataset: Dataset, market: Market, cut: str, relation: Relation = "products") -> SnapshotSeries:
    """The as-of snapshots of every day of a market."""
    parsed = parse_cut(cut)
    if relation == "products":
        mine = segment_rows(dataset.read("segments", TABLES["segments"].names))
        findings = Findings()
        edges = sells_target(mine, empty(("id", *SELLS.columns)), ReportRules(), findings).edges
        links = span_rows(dataset.read("products"), "product_id", "parent_id")
    else:
        edges = span_rows(dataset.read("company_industries"), "company_id", "industry_id")
        links = span_rows(dataset.read("industries"), "industry_id", "parent_id")
    links = links[links["end"].notna() & (links["end"] != "")]
    found = versions_of(
        spans(edges),
        spans(links),
        market.dates,
        stocks=market.stocks,
        members=market.member,
        cut=parsed,
        most=1.0 if relation == "industries" else np.inf,
    )
    series = SnapshotSeries(
        dates=market.dates,
        stocks=market.stocks,
        concepts=found.concepts,
        concept_names=found.concepts,
        day_version=found.day_version,
        versions=found.versions,
        cut=str(parsed),
        relation=relation,
        coverage=found.coverage,
    )
    series.validate()
    return series


def spans(rows: pd.DataFrame) -> Spans:
    """Edges of a plan (start, end, valid_from, valid_to, weight if there is one) as spans."""

    def ids(name: str) -> npt.NDArray[np.object_]:
        return rows[name].to_numpy(dtype=object)

    weight = rows["weight"].to_numpy(dtype=np.float64) if "weight" in rows else np.ones(len(rows))
    return Spans(
        source=ids("start"),
        target=ids("end"),
        valid_from=rows["valid_from"].to_numpy(dtype=np.int64),
        valid_to=rows["valid_to"].to_numpy(dtype=np.int64),
        weight=weight,
    )
