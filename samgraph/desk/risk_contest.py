"""The risk contest of a universe: product exposures against industry labels, from a loaded dataset and no model.

Exposures are the graph's as of each day. On days before the first that is known of a company the factor returns use
what was known on the contest's first day (`extract_period`'s `fit_day`): forecasts are made later than that, so
none sees ahead. In hindsight, to choose settings with, it is what is known on the last day: that looks ahead in the
exposures of all models alike, and is not a result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError, DatasetError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.contest import ContestSettings, contest_table
from samgraph.factors.risk.contest_models import HISTORY_DAYS, covered, hold_contest, steps
from samgraph.factors.risk.forecasts import FEWEST_DAYS
from samgraph.factors.signals.styles import style_exposures
from samgraph.graph.ask.period import extract_period
from samgraph.graph.ask.tree import industry_parents, product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import loaded_moment
from samgraph.graph.db.universe import committed_moment
from samgraph.hist.market import Market
from samgraph.outcome.risk_contest import arena_of
from samgraph.progress import stage
from samgraph.run.inputs import read_market

STYLE_DAYS = 250  # trading days before the first factor return that styles look back on
PRODUCT, INDUSTRY = "product", "industry"


@dataclass(frozen=True, eq=False)
class RiskContest:
    """What was found.

    Attributes:
        table: see `samgraph.factors.risk.contest.contest_table`; daily: see `contest` of that module.
        first, last: days of the first and the last forecast; stocks: covered members of the last; members: all of it.
        known: the moment of recorded knowledge; dataset: the tables' fingerprint.
    """

    table: pd.DataFrame
    daily: pd.DataFrame
    first: pd.Timestamp
    last: pd.Timestamp
    stocks: int
    members: int
    known: dt.datetime
    dataset: Mapping[str, str]


def risk_contest(
    graph: Graph,
    dataset: Dataset,
    universe: str,
    start: dt.date,
    end: dt.date,
    *,
    cuts: Sequence[str],
    industry_cuts: Sequence[str],
    hindsight: bool = False,
    known: dt.datetime | None = None,
    settings: ContestSettings | None = None,
) -> RiskContest:
    """Hold risk models against each other over a period.

    Args:
        graph: that has loaded the dataset.
        dataset: whose bars to read.
        universe: its name.
        start: first day of the period.
        end: its last day; the last forecast is of the trading day before.
        cuts: of products, a model each.
        industry_cuts: of industries, the same. With one of each, market and styles alone compete too.
        hindsight: take what is known on the last day for all days before; good for choosing a cut, never a result.
        known: the moment of recorded knowledge; the newest load by default.
        settings: of the losses.

    Raises:
        DatasetError: not loaded, or no bars; ConfigError: too short a period; SnapshotError: no such universe or cut.
    """
    if loaded_moment(graph, dataset) is None:
        raise DatasetError(
            f"{dataset.root} as it is now has not been loaded into this graph; run: samgraph load {dataset.root}"
        )
    moment = committed_moment(graph, known)
    with stage("read bars"):
        market = read_market(
            graph, dataset, universe, start, end, known=moment, warmup_days=HISTORY_DAYS + STYLE_DAYS
        )
    first = int(market.dates.searchsorted(pd.Timestamp(start)))
    if first < FEWEST_DAYS or market.n_dates - first < 3:
        raise ConfigError(
            f"{market.dates[0].date()} to {market.dates[-1].date()} has {first} trading days before {start} and "
            f"{market.n_dates - first} from then on; a contest needs {FEWEST_DAYS} and 3: choose another period"
        )
    days = slice(min(STYLE_DAYS, first - FEWEST_DAYS), None)
    fit_day = market.dates[-1] if hindsight else market.dates[first]
    families = _families(graph, market, days, fit_day, moment, cuts, industry_cuts)
    arena = arena_of(market, style_exposures(market), days, first)
    models = _models(cuts, industry_cuts)
    product, industry = (
        next(name for name in families if name.startswith(kind)) for kind in (PRODUCT, INDUSTRY)
    )
    with stage("compare risk models", steps(arena, models)) as bar:
        daily = hold_contest(
            arena,
            families,
            models,
            product=product,
            industry=industry,
            settings=settings,
            progress=bar.advance,
        )
    last = int(arena.dates.searchsorted(daily["date"].max()))
    return RiskContest(
        table=contest_table(daily, against=industry, days_a_year=days_a_year(market.dates)),
        daily=daily,
        first=daily["date"].min(),
        last=daily["date"].max(),
        stocks=int((arena.member & covered(list(families.values()), len(arena.stocks)))[last].sum()),
        members=int(arena.member[last].sum()),
        known=moment,
        dataset=dataset.fingerprint(),
    )


def _families(
    graph: Graph,
    market: Market,
    days: slice,
    fit_day: pd.Timestamp,
    known: dt.datetime,
    cuts: Sequence[str],
    industry_cuts: Sequence[str],
) -> dict[str, Membership]:
    """Exposures by name: the kind alone where it has one cut, else with its cut."""
    day = AsOf(fit_day.date(), known)
    tree = product_tree(graph, day)
    parents = {
        PRODUCT: dict(zip(tree["product_id"], tree["parent_id"], strict=True)),
        INDUSTRY: industry_parents(graph, day),
    }
    families = {}
    for kind, chosen in ((PRODUCT, cuts), (INDUSTRY, industry_cuts)):
        for cut in chosen:
            series = extract_period(
                graph,
                market.dates[days],
                stocks=market.stocks,
                members=np.asarray(market.member[days]),
                cut=cut,
                relation="products" if kind == PRODUCT else "industries",
                known=known,
                fit_day=fit_day,
            )
            families[_name(kind, cut, chosen)] = Membership.from_series(
                series, kind=kind, parents=parents[kind]
            )
    return families


def _name(kind: str, cut: str, chosen: Sequence[str]) -> str:
    return kind if len(chosen) == 1 else f"{kind} {cut}"


def _models(cuts: Sequence[str], industry_cuts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    names = [
        _name(kind, cut, chosen)
        for kind, chosen in ((PRODUCT, cuts), (INDUSTRY, industry_cuts))
        for cut in chosen
    ]
    models: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
    if len(names) == 2:
        models["styles"] = ()
    return models
