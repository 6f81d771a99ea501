"""Optimised weights: the closed form, a direct formulation, bounds on every day, and a timeline without look-ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market, rough_market

from samgraph.errors import ConfigError, ModelError
from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.optimise import (
    HELD,
    Bounds,
    Choice,
    expected_returns,
    optimise,
)
from samgraph.factors.portfolio.optimised import relaxations, run_optimised
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.regression.cross_sectional import cross_sectional_regression, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.factors.risk.model import RiskModel
from samgraph.hist.market import Market

WIDE = Bounds(tracking_error=9.0, product=9.0, industry=9.0, style=9.0, stock=1.0, turnover=9.0)


def made_model(seed: int, n: int = 20, products: int = 4) -> tuple[RiskModel, Any]:
    rng = np.random.default_rng(seed)
    exposures = np.column_stack([np.ones(n), rng.normal(size=n), rng.dirichlet(np.full(products, 0.3), n)])
    width = exposures.shape[1]
    root = rng.normal(0, 0.006, (width, width))
    names = ("market", "size", *(f"p{k}" for k in range(products)))
    kinds = ("market", "style", *("product",) * products)
    stocks = tuple(f"s{i}" for i in range(n))
    covariance = root @ root.T + np.eye(width) * 1e-5
    model = RiskModel(
        pd.Timestamp("2024-01-02"),
        stocks,
        names,
        kinds,
        names,
        exposures,
        covariance,
        rng.uniform(1e-4, 9e-4, n),
    )
    return model, rng


def ask(model: RiskModel, rng: Any, **changes: Any) -> Choice:
    n = len(model.stocks)
    benchmark = rng.dirichlet(np.full(n, 3.0))
    base: dict[str, Any] = {
        "expected": rng.normal(0, 0.01, n),
        "benchmark": benchmark,
        "now": benchmark.copy(),
        "member": np.ones(n, dtype=bool),
        "fixed": np.zeros(n, dtype=bool),
        "unsold": np.zeros(n, dtype=bool),
    }
    return Choice(**(base | changes))


@pytest.mark.parametrize("seed", range(4))
def test_with_the_tracking_error_alone_it_is_the_closed_form(seed: int) -> None:
    """max a'x, x'Sx <= e^2, 1'x = 0:  x = e S^-1 (a - m 1) / |.|_S with m = 1'S^-1 a / 1'S^-1 1."""
    model, rng = made_model(seed, n=12)
    choice = ask(model, rng)
    error = 0.01  # small enough that no weight reaches zero
    inverse = np.linalg.inv(model.covariance())
    one = np.ones(12)
    centred = choice.expected - (one @ inverse @ choice.expected) / (one @ inverse @ one)
    direction = inverse @ centred
    scale = error / np.sqrt(252) / np.sqrt(direction @ model.covariance() @ direction)
    want = choice.benchmark + scale * direction
    assert want.min() > 0
    got = optimise(choice, model, replace(WIDE, tracking_error=error))
    np.testing.assert_allclose(got.weights, want, atol=2e-5)  # the solver's gap is 1e-8 of a return
    assert got.tracking_error == pytest.approx(error, rel=1e-4) and got.relaxed == ""


@pytest.mark.parametrize("seed", range(6))
def test_every_bound_and_cost_together_give_the_optimum_of_a_direct_formulation(seed: int) -> None:
    model, rng = made_model(seed)
    n = 20
    fixed, unsold = rng.random(n) < 0.15, rng.random(n) < 0.15
    now = rng.dirichlet(np.full(n, 2.0))
    impact = rng.uniform(0.0, 0.05, n)
    choice = ask(
        model,
        rng,
        now=now,
        unsold=unsold & ~fixed,
        fixed=fixed,
        buy_cost=0.0005,
        sell_cost=0.0015,
        power=1.5,
        impact=impact,
    )
    bounds = Bounds(tracking_error=0.12, product=0.12, style=0.5, stock=0.15, turnover=0.6)
    got = optimise(choice, model, bounds)
    assert got.relaxed == ""

    w = cp.Variable(n)
    trade, away = w - now, w - choice.benchmark
    rules = [cp.sum(w) == 1, w >= 0, cp.abs(away[~fixed & ~unsold]) <= 0.15, w[fixed] == now[fixed]]
    grow = np.flatnonzero(unsold & ~fixed)
    rules += [w[grow] >= now[grow], w[grow] <= np.maximum(choice.benchmark + 0.15, now)[grow]]
    rules += [cp.sum(cp.pos(trade)) <= 0.6]
    rules += [cp.quad_form(away, cp.psd_wrap(model.covariance())) * 252 <= 0.12**2]
    rules += [cp.abs(model.exposures[:, 2:].T @ away) <= 0.12, cp.abs(model.exposures[:, 1] @ away) <= 0.5]
    cost = 0.0005 * cp.sum(cp.pos(trade)) + 0.0015 * cp.sum(cp.neg(trade)) + impact @ cp.abs(trade) ** 1.5
    direct = cp.Problem(cp.Maximize(100 * (choice.expected @ w - cost)), rules)
    best = direct.solve(solver=cp.CLARABEL) / 100

    own = got.weights - now
    paid = (
        0.0005 * np.maximum(own, 0).sum() + 0.0015 * np.maximum(-own, 0).sum() + impact @ np.abs(own) ** 1.5
    )
    assert choice.expected @ got.weights - paid == pytest.approx(best, abs=2e-7)
    active = got.weights - choice.benchmark
    assert got.weights.min() >= 0 and got.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(model.exposures[:, 2:].T @ active).max() <= 0.12 + 1e-6
    assert got.tracking_error <= 0.12 * (1 + 1e-5) and got.bought <= 0.6 + 1e-6
    np.testing.assert_allclose(got.weights[fixed], now[fixed], atol=1e-9)


