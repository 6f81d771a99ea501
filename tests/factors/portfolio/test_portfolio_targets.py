"""A portfolio that follows given weights: it reaches them, it keeps the rules, it sees nothing early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.markets import calm_market, rough_market

from samgraph.errors import ConfigError
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.targets import run_targets

FREE_OF_COST: dict[str, Any] = {
    "lot": 0,
    "buy_cost": 0,
    "sell_cost": 0,
    "min_cost": 0,
    "participation": 0,
}


def random_weights(seed: int, shape: tuple[int, int]) -> Any:
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(shape) < 0.5, rng.random(shape), 0.0)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1.0) * 0.98


@pytest.mark.parametrize("price", ["close", "open"])
def test_index_weights_follow_the_index_and_trade_once(price: Any) -> None:
    market = calm_market(60, 10)
    weights = market.market_cap / market.market_cap.sum(axis=1, keepdims=True)
    result = run_targets(weights, market, Rules(price=price, **FREE_OF_COST))
    skip = 0 if price == "close" else 1
    assert result.daily["excess_return"][skip:].abs().max() < 1e-12
    assert len(result.trades) == 10


def test_the_weights_of_a_day_are_reached_a_day_later_moved_by_that_days_returns() -> None:
    market = calm_market(30, 10)
    weights = random_weights(1, market.close.shape)
    result = run_targets(weights, market, Rules(**FREE_OF_COST))
    held = (
        result.holdings.pivot_table("weight", "date", "company_id")
        .reindex(columns=list(market.stocks))
        .fillna(0.0)
    )
    growth = 1 + market.returns()
    for t in range(29):
        worth = weights[t] * growth[t + 1]
        expected = worth / (worth.sum() + 1 - weights[t].sum())
        np.testing.assert_allclose(held.loc[market.dates[t + 1]], expected, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    trouble=st.sampled_from([0.0, 0.1, 0.25]),
    day=st.integers(10, 30),
    rules=st.builds(
        Rules,
        cash=st.just(1e6),
        lot=st.sampled_from([0.0, 100.0]),
        lag=st.integers(1, 2),
        every=st.integers(1, 3),
        price=st.sampled_from(["close", "open"]),
        hold_days=st.integers(0, 3),
        delist_after=st.just(5),
        impact=st.sampled_from(["none", "sqrt"]),
        impact_coefficient=st.just(0.1),
    ),
)
def test_books_add_up_rules_hold_and_nothing_reaches_back(
    seed: int, trouble: float, day: int, rules: Rules
) -> None:
    market = rough_market(seed, n_dates=40, n_stocks=12, trouble=trouble)
    weights = random_weights(seed, market.close.shape)
    result = run_targets(weights, market, rules)
    daily, trades = result.daily.set_index("date"), result.trades

    flow = trades["amount"].where(trades["side"] == "buy", -trades["amount"]) + trades["cost"]
    spent = flow.groupby(trades["date"]).sum().reindex(market.dates, fill_value=0.0).cumsum()
    np.testing.assert_allclose(daily["cash"], (rules.cash - spent)[daily.index], rtol=1e-9, atol=1e-6)
    worth = result.holdings.groupby("date")["value"].sum().reindex(daily.index, fill_value=0.0)
    np.testing.assert_allclose(daily["cash"] + worth, daily["value"], rtol=1e-9)
    assert (daily["cash"] > -1e-6).all() and (result.holdings["shares"] > 0).all()

    number, place = {d: t for t, d in enumerate(market.dates)}, {c: i for i, c in enumerate(market.stocks)}
    last_purchase: dict[str, int] = {}
    for trade in trades[trades["reason"] != "delisted"].to_dict("records"):
        t, i = number[trade["date"]], place[trade["company_id"]]
        assert market.tradable[t, i] and number[trade["decided_on"]] == t - rules.lag
        price = getattr(market, rules.price)[t, i]
        if trade["side"] == "buy":
            assert market.member[t - rules.lag, i] and weights[t - rules.lag, i] > 0
            assert not (market.limit_up[t, i] and price >= market.close[t, i])
            assert rules.lot == 0 or trade["shares"] % rules.lot == 0
            last_purchase[trade["company_id"]] = t
        else:
            assert not (market.limit_down[t, i] and price <= market.close[t, i])
            assert t - last_purchase[trade["company_id"]] >= rules.hold_days

    other = rough_market(seed + 1, n_dates=40, n_stocks=12, trouble=0.3)

    def spliced(name: str) -> Any:
        return np.concatenate([getattr(market, name)[: day + 1], getattr(other, name)[day + 1 :]])

    names = {*market.panels(), "benchmark"}
    changed = replace(market, **{name: spliced(name) for name in names})
    again = run_targets(
        np.concatenate([weights[: day + 1], random_weights(seed + 1, (39 - day, 12))]), changed, rules
    )
    for name in ("daily", "trades", "blocked", "holdings"):
        before, after = (getattr(r, name) for r in (result, again))
        before, after = (table[table["date"] <= market.dates[day]] for table in (before, after))
        pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_young_holding_cannot_be_sold() -> None:
    market = calm_market(8, 2)
    weights = np.array([[1.0, 0.0]] * 1 + [[0.0, 1.0]] * 7)
    result = run_targets(weights, market, Rules(hold_days=3, **FREE_OF_COST))
    stopped = result.blocked[result.blocked["reason"] == "bought_too_recently"]
    assert list(stopped["date"]) == list(market.dates[2:4])
    assert result.trades[result.trades["side"] == "sell"]["date"].iloc[0] == market.dates[4]


@pytest.mark.parametrize("row", [[0.6, 0.5], [-0.1, 0.5]])
def test_impossible_weights_are_refused(row: list[float]) -> None:
    weights = np.full((6, 2), np.nan)
    weights[3] = row
    with pytest.raises(ConfigError, match="target weights of 2021-01-07"):
        run_targets(weights, calm_market(6, 2))
