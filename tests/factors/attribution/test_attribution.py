"""Attribution: hand-worked examples, identities on random portfolios, a slow version, and skfolio's on one-hot data."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.markets import rough_market
from skfolio.attribution import realized_factor_attribution

from samgraph.errors import ModelError
from samgraph.exchange.access import marks
from samgraph.factors.attribution.books import day_parts
from samgraph.factors.attribution.brinson import Brinson, brinson
from samgraph.factors.attribution.by_factor import factor_effects
from samgraph.factors.attribution.linking import carino, compounded_excess
from samgraph.factors.attribution.split import Split, by_label, by_shares, depth, level_of
from samgraph.factors.portfolio.paths import Path, run_path
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import run_topk
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.graph.series.snapshots import Edges, SnapshotSeries

TINY = 1e-10


def one_day(weights: Any, benchmark: Any, returns: Any, split: Split) -> Brinson:
    return brinson(*(np.array([values], dtype=np.float64) for values in (weights, benchmark, returns)), split)


def labels(*codes: int) -> Split:
    groups = [f"g{n}" for n in range(max(codes) + 1)]
    return by_label(np.array([codes]), groups, "rest")


def test_the_textbook_example_by_hand() -> None:
    """Three markets: 40, 30, 30% held against 40, 20, 40%; 20, -5, 6% against 10, -4, 8%: 8.3% against 6.4%.

    Each market has a stock of the portfolio and one of the benchmark. Allocation: 0; 10% (-4 - 6.4); -10% (8 - 6.4).
    Selection with the interaction in it: 40% (20 - 10); 30% (-5 + 4); 30% (6 - 8).
    """
    found = one_day(
        [0.4, 0.3, 0.3, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.4, 0.2, 0.4],
        [0.20, -0.05, 0.06, 0.10, -0.04, 0.08],
        labels(0, 1, 2, 0, 1, 2),
    )
    assert found.groups == ("g0", "g1", "g2", "rest")
    np.testing.assert_allclose(found.allocation[0], [0.0, -0.0104, -0.0016, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.selection[0], [0.04, -0.003, -0.006, 0.0], atol=1e-15)
    assert found.effect.sum() == pytest.approx(0.083 - 0.064, abs=1e-15)


def test_a_group_that_the_benchmark_lacks_is_allocation_and_one_that_the_portfolio_lacks_has_no_selection() -> (
    None
):
    """Half in a stock that gains 10% where the benchmark, all in another group, gains 2%."""
    found = one_day([0.5, 0.0], [0.0, 1.0], [0.10, 0.02], labels(0, 1))
    assert found.allocation[0].tolist() == pytest.approx([0.5 * (0.10 - 0.02), 0.0, 0.0])
    assert found.selection[0].tolist() == [0.0, 0.0, 0.0]


def products() -> SnapshotSeries:
    """A sells half p1 and half p2; B p1 and, of 40%, nobody knows what; C sells q; D reported nothing."""
    edges = Edges.of([0, 0, 1, 2], [0, 1, 0, 2], [0.5, 0.5, 0.6, 1.0])
    return SnapshotSeries(
        dates=pd.DatetimeIndex(["2024-01-02"]),
        stocks=("A", "B", "C", "D"),
        concepts=("p1", "p2", "q"),
        concept_names=("p1", "p2", "q"),
        day_version=np.zeros(1, dtype=np.int64),
        versions=(edges,),
    )


PARENTS = {"p1": "p", "p2": "p", "p": None, "q": None}


def test_holdings_are_split_by_revenue_shares_and_unmapped_revenue_is_a_group_by_hand() -> None:
    """A 50%, B 50% held against C and D of 50% each; A gains 10%, B -10%, C and D 1%: B is 1%."""
    found = one_day(
        [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5], [0.1, -0.1, 0.01, 0.01], by_shares(products(), "rest")
    )
    assert found.groups == ("p1", "p2", "q", "rest")
    assert found.weight[0].tolist() == pytest.approx([0.25 + 0.3, 0.25, 0.0, 0.2])
    assert found.benchmark_weight[0].tolist() == pytest.approx([0.0, 0.0, 0.5, 0.5])
    # p1: 25% of A's and 30% of B's; the benchmark has none, so all of it is allocation
    assert found.allocation[0, 0] == pytest.approx(0.25 * (0.1 - 0.01) + 0.3 * (-0.1 - 0.01))
    assert found.selection[0].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.2 * (-0.1 - 0.01)])
    assert found.allocation[0, 3] == pytest.approx((0.2 - 0.5) * (0.01 - 0.01))


def test_levels_of_the_taxonomy_by_hand() -> None:
    concepts = ("p1", "p2", "q", "unknown")
    assert depth(concepts, PARENTS) == 2
    assert level_of(concepts, PARENTS, 1) == {"p1": "p", "p2": "p", "q": "q", "unknown": "unknown"}
    assert level_of(concepts, PARENTS, 2) == {"p1": "p1", "p2": "p2", "q": "q", "unknown": "unknown"}


def test_shares_above_one_are_scaled_and_single_precision_leaves_no_rest() -> None:
    edges = Edges.of([0, 0, 1, 1, 1], [0, 1, 0, 1, 2], [0.8, 0.4, 0.1, 0.2, 0.7])
    split = by_shares(replace(products(), versions=(edges,)), "rest")
    parts = split.versions[0].toarray()
    np.testing.assert_allclose(parts[:, 0], [2 / 3, 1 / 3, 0.0, 0.0], rtol=1e-7)
    assert parts[3, 1] == 0.0 and parts[3, 2:].tolist() == [1.0, 1.0]
    np.testing.assert_allclose(parts.sum(axis=0), 1.0, rtol=1e-15)


def random_books(seed: int, n_dates: int, n_stocks: int) -> tuple[Any, Any, Any, Any]:
    """Weights with cash, benchmark weights, returns and the generator."""
    rng = np.random.default_rng(seed)
    shape = (n_dates, n_stocks)
    weights = rng.dirichlet(np.full(n_stocks + 1, 0.3), n_dates)[:, :-1]
    benchmark = rng.dirichlet(np.full(n_stocks, 0.3), n_dates)
    benchmark[:, rng.random(n_stocks) < 0.3] = 0.0
    benchmark[:, 0] += 1e-3
    benchmark /= benchmark.sum(axis=1, keepdims=True)
    return weights, benchmark, rng.normal(0, 0.04, shape), rng


def slow(w: Any, v: Any, r: Any, parts: Any) -> tuple[float, float]:
    """Allocation and selection of one group, stock by stock; `parts` of each stock in it."""
    own = sum(x * p for x, p in zip(w, parts, strict=True))
    theirs = sum(x * p for x, p in zip(v, parts, strict=True))
    gained = sum(x * p * g for x, p, g in zip(w, parts, r, strict=True))
    whole = sum(x * g for x, g in zip(v, r, strict=True))
    if theirs == 0.0:
        return gained - own * whole, 0.0
    rate = sum(x * p * g for x, p, g in zip(v, parts, r, strict=True)) / theirs
    return (own - theirs) * (rate - whole), gained - own * rate


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), n_stocks=st.integers(2, 14), n_concepts=st.integers(1, 9))
def test_effects_add_up_along_any_taxonomy_and_over_time(seed: int, n_stocks: int, n_concepts: int) -> None:
    """Of random portfolios with cash and multi-label products: every day, every parent, and the compounded excess."""
    n_dates = 12
    w, v, r, rng = random_books(seed, n_dates, n_stocks)
    cash = 1.0 - w.sum(axis=1)
    whole = (v * r).sum(axis=1)
    excess = (w * r).sum(axis=1) - whole
    concepts = tuple(f"c{n}" for n in range(n_concepts))
    parents: dict[str, str | None] = {}
    for n, name in enumerate(concepts):  # a random tree over nodes that are concepts, and some that are none
        parents[name] = rng.choice([*concepts[:n], f"above{n % 3}"])
    parents |= {f"above{n}": None for n in range(3)}
    versions = []
    for _ in range(3):
        matrix = rng.dirichlet(np.full(n_concepts + 1, 0.4), n_stocks)[:, :-1] * (
            rng.random((n_stocks, n_concepts)) < 0.7
        )
        i, k = np.nonzero(matrix > 0)
        versions.append(Edges.of(i, k, matrix[i, k]))
    series = replace(
        products(),
        dates=pd.bdate_range("2024-01-01", periods=n_dates),
        stocks=tuple(f"S{n}" for n in range(n_stocks)),
        concepts=concepts,
        concept_names=concepts,
        day_version=np.repeat([0, 2, 1], 4),
        versions=tuple(versions),
    )
    above: dict[str, str] = {}
    below: dict[str, Any] = {}
    for level in range(1, depth(concepts, parents) + 1):
        group_of = level_of(concepts, parents, level)
        found = brinson(w, v, r, by_shares(series, "rest", group_of))
        np.testing.assert_allclose(found.effect.sum(axis=1) - cash * whole, excess, atol=TINY)
        np.testing.assert_allclose(found.weight.sum(axis=1) + cash, 1.0, atol=TINY)
        if level > 1:  # children add up to their parents
            up = {group_of[name]: above[name] for name in concepts} | {"rest": "rest"}
            for parent in set(up.values()):
                children = [n for n, group in enumerate(found.groups) if up[group] == parent]
                np.testing.assert_allclose(found.effect[:, children].sum(axis=1), below[parent], atol=TINY)
        above, below = group_of, dict(zip(found.groups, found.effect.T, strict=True))
        split = by_shares(series, "rest", group_of)
        for t in (0, n_dates - 1):
            for number in range(len(found.groups)):
                part = split.versions[split.day_version[t]].toarray()[number]
                expected = slow(w[t], v[t], r[t], part)
                assert (found.allocation[t, number], found.selection[t, number]) == pytest.approx(
                    expected, abs=TINY
                )
    count = carino(whole + excess, whole)
    linked = float((count @ found.effect).sum() - count @ (cash * whole))
    assert linked == pytest.approx(compounded_excess(whole + excess, whole), abs=TINY)


def test_days_linked_by_hand() -> None:
    """10% and 5% against 5% and 5%: the first day's 5% grows with the 5% that both gain on the second."""
    count = carino(np.array([0.10, 0.05]), np.array([0.05, 0.05]))
    assert count[0] * 0.05 == pytest.approx(1.10 * 1.05 - 1.05**2, abs=1e-15)
    # k_2 = 1 / 1.05 and K = (ln 1.155 - ln 1.1025) / 0.0525
    assert count[1] == pytest.approx((1 / 1.05) / (np.log(1.155 / 1.1025) / 0.0525))
    assert carino(np.array([0.02]), np.array([0.02])).tolist() == [1.0]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(-0.9, 2.0), st.floats(-0.9, 2.0) | st.none()), min_size=1, max_size=30))