def test_bounds_that_cannot_be_met_fall_in_the_stated_order_and_are_named() -> None:
    model, rng = made_model(1)
    far = np.r_[0.9, 0.1, np.zeros(18)]
    tight = Bounds(turnover=0.01, stock=0.02)
    assert optimise(ask(model, rng, now=far), model, tight).relaxed == "turnover"
    fixed = np.zeros(20, dtype=bool)
    fixed[0] = True
    stuck = optimise(ask(model, rng, now=far, fixed=fixed), model, tight)
    assert stuck.relaxed == "turnover, groups, stock, tracking error" and stuck.weights[0] == pytest.approx(
        0.9
    )
    nobody = np.zeros(20, dtype=bool)
    kept = optimise(ask(model, rng, now=far, member=nobody), model, tight)
    assert kept.relaxed == HELD
    np.testing.assert_array_equal(kept.weights, far)


def test_names_that_left_are_replaced_outside_of_the_turnover_bound() -> None:
    model, rng = made_model(2)
    choice = ask(model, rng)
    member = np.ones(20, dtype=bool)
    member[:3] = False
    benchmark = np.where(member, choice.benchmark, 0.0)
    got = optimise(
        replace(choice, member=member, benchmark=benchmark / benchmark.sum()),
        model,
        Bounds(turnover=0.02, stock=0.05),
    )
    assert (got.weights[:3] == 0).all()
    assert got.bought <= 0.02 + choice.now[:3].sum() + 1e-6


def test_expected_returns_are_skill_times_score_times_volatility() -> None:
    score, member = np.array([1.0, 2.0, 3.0, np.nan, 50.0]), np.array([True, True, True, True, False])
    got = expected_returns(score, member, np.full(5, 4e-4), Bounds(skill=0.1, horizon=25))
    np.testing.assert_allclose(got, [-np.sqrt(1.5) * 0.1 * 0.02 * 5, 0, np.sqrt(1.5) * 0.1 * 0.02 * 5, 0, 0])
    assert (expected_returns(np.full(5, np.nan), member, np.ones(5), Bounds()) == 0).all()
    with pytest.raises(ConfigError, match="optimiser setting turnover is 0"):
        Bounds(turnover=0)


def forecasts_of(market: Market, seed: int = 0, products: int = 5) -> RiskForecasts:
    n = market.n_stocks
    labels = np.broadcast_to(np.arange(n) % products, market.close.shape)
    family = Membership.from_labels(labels, [f"p{k}" for k in range(products)], kind="product")
    fit = cross_sectional_regression(
        next_day(market.returns()),
        market.weights(),
        market.dates,
        market.stocks,
        memberships=[family],
        folds=0,
    )
    return RiskForecasts(fit, first=60)


FREE: dict[str, Any] = {"lot": 0, "buy_cost": 0, "sell_cost": 0, "min_cost": 0, "participation": 0}
BOUNDS = Bounds(tracking_error=0.04, product=0.02, stock=0.04, turnover=0.15, horizon=5)


@pytest.mark.parametrize("price", ["close", "open", "vwap"])
def test_without_a_view_the_portfolio_is_the_benchmark_and_its_excess_is_its_costs(price: Any) -> None:
    market = calm_market(75, 15)
    blank = np.where(np.arange(15) < 1, 0.0, np.zeros(market.close.shape))
    bounds = replace(BOUNDS, tracking_error=1e-4)
    free, _ = run_optimised(blank, market, forecasts_of(market), Rules(price=price, **FREE), bounds)
    skip = 0 if price == "close" else 1
    assert free.daily["excess_return"][skip:].abs().max() < 1e-5
    paid, _ = run_optimised(
        blank, market, forecasts_of(market), Rules(price=price, **(FREE | {"buy_cost": 1e-3})), bounds
    )
    assert paid.daily["cost"].iloc[0] == pytest.approx(1e8 * 1e-3 / 1.001, rel=1e-4)
    assert (paid.daily["value"] / free.daily["value"]).iloc[-1] == pytest.approx(1 / 1.001, rel=1e-4)


