"""Where each portfolio's excess return came from: by industry, product, factor and weighting, daily and linked.

Every view splits the same thing, what the holdings brought over the benchmark's members; beside it stand the effects
that no view splits (`COMMON`). A view's rows of a day and the common ones add up to that day's excess return, and
linked over a period to the compounded excess (`samgraph.factors.attribution`). A row of day d is known at its close: it
uses weights, exposures and labels of the close before and the returns of d.

Products are those of the regressions' cut, along the taxonomy as of the first test day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.exchange.access import marks
from samgraph.factors.attribution.books import DayParts, day_parts
from samgraph.factors.attribution.brinson import brinson
from samgraph.factors.attribution.by_factor import FactorEffects, factor_effects
from samgraph.factors.attribution.linking import carino
from samgraph.factors.attribution.split import Split, by_label, by_shares, depth, level_of
from samgraph.factors.portfolio.benchmark import equal_weights, normalised, universe_weights
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.outcome.tilts import NO_INDUSTRY
from samgraph.run.inputs import Inputs
from samgraph.sums import over_stocks

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

COMMON = ("cash", "timing", "write_off", "cost", "dividends", "benchmark")
"""Effects that no view splits: money not invested; trading at other prices than the close; write-offs; costs; a price
index' lack of dividends, told by its total-return twin; the members by their weights over the index itself."""
REST = {"industry": f"({NO_INDUSTRY})", "product": "(unmapped)"}
WHOLE_PERIOD = "all"
DAILY = ["variant", "date", "by", "effect", "group", "contribution"]
LINKED = [
    *("variant", "period", "by", "level", "group", "parent", "name"),
    *("weight", "benchmark_weight", "allocation", "selection", "contribution"),
]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What all portfolios are held against on the days of the books; panels [n_dates, n_stocks], rest [n_dates].

    `weights` are at the close before; `returns` of the day, 0 where not known; `marks` the last closes; `total` the
    members' return by `weights`, `equal` by equal weights; `index` the benchmark's own, `dividends` what it lacks.
    """

    dates: pd.DatetimeIndex
    rows: IntArray
    weights: FloatArray
    returns: FloatArray
    marks: FloatArray
    total: FloatArray
    equal: FloatArray
    index: FloatArray
    dividends: FloatArray


@dataclass(frozen=True, eq=False)
class View:
    """One split of the excess return at one level of detail; panels are [n_dates, n_groups].

    `weight`, `benchmark_weight`, `allocation` and `selection` are None where the view has none.
    """

    by: str
    level: int
    groups: tuple[str, ...]
    parents: tuple[str, ...]
    names: tuple[str, ...]
    effect: FloatArray
    weight: FloatArray | None = None
    benchmark_weight: FloatArray | None = None
    allocation: FloatArray | None = None
    selection: FloatArray | None = None


def attribution_tables(
    inputs: Inputs,
    books: Mapping[str, PortfolioResult],
    benchmarks: pd.DataFrame,
    fit: Regression,
    price: str,
) -> dict[str, pd.DataFrame]:
    """Tables `attribution` (daily) and `attribution_linked`.

    Args:
        inputs: the run's.
        books: portfolios by name.
        benchmarks: date, benchmark, kind, return, the run's benchmark first (`benchmark_table`).
        fit: the regression with industries, products and styles on the test days.
        price: execution price; at the close nothing is held, nor counted, on the first day.
    """
    held = _benchmark(inputs, next(iter(books.values())).daily, benchmarks, price)
    splits = _splits(inputs, held.rows - 1)
    daily, linked = [], []
    for name, book in books.items():
        parts = day_parts(book.daily, book.trades, book.holdings, inputs.market.stocks, held.marks)
        views = list(_views(inputs, parts, held, splits, fit))
        coefficients = list(_periods(book.daily))
        for view in views:
            daily += [frame.assign(variant=name) for frame in _daily(held.dates, view)]
            whole = view.level > 1 or view.by == "stock"
            for period, days, factor in coefficients[: 1 if whole else None]:
                linked.append(_linked(view, days, factor).assign(variant=name, period=period))
    return {
        "attribution": pd.concat(daily, ignore_index=True)[DAILY],
        "attribution_linked": pd.concat(linked, ignore_index=True)[LINKED],
    }


def _benchmark(inputs: Inputs, daily: pd.DataFrame, benchmarks: pd.DataFrame, price: str) -> Benchmark:
    market, dates = inputs.market, pd.DatetimeIndex(daily["date"])
    rows = market.dates.get_indexer(dates)
    found = marks(market)
    total = found.total
    known = np.isfinite(total[rows - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = total[rows] / total[rows - 1] - 1.0
    gain = np.where(known & np.isfinite(gain), gain, 0.0)
    if price == "close":
        gain[0] = 0.0
    weights, equal = (
        normalised(np.where(known, panel[rows - 1], 0.0))
        for panel in (universe_weights(market), equal_weights(market))
    )
    index = daily["benchmark_return"].to_numpy(dtype=np.float64)
    dividends = np.zeros(len(dates))
    main = benchmarks.iloc[0]
    twins = benchmarks.loc[
        benchmarks["benchmark"].isin([one.name for one in inputs.indexes[1:]])
        & (benchmarks["kind"] == "total_return")
    ]
    if main["kind"] == "price" and len(twins) == len(dates):
        dividends = twins["return"].to_numpy(dtype=np.float64) - index
    return Benchmark(
        dates=dates,
        rows=rows,
        weights=weights,
        returns=gain,
        marks=found.mark[rows],
        total=over_stocks(weights * gain),
        equal=over_stocks(equal * gain),
        index=index,
        dividends=dividends,
    )


def _splits(inputs: Inputs, rows: IntArray) -> list[tuple[str, int, Split, dict[str, str], dict[str, str]]]:
    """By, level, split as of `rows`, parents and names of its groups: industries, and products level by level."""
    parents = dict(zip(inputs.first_tree["product_id"], inputs.first_tree["parent_id"], strict=True))
    names = dict(zip(inputs.coarse_products.concepts, inputs.coarse_products.concept_names, strict=True))
    names |= dict(zip(inputs.first_tree["product_id"], inputs.first_tree["name"], strict=True))
    labels = by_label(inputs.sectors[rows], inputs.sector_ids, REST["industry"])
    found = [("industry", 1, labels, dict[str, str](), dict(inputs.sector_names))]
    series = inputs.coarse_products
    above: dict[str, str] = {}
    for level in range(1, max(1, depth(series.concepts, parents)) + 1):
        groups = level_of(series.concepts, parents, level)
        split = by_shares(series, REST["product"], groups).days(rows)
        up = {groups[concept]: above.get(concept, "") for concept in series.concepts}
        found.append(("product", level, split, up, names))
        above = groups
    return found


def _views(
    inputs: Inputs,
    parts: DayParts,
    held: Benchmark,
    splits: Sequence[tuple[str, int, Split, dict[str, str], dict[str, str]]],
    fit: Regression,
) -> Iterator[View]:
    """All views of a portfolio, and the common effects."""
    whole = held.total[:, None]
    for by, level, split, parents, names in splits:
        found = brinson(parts.weights, held.weights, held.returns, split)
        yield View(
            by,
            level,
            found.groups,
            tuple(parents.get(group) or (group if level > 1 else "") for group in found.groups),
            tuple(names.get(group) or group for group in found.groups),
            found.effect,
            found.weight,
            found.benchmark_weight,
            found.allocation,
            found.selection,
        )
    active, over = parts.weights - held.weights, held.returns - whole
    first = inputs.test.start
    yield from _factor_views(factor_effects(active, over, held.total, fit, held.rows - 1 - first), fit.names)
    stocks = active * over
    tilt = held.equal - held.total
    weighting = ("equal_weight", "beyond_equal")
    yield _plain("weighting", weighting, np.column_stack([tilt, over_stocks(stocks) - tilt]))
    yield View(
        "stock",
        1,
        tuple(inputs.market.stocks),
        ("",) * active.shape[1],
        tuple(inputs.market.stocks),
        stocks,
        parts.weights,
        held.weights,
    )
    common = (
        -parts.cash * held.total,
        parts.timing,
        parts.write_off,
        parts.cost,
        held.dividends,
        held.total - held.index - held.dividends,
    )
    yield _plain("common", COMMON, np.column_stack(common))


def _factor_views(found: FactorEffects, names: Sequence[str]) -> Iterator[View]:
    """Level 1: by kind of factor, and what is left; level 2: every factor below its kind."""
    kinds = tuple(dict.fromkeys(found.kinds))
    place = np.array([kinds.index(kind) for kind in found.kinds])
    sums = [over_stocks(np.where(place == number, found.effect, 0.0)) for number in range(len(kinds))]
    rest = ("specific", "outside")
    yield _plain("factor", (*kinds, *rest), np.column_stack([*sums, found.specific, found.outside]))
    yield View(
        "factor",
        2,
        (*found.factors, *rest),
        (*found.kinds, *rest),
        (*names, *rest),
        np.column_stack([found.effect, found.specific, found.outside]),
        np.column_stack([found.exposure, np.zeros((len(found.specific), 2))]),
    )


def _plain(by: str, groups: tuple[str, ...], effect: FloatArray) -> View:
    return View(by, 1, groups, ("",) * len(groups), groups, effect)


def _daily(dates: pd.DatetimeIndex, view: View) -> Iterator[pd.DataFrame]:
    """The daily rows of a view: industries, the first level of products, kinds of factors and styles, weighting."""
    styles = np.array([parent == "style" for parent in view.parents])
    if view.by == "factor":  # kinds, of which styles are told one by one
        keep = styles if view.level == 2 else np.array([group != "style" for group in view.groups])
        yield _rows(dates, view, view.effect, "style" if view.level == 2 else "factor", keep)
    elif view.by != "stock" and view.level == 1:
        keep = np.ones(len(view.groups), dtype=bool)
        if view.allocation is None or view.selection is None:
            yield _rows(dates, view, view.effect, view.by, keep)
        else:
            yield _rows(dates, view, view.allocation, "allocation", keep)
            yield _rows(dates, view, view.selection, "selection", keep)


def _rows(
    dates: pd.DatetimeIndex, view: View, values: FloatArray, effect: str, keep: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    """The values that are not 0 of the groups to keep, each day's by group: in no order that later days could turn."""
    order = np.argsort(np.asarray(view.groups), kind="stable")
    t, k = np.nonzero(((values != 0.0) & keep)[:, order])
    k = order[k]
    return pd.DataFrame(
        {
            "date": dates[t],
            "by": view.by,
            "effect": effect,
            "group": np.asarray(view.groups, dtype=object)[k],
            "contribution": values[t, k],
        }
    )


