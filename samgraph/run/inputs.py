"""What a run reads: market data from the dataset's folder, as-of snapshots and labels from the graph.

Everything about companies, products, industries and universes comes from the graph as of each day, read at one
moment of recorded knowledge; only bars and benchmarks come from the folder, and the graph must have loaded that very
folder before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.errors import ConfigError, DatasetError
from samgraph.exchange.access import marks
from samgraph.exchange.tables import Exchange, exchange
from samgraph.factors.portfolio.benchmark import drifted, require_levels
from samgraph.graph.ask.period import extract_period, industry_labels, stated_weights, universe_members
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import InputLink, input_links, product_tree
from samgraph.graph.check.series import read_bars
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.ledger import loaded_moment
from samgraph.graph.db.universe import committed_moment
from samgraph.graph.series.placebo import binary
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.features.registry import choose, further_columns
from samgraph.hist.market import Limits, Market, build_market
from samgraph.hist.windows import Window, walk_forward
from samgraph.outcome.adjustments import factor_sentence
from samgraph.outcome.caps import caps_sentence
from samgraph.progress import stage, warn
from samgraph.run.indexes import Index, indexes

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of one run; axes are market.dates x market.stocks.

    Attributes:
        market: bars of the past and present members of the universe, and of `windows.universe` if there is one, with
            history before the first training day
        products: as-of product snapshots at the run's cut
        industries: the same for industry labels, for the control group
        fitted: by variant, the snapshots that each window's models read, among everyone whom they see: on test days as
            of the day, before them as the fit knows them (`windows.knowledge`)
        coarse_products, coarse_industries: the same at the regressions' cut
        sectors: int64 [n_dates, n_stocks], position in `sector_ids` of the industry that factors are neutralised
            for; -1 where a stock has none
        sector_ids, sector_names: industry ids, and names by id
        last_edges: the last day's edges as they were reported: company_id, product_id, weight, ...
        last_links: the last day's value chain: supplier, customer, stated share of its inputs (None if not stated)
        first_tree, last_tree: the product taxonomy on the first and on the last test day: product_id, name, parent_id
        first_day: position of the first training day
        windows: walk-forward windows, positions in market.dates
        known: the moment of recorded knowledge that the graph was read at
        indexes: the benchmark (`market.benchmark` holds its levels) and its twin of the other kind, if there are any
    """

    market: Market
    products: SnapshotSeries
    industries: SnapshotSeries
    fitted: Mapping[str, tuple[SnapshotSeries, ...]]
    coarse_products: SnapshotSeries
    coarse_industries: SnapshotSeries
    sectors: npt.NDArray[np.int64]
    sector_ids: tuple[str, ...]
    last_edges: pd.DataFrame
    first_tree: pd.DataFrame
    last_tree: pd.DataFrame
    first_day: int
    windows: tuple[Window, ...]
    known: dt.datetime
    sector_names: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    last_links: tuple[InputLink, ...] = ()

    @property
    def test(self) -> slice:
        """Positions of all test days: the windows' test parts follow each other without a gap."""
        return slice(self.windows[0].test.start, self.windows[-1].test.stop)


