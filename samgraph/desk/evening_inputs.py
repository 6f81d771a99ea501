"""What an evening's decision reads beside scores: the run's inputs up to the day, and no more of them than it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.signals.styles import style_exposures
from samgraph.graph.ask.period import industry_labels
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.db.asof import AsOf
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.market import Market
from samgraph.outcome.books import bounds_of, path_of, trading_rules
from samgraph.outcome.constructions import Desk
from samgraph.outcome.risk import risk_forecasts
from samgraph.outcome.traded import traded_scores
from samgraph.progress import stage
from samgraph.run.inputs import coarse_series
from samgraph.run.latest import Latest
from samgraph.run.score import Scored

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EveningInputs:
    """A run's inputs up to a day, the last of the market's (`samgraph.outcome.decision.DecisionInputs`).

    Attributes:
        industries: [n_stocks] industry id of each stock on the day, None where it has none; the rest as
            `samgraph.run.inputs.Inputs`.
    """

    market: Market
    test: slice
    sectors: npt.NDArray[np.int64]
    coarse_products: SnapshotSeries
    coarse_industries: SnapshotSeries
    first_tree: pd.DataFrame
    industries: tuple[str | None, ...]

    @classmethod
    def read(cls, latest: Latest) -> EveningInputs:
        """Read them from the graph."""
        config, market, graph, known = latest.run.config, latest.market, latest.graph, latest.known
        test = slice(latest.run.windows[0].test.start, market.n_dates)
        with stage("read products and industries"):
            labels = industry_labels(
                graph, market.dates, market.stocks, level=config.concepts.neutral_level, known=known
            )
            products = coarse_series(config, graph, market, "products", known)
            industries = coarse_series(config, graph, market, "industries", known)
            tree = product_tree(graph, AsOf(market.dates[test.start].date(), known))
        codes, _ = pd.factorize(labels.to_numpy().ravel(), use_na_sentinel=True)
        sectors = codes.reshape(labels.shape).astype(np.int64)
        last = tuple(None if name is None else str(name) for name in labels.to_numpy()[-1])
        return cls(market, test, sectors, products, industries, tree, last)


def desk_of(latest: Latest, inputs: EveningInputs, scored: Scored, arm: str) -> tuple[FloatArray, Desk]:
    """The score that the run's portfolios trade [n_dates, n_stocks], up to the day, and what constructions share.

    Scores of days before are the run's own where it has them, else those that `scored` caught up with.
    """
    config, market = latest.run.config, latest.market
    own = latest.run.scores(arm)
    earlier = own[own.index.get_level_values("date") < scored.days["date"].min()]
    known = pd.concat([earlier, scored.days.set_index(["date", "company_id"])["score"]])
    row = market.dates.get_indexer(pd.DatetimeIndex(known.index.get_level_values(0)).as_unit("s"))
    column = pd.Index(market.stocks).get_indexer(pd.Index(known.index.get_level_values(1)))
    placed = (row >= 0) & (column >= 0)
    score = np.full((market.n_dates, market.n_stocks), np.nan)
    score[row[placed], column[placed]] = known.to_numpy(dtype=np.float64)[placed]
    styles = style_exposures(market)
    traded = traded_scores(inputs, {arm: score}, styles, config.trading.score, config.trading.smoothing)[arm]
    with stage("forecast risk"):
        forecasts = risk_forecasts(inputs, styles, config.risk.covariances())
    rules = trading_rules(config, inputs)
    return traded, Desk(market, rules, forecasts, bounds_of(config), path_of(config))


def served_table(latest: Latest, inputs: EveningInputs) -> pd.DataFrame:
    """What each stock's company sells most of on the day, and its industry; "" where it has none.

    Returns:
        index company_id; product_id, product (its name), product_share (of revenue), industry (its name).
    """
    as_of = AsOf(latest.market.dates[-1].date(), latest.known)
    stocks = pd.Index(latest.market.stocks, name="company_id")
    edges = snapshot(latest.graph, as_of).frame
    largest = edges.sort_values(["weight", "product_id"], ascending=[False, True], kind="stable")
    largest = largest.drop_duplicates("company_id").set_index("company_id").reindex(stocks)
    tree = product_tree(latest.graph, as_of).set_index("product_id")["name"]
    known = sorted({one for one in inputs.industries if one is not None})
    rows = latest.graph.read("period/industry_names", ids=known, known=latest.known)
    names = {str(row["id"]): str(row["name"] or row["id"]) for row in rows}
    return pd.DataFrame(
        {
            "product_id": largest["product_id"].fillna("").astype("str"),
            "product": largest["product_id"].map(tree).fillna("").astype("str"),
            "product_share": largest["weight"].astype(np.float64),
            "industry": [names.get(one, "") if one is not None else "" for one in inputs.industries],
        },
        index=stocks,
    )