def test_linked_days_add_up_to_the_compounded_excess(days: list[tuple[float, float | None]]) -> None:
    """None: a day without excess, where the slope is a limit."""
    own = np.array([day[0] for day in days])
    market = np.array([day[0] if day[1] is None else day[1] for day in days])
    whole = compounded_excess(own, market)
    scale = max(1.0, float(np.prod(1 + own)), float(np.prod(1 + market)))
    assert float(carino(own, market) @ (own - market)) == pytest.approx(whole, abs=TINY * scale)


def test_nothing_is_linked_over_a_total_loss_or_an_unknown_day() -> None:
    with pytest.raises(ModelError, match="-100%"):
        carino(np.array([-1.0]), np.array([0.0]))
    with pytest.raises(ModelError, match="not known"):
        carino(np.array([np.nan]), np.array([0.0]))


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), price=st.sampled_from(["open", "close", "vwap"]), kind=st.booleans())
def test_the_parts_of_a_day_s_return_add_up_in_rough_markets(seed: int, price: Any, kind: bool) -> None:
    """Suspensions, splits, write-offs, blocked orders, T+1 and costs: nothing is left unexplained."""
    market = rough_market(seed, 40, 10, boards=True)
    rules = Rules(top=4, drop=2, price=price, cash=1e7, delist_after=3, every=2)
    score = np.random.default_rng(seed).normal(size=market.close.shape)
    book = (
        run_topk(score, market, rules)
        if kind
        else run_path("tranches", score, market, rules, Path(0.3, 0.5, 6))
    )
    found = marks(market)
    rows = market.dates.get_indexer(pd.DatetimeIndex(book.daily["date"]))
    parts = day_parts(book.daily, book.trades, book.holdings, market.stocks, found.mark[rows])
    with np.errstate(invalid="ignore"):
        gain = np.nan_to_num(found.total[rows] / found.total[rows - 1] - 1.0)
    told = (parts.weights * gain).sum(axis=1) + parts.timing + parts.write_off + parts.cost
    np.testing.assert_allclose(told, book.daily["return"], atol=TINY)
    np.testing.assert_allclose(parts.weights.sum(axis=1) + parts.cash, 1.0, atol=TINY)
    if price == "close":
        np.testing.assert_allclose(parts.timing, 0.0, atol=TINY)
    assert (parts.write_off <= 0).all() and (parts.cost <= 0).all()