def _periods(daily: pd.DataFrame) -> Iterator[tuple[str, slice, FloatArray]]:
    """The whole period and its calendar years: their days, and what each day's effects count for in them."""
    returns, market = (daily[name].to_numpy(dtype=np.float64) for name in ("return", "benchmark_return"))
    yield WHOLE_PERIOD, slice(0, len(daily)), carino(returns, market)
    years = pd.DatetimeIndex(daily["date"]).year.to_numpy()
    for year in np.unique(years):
        own = np.flatnonzero(years == year)
        days = slice(int(own[0]), int(own[-1]) + 1)
        yield str(year), days, carino(returns[days], market[days])


def _linked(view: View, days: slice, factor: FloatArray) -> pd.DataFrame:
    """A view over a period: effects linked, weights as means; groups that had neither are left out."""

    def linked(panel: FloatArray | None) -> FloatArray:
        return np.full(len(view.groups), np.nan) if panel is None else factor @ panel[days]

    def mean(panel: FloatArray | None) -> FloatArray:
        return np.full(len(view.groups), np.nan) if panel is None else panel[days].mean(axis=0)

    frame = pd.DataFrame(
        {
            "by": view.by,
            "level": view.level,
            "group": np.asarray(view.groups, dtype=object),
            "parent": np.asarray(view.parents, dtype=object),
            "name": np.asarray(view.names, dtype=object),
            "weight": mean(view.weight),
            "benchmark_weight": mean(view.benchmark_weight),
            "allocation": linked(view.allocation),
            "selection": linked(view.selection),
            "contribution": linked(view.effect),
        }
    )
    there = (frame["contribution"] != 0.0) | (frame[["weight", "benchmark_weight"]].fillna(0.0) != 0.0).any(
        axis=1
    )
    return frame[there]