def read_inputs(
    config: RunConfig, graph: Graph, dataset: Dataset, known: dt.datetime | None, *, whole: bool = False
) -> Inputs:
    """Read everything that a run needs; with `whole` nothing is fitted, and all days from the start on are tested.

    Raises:
        DatasetError: the folder was not loaded into this graph, or a table is missing or wrong
        SnapshotError: the universe is unknown to the graph
        ConfigError: the period is too short for its windows, or the benchmark is unknown
    """
    moment = committed_moment(graph, known)  # one for all that follows, and never one that is still to come
    with stage("read bars"):
        market = market_of(config, graph, dataset, config.end, moment)
        for sentence in remarks(config, market):
            warn(sentence)
    seen = market.for_models().member
    first_day = int(market.dates.searchsorted(pd.Timestamp(config.windows.first_train or config.start)))
    windows = [_untrained(market, first_day)] if whole else _windows(config, market, first_day)
    needed = market.dates[windows[0].test.start - 1 :]
    known_indexes = indexes(dataset, config.universe, config.benchmark, market.dates, needed)
    if known_indexes:
        market = replace(market, benchmark=known_indexes[0].level)
    if np.isfinite(market.benchmark).any():
        require_levels(market, windows[0].test.start)
    of = {"product": _asked(config, "products"), "industry": _asked(config, "industries")}
    for name, relation in (("theme", "themes"), ("competitor", "competitors")):
        if any(ARMS[variant].concepts == relation for variant in config.variants):
            of[name] = _asked(config, relation)
    once = config.windows.knowledge == "day" and config.windows.universe is None
    with stage("read as-of snapshots", 4 + len(of) * (1 if once else 1 + len(windows))) as bar:

        def read(
            days: slice = slice(None), members: npt.NDArray[np.bool_] = market.member, **asked: Any
        ) -> SnapshotSeries:
            found = _extract(config, graph, market, moment, members, days, **asked)
            bar.advance()
            return found

        by_day = {name: read(**asked) for name, asked in of.items()}
        fitted = {
            name: _fitted(
                config,
                market,
                windows,
                partial(read, members=seen, **of[name]),
                by_day[name] if config.windows.universe is None else None,
            )
            for name in of
        }
        coarse_products = coarse_series(config, graph, market, "products", moment)
        bar.advance()
        coarse_industries = coarse_series(config, graph, market, "industries", moment)
        bar.advance()
        labels = industry_labels(
            graph, market.dates, market.stocks, level=config.concepts.neutral_level, known=moment
        )
        bar.advance()
        last = AsOf(market.dates[-1].date(), moment)
        last_edges = snapshot(graph, last, universe=config.universe).frame
        first_tree = product_tree(graph, AsOf(market.dates[windows[0].test.start].date(), moment))
        last_tree = product_tree(graph, last)
        last_links = input_links(graph, last)
        bar.advance()
    codes, ids = pd.factorize(labels.to_numpy().ravel(), use_na_sentinel=True)
    named = graph.read("period/industry_names", ids=[str(name) for name in ids], known=moment)
    return Inputs(
        market=market,
        products=by_day["product"],
        industries=by_day["industry"],
        fitted=fitted,
        coarse_products=coarse_products,
        coarse_industries=coarse_industries,
        sectors=codes.reshape(labels.shape).astype(np.int64),
        sector_ids=tuple(str(name) for name in ids),
        last_edges=last_edges,
        first_tree=first_tree,
        last_tree=last_tree,
        last_links=last_links,
        first_day=first_day,
        windows=tuple(windows),
        known=moment,
        sector_names={str(row["id"]): str(row["name"] or row["id"]) for row in named},
        indexes=known_indexes,
    )


def remarks(config: RunConfig, market: Market) -> list[str]:
    """What a user should know of the bars before anything is fitted, in sentences."""
    asked = slice(int(market.dates.searchsorted(pd.Timestamp(config.start))), None)
    chosen = choose(config.model.hist(config.trading).features, market.columns)
    told = (caps_sentence(market, asked), factor_sentence(market), chosen.sentence())
    return [sentence for sentence in told if sentence is not None]