def regression(n_dates: int = 30, n_stocks: int = 40) -> tuple[Any, Any, Any]:
    """Two industries and one style, one-hot; returns, fit and the industries' codes."""
    rng = np.random.default_rng(4)
    shape = (n_dates, n_stocks)
    codes = np.tile(np.arange(n_stocks) % 2, (n_dates, 1))
    forward = rng.normal(0, 0.02, shape) + 0.01 * codes
    fit = cross_sectional_regression(
        forward,
        np.exp(rng.normal(size=shape)),
        pd.bdate_range("2024-01-01", periods=n_dates),
        [f"S{n:02d}" for n in range(n_stocks)],
        memberships=[Membership.from_labels(codes, ["I0", "I1"])],
        styles={"size": rng.normal(size=shape)},
        folds=0,
    )
    return forward, fit, rng


def test_factors_agree_with_skfolio_on_one_hot_data() -> None:
    """Mean contributions of every factor and of what is specific, of active weights without cash."""
    forward, fit, rng = regression()
    days = np.arange(len(forward))
    weights, benchmark = (rng.dirichlet(np.ones(forward.shape[1]), len(days)) for _ in range(2))
    active, whole = weights - benchmark, (benchmark * forward).sum(axis=1)
    found = factor_effects(active, forward - whole[:, None], whole, fit, days)
    peer = realized_factor_attribution(
        asset_names=list(fit.stocks),
        factor_names=list(fit.columns),
        weights=active,
        factor_returns=fit.returns,
        portfolio_returns=(active * forward).sum(axis=1),
        exposures=np.stack([fit.exposures(t) for t in days]),
        exposure_lag=0,
        idio_returns=fit.specific,
        annualization_factor=1.0,
    )
    theirs = dict(zip(peer.factors.names, peer.factors.mu_contrib, strict=True))
    for number, name in enumerate(fit.columns):
        assert found.effect[:, number].mean() == pytest.approx(theirs[name], abs=1e-14), name
    assert found.specific.mean() == pytest.approx(peer.idio.mu_contrib, abs=1e-14)
    assert (found.outside == 0.0).all()