def test_bounds_hold_on_every_day_and_holdings_reach_what_was_decided() -> None:
    market = calm_market(95, 30, seed=3)
    forecasts = forecasts_of(market)
    score = np.random.default_rng(4).normal(size=market.close.shape)
    result, decisions = run_optimised(score, market, forecasts, Rules(**FREE), BOUNDS)
    assert relaxations(decisions) == {"days": 34, "within_bounds": 34, "relaxed": {}}
    assert decisions["tracking_error"].max() <= 0.04 * (1 + 1e-4)
    assert decisions["bought"][1:].max() <= 0.15 + 1e-5
    held = (
        result.holdings.pivot_table("weight", "date", "company_id")
        .reindex(columns=list(market.stocks))
        .fillna(0.0)
    )
    benchmark, growth = universe_weights(market), 1 + market.returns()
    for row in decisions.itertuples():
        t = int(market.dates.get_loc(row.date))
        worth = held.loc[market.dates[t + 1]].to_numpy() / growth[t + 1]  # back at the prices of the decision
        active = worth / worth.sum() - benchmark[t]
        assert np.abs(active).max() <= 0.04 + 1e-5
        groups = np.bincount(np.arange(30) % 5, weights=active)
        assert np.abs(groups).max() <= 0.02 + 1e-5
        assert forecasts.on(row.date).volatility(active) <= 0.04 * 1.001


def test_suspended_and_departed_stocks_lots_and_T1_are_kept_and_no_order_sees_a_later_day() -> None:
    market, other = (rough_market(seed, n_dates=90, n_stocks=20, trouble=0.04) for seed in (5, 6))
    score = np.random.default_rng(1).normal(size=market.close.shape)
    rules, bounds, day = Rules(cash=1e7, delist_after=5, impact="sqrt", impact_coefficient=0.5), BOUNDS, 75
    result, decisions = run_optimised(score, market, forecasts_of(market), rules, bounds)
    assert len(decisions) > 20
    daily, place = result.daily.set_index("date"), {c: i for i, c in enumerate(market.stocks)}
    worth = result.holdings.groupby("date")["value"].sum().reindex(daily.index, fill_value=0.0)
    np.testing.assert_allclose(daily["cash"] + worth, daily["value"], rtol=1e-9)
    for trade in result.trades[result.trades["reason"] != "delisted"].to_dict("records"):
        t, i = int(market.dates.get_loc(trade["date"])), place[trade["company_id"]]
        assert market.tradable[t, i] and market.dates[t - 1] == trade["decided_on"]
        if trade["side"] == "buy":
            assert trade["shares"] % 100 == 0 and market.member[t - 1, i]

    names = {*market.panels(), "benchmark"}
    spliced = {
        n: np.concatenate([getattr(market, n)[: day + 1], getattr(other, n)[day + 1 :]]) for n in names
    }
    changed = replace(market, **spliced)
    later = np.concatenate([score[: day + 1], -score[day + 1 :]])
    again, decided = run_optimised(later, changed, forecasts_of(changed), rules, bounds)
    for before, after in (
        (decisions, decided),
        *((getattr(result, n), getattr(again, n)) for n in ("daily", "trades", "blocked", "holdings")),
    ):
        kept = [table[table["date"] <= market.dates[day]] for table in (before, after)]
        assert len(kept[0])
        pd.testing.assert_frame_equal(*kept, check_exact=True)


def test_a_forecast_needs_days_behind_it() -> None:
    market = calm_market(50, 10)
    with pytest.raises(ModelError, match="60 days of factor returns before day 60 of 50"):
        forecasts_of(market)


def test_a_delisted_holding_keeps_its_last_price_and_is_written_off_when_silent_for_long_enough() -> None:
    market, gone, last = calm_market(90, 30), 3, 74  # the stock's last bar
    silent = {}
    for name in ("open", "high", "low", "close", "vwap", "volume"):
        silent[name] = getattr(market, name).copy()
        silent[name][last + 1 :, gone] = np.nan
    tradable = market.tradable.copy()
    tradable[last + 1 :, gone] = False
    market = replace(market, **silent, tradable=tradable)
    rules = Rules(cash=1e7, delist_after=5, recovery=0.25, lot=0)
    result, _ = run_optimised(np.zeros(market.close.shape), market, forecasts_of(market), rules, BOUNDS)
    held = result.holdings[result.holdings["company_id"] == market.stocks[gone]].set_index("date")["value"]
    assert held[market.dates[last]] > 0
    waiting = market.dates[last : last + 5]
    np.testing.assert_allclose(held[waiting], held[market.dates[last]], rtol=1e-12)
    assert held.index.max() == waiting[-1]
    trades = result.trades[result.trades["company_id"] == market.stocks[gone]]
    after = trades[trades["date"] > market.dates[last]]
    assert after["reason"].tolist() == ["delisted"]
    assert after["date"].tolist() == [market.dates[last + 5]]