def read_market(
    graph: Graph,
    dataset: Dataset,
    universe: str,
    start: dt.date | str,
    end: dt.date | str,
    *,
    fit_universe: str | None = None,
    benchmark: str | None = None,
    known: dt.datetime | None = None,
    warmup_days: int = 0,
    further: Sequence[str] = (),
    limits: Limits = "exchange",
    rules: Exchange | None = None,
) -> Market:
    """The bars of a universe's past and present members, with who was a member on which day.

    Args:
        graph: an open connection, which knows the universe
        dataset: the folder with the tables bars and, if there is one, benchmarks
        universe: a name in the graph
        start: first day
        end: last day
        fit_universe: another one, whose members models see as well
        benchmark: name in table benchmarks; if None the universe's total-return index, or the index called as it is
        known: the moment of recorded knowledge to read memberships at; the newest load by default
        warmup_days: trading days before `start` that trailing figures may look back on
        further: numeric columns of table bars that features read by their names
        limits: price limits by flags and the exchanges' rules, by flags alone, or none
        rules: the exchanges'; the A-share ones if None

    Raises:
        DatasetError: a table is missing or wrong
        SnapshotError: the universe is unknown to the graph
        ConfigError: the benchmark is unknown
    """
    first_day, last_day = pd.Timestamp(start), pd.Timestamp(end)
    bars = _bars(dataset, further)
    calendar = pd.DatetimeIndex(np.unique(bars["date"].to_numpy()))
    if not len(calendar) or calendar[-1] < first_day or calendar[0] > last_day:
        raise ConfigError(
            f"table bars of {dataset.root} has no bar from {first_day.date()} to {last_day.date()}; "
            + (
                f"it has them from {calendar[0].date()} to {calendar[-1].date()}"
                if len(calendar)
                else "it is empty"
            )
        )
    calendar = calendar[calendar <= last_day]
    dates = calendar[max(0, int(calendar.searchsorted(first_day)) - warmup_days) :]
    held = indexes(dataset, universe, benchmark, dates, dates[dates >= first_day])
    market = build_market(
        bars,
        universe_members(graph, universe, dates, known=known),
        benchmark=pd.DataFrame({"date": dates, "close": held[0].level}).dropna() if held else None,
        start=first_day,
        end=last_day,
        warmup_days=warmup_days,
        further=further,
        listings=dataset.read("companies"),
        limits=limits,
        rules=rules,
        fitted=None if fit_universe is None else universe_members(graph, fit_universe, dates, known=known),
    )
    stated = stated_weights(graph, universe, market.dates, market.stocks, known=known)
    if stated is None:
        return market
    return replace(market, index_weight=drifted(stated, market.member, marks(market).total))


def market_of(config: RunConfig, graph: Graph, dataset: Dataset, end: dt.date, known: dt.datetime) -> Market:
    """The market that a run's settings name, from its history on up to a day.

    Raises:
        DatasetError: the folder was not loaded into this graph, or a table is missing or wrong
        SnapshotError: the universe is unknown to the graph
        ConfigError: the period has no bars, or the benchmark is unknown
    """
    _require_loaded(graph, dataset)
    return read_market(
        graph,
        dataset,
        config.universe,
        config.windows.first_train or config.start,
        end,
        fit_universe=config.windows.universe,
        benchmark=config.benchmark,
        known=known,
        warmup_days=config.windows.history,
        further=further_columns(config.model.hist(config.trading).features),
        limits=config.trading.limits,
        rules=exchange(config.trading.exchange),
    )


def series_of(
    config: RunConfig, graph: Graph, market: Market, window: Window, relation: str, known: dt.datetime
) -> SnapshotSeries:
    """The snapshots of "products", "industries", "themes" or "competitors" that the models of one window read."""
    read = partial(
        _extract, config, graph, market, known, market.for_models().member, **_asked(config, relation)
    )
    return _fitted(config, market, [window], read)[0]


def coarse_series(
    config: RunConfig, graph: Graph, market: Market, relation: str, known: dt.datetime
) -> SnapshotSeries:
    """The snapshots of "products" or "industries" that a run's regressions and its forecast of risk read."""
    cut = config.concepts.regression_cut
    return _extract(config, graph, market, known, market.member, cut=cut, relation=relation)