def test_factors_add_up_with_cash_and_with_stocks_outside_the_regression() -> None:
    forward, fit, rng = regression()
    days = np.arange(len(forward))
    fit.specific[3, :5] = np.nan
    fit.specific[4], fit.returns[4] = np.nan, np.nan  # a day without a fit
    weights = 0.9 * rng.dirichlet(np.ones(forward.shape[1]), len(days))
    benchmark = rng.dirichlet(np.ones(forward.shape[1]), len(days))
    active, whole = weights - benchmark, (benchmark * forward).sum(axis=1)
    over = forward - whole[:, None]
    found = factor_effects(active, over, whole, fit, days)
    told = found.effect.sum(axis=1) + found.specific + found.outside
    np.testing.assert_allclose(told, (active * over).sum(axis=1), atol=TINY)
    assert found.outside[3] == pytest.approx((active * over)[3, :5].sum()) and found.outside[5] == 0.0
    assert found.effect[4].tolist() == [0.0] * 4 and found.specific[4] == 0.0
    t = 7  # by hand: exposures times factor returns, the market's less the benchmark's
    x = active[t] @ fit.exposures(t)
    assert found.exposure[t].tolist() == pytest.approx(x.tolist())
    assert found.effect[t, 0] == pytest.approx(x[0] * (fit.returns[t, 0] - whole[t]))
    assert found.specific[t] == pytest.approx(float(active[t] @ fit.specific[t]), abs=1e-12)


def test_a_stock_that_joins_later_moves_no_bit() -> None:
    w, v, r, _ = random_books(1, 5, 9)
    codes = np.tile(np.arange(9) % 3, (5, 1))
    found = brinson(w, v, r, by_label(codes, ["a", "b", "c"], "rest"))
    pad: Any = SimpleNamespace(zero=np.zeros((5, 3)), none=np.full((5, 3), -1))
    later = brinson(
        *(np.hstack([values, pad.zero]) for values in (w, v, r)),
        by_label(np.hstack([codes, pad.none]), ["a", "b", "c"], "rest"),
    )
    assert np.array_equal(found.allocation, later.allocation)
    assert np.array_equal(found.selection, later.selection)