def _asked(config: RunConfig, relation: str) -> dict[str, Any]:
    if relation == "products":
        return {"cut": config.concepts.cut, "relation": relation, "chain": True}
    cuts = config.concepts
    cut = {
        "industries": cuts.industry_cut,
        "themes": cuts.theme_cut,
        "competitors": cuts.competitor_cut,
    }[relation]
    return {"cut": cut, "relation": relation}


def _extract(
    config: RunConfig,
    graph: Graph,
    market: Market,
    known: dt.datetime,
    members: npt.NDArray[np.bool_],
    days: slice = slice(None),
    **asked: Any,
) -> SnapshotSeries:
    found = extract_period(
        graph, market.dates[days], stocks=market.stocks, members=members[days], known=known, **asked
    )
    return _as_set(config, found) if asked.get("chain") else found


def _fitted(
    config: RunConfig,
    market: Market,
    windows: Sequence[Window],
    read: Callable[..., SnapshotSeries],
    by_day: SnapshotSeries | None = None,
) -> tuple[SnapshotSeries, ...]:
    """What each window's models read: as of each day (`by_day`, where it was read already), or as the fit knows it."""
    if config.windows.knowledge == "day":
        return (read() if by_day is None else by_day,) * len(windows)
    burn_in = config.model.hist(config.trading).burn_in
    return tuple(
        read(slice(max(0, w.train.start - burn_in), w.test.stop), fit_day=market.dates[w.fit_day])
        for w in windows
    )


def _as_set(config: RunConfig, series: SnapshotSeries) -> SnapshotSeries:
    """The model's products with the weights, and the value chain, that the settings ask for."""
    if config.model.hist(config.trading).value_chain and not series.chain:
        raise ConfigError(
            f"model.value_chain is on, but on no day does a value-chain link join two concepts of the cut "
            f"{series.cut}; load a table product_links, choose a finer cut, or turn it off"
        )
    return binary(series) if config.concepts.weights == "binary" else series


def _require_loaded(graph: Graph, dataset: Dataset) -> None:
    if loaded_moment(graph, dataset) is None:
        raise DatasetError(
            f"{dataset.root} as it is now has not been loaded into this graph; run: samgraph load {dataset.root}"
        )


def _bars(dataset: Dataset, further: Sequence[str]) -> pd.DataFrame:
    if not dataset.has("bars"):
        raise DatasetError(
            f"{dataset.root} has no table bars; a backtest needs daily prices (interface: table bars)"
        )
    return read_bars(dataset, further=further)


def _untrained(market: Market, first_day: int) -> Window:
    """All days from the first one on as test days; the first of the data has no return and cannot be one."""
    first = max(1, first_day)
    if first + 1 >= market.n_dates:
        raise ConfigError(
            f"the bars have {market.n_dates - first_day} trading days of the period; give a longer one"
        )
    return Window(slice(0, first), slice(first, first), slice(first, market.n_dates))


def _windows(config: RunConfig, market: Market, first_day: int) -> list[Window]:
    sizes = config.windows
    first_test = first_day + sizes.train_days + sizes.valid_days
    if sizes.first_test is None:
        first_test = max(first_test, int(market.dates.searchsorted(pd.Timestamp(config.start))))
    else:
        first_test = int(market.dates.searchsorted(pd.Timestamp(sizes.first_test)))
    if first_test >= market.n_dates:
        raise ConfigError(
            f"{market.dates[first_day].date()} to {config.end} has {market.n_dates - first_day} trading days, but "
            f"training takes {sizes.train_days} and validation {sizes.valid_days}, which leaves none to test; lengthen "
            "the period, shorten the windows, or name windows.first_test, before which models learn from what there is"
        )
    return walk_forward(
        market.n_dates,
        first_train=first_day,
        first_test=first_test,
        train_days=sizes.train_days,
        valid_days=sizes.valid_days,
        test_days=sizes.test_days,
        horizon=config.model.hist(config.trading).horizon,
        lag=config.trading.lag,
        embargo=sizes.embargo,
    )
