"""Tranches, bands and partial trading: by hand, against a slow version in plain Python, blind to later days."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import paths as slow
from oracles.markets import calm_market, rough_market

from samgraph.factors.portfolio.paths import KINDS, Path, path_weights, run_path
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.transfer import transfer_coefficient

FREE_OF_COST = {"buy_cost": 0.0, "sell_cost": 0.0, "min_cost": 0.0, "lot": 0.0, "participation": 0.0}


def flat(n_dates: int, n_stocks: int) -> Any:
    """Prices that never move, so that nothing drifts."""
    market = calm_market(n_dates, n_stocks)
    ones = np.full((n_dates, n_stocks), 10.0)
    return replace(market, open=ones, high=ones, low=ones, close=ones, vwap=ones, adj=np.ones_like(ones))


def turning(n_dates: int, n_stocks: int) -> Any:
    """On day t stock t is the best, then t - 1, and so on, round and round."""
    return np.array([[-((t - i) % n_stocks) for i in range(n_stocks)] for t in range(n_dates)], dtype=float)


def test_tranches_by_hand() -> None:
    """Three tranches of one name of four: all in the first day's, then a third a day into the day's own."""
    got = path_weights("tranches", turning(5, 4), flat(5, 4), Rules(), Path(share=0.25, days=3))
    third = 1 / 3
    want = [[1, 0, 0, 0], [2 * third, third, 0, 0], [third, third, third, 0], [0, third, third, third]]
    np.testing.assert_allclose(got[:4], want, atol=1e-15)
    np.testing.assert_allclose(
        got[4], [third, 0, third, third], atol=1e-15
    )  # the oldest, stock 1, goes for stock 0


def test_a_tranche_that_gained_puts_its_gain_into_the_new_names() -> None:
    """Two tranches of one name: the first doubles, so that 2 of 3 go into the new one."""
    market = flat(2, 3)
    close = market.close.copy()
    close[1, 0] = 20.0
    market = replace(market, close=close, high=close, vwap=close)
    score = np.array([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    got = path_weights("tranches", score, market, Rules(), Path(share=0.3, days=2))
    np.testing.assert_allclose(got, [[1, 0, 0], [0.5, 0.5, 0]])


def test_bands_by_hand() -> None:
    """The best of four is bought and kept while it is second; third, it goes for the best."""
    score = np.array([[4, 3, 2, 1], [3, 4, 2, 1], [2, 4, 3, 1]], dtype=float)
    got = path_weights("bands", score, flat(3, 4), Rules(), Path(share=0.25, outside=0.5))
    np.testing.assert_array_equal(got, [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])


def test_partial_trading_by_hand() -> None:
    """A quarter of the way a day: 1, 3/4, 9/16 of the first name; below a tenth of a full position it goes."""
    score = np.array([[2.0, 1.0]] + [[1.0, 2.0]] * 9)
    got = path_weights("aim", score, flat(10, 2), Rules(), Path(share=0.5, pace=0.25))
    np.testing.assert_allclose(got[:9, 0], 0.75 ** np.arange(9), rtol=1e-12)
    np.testing.assert_array_equal(got[9], [0.0, 1.0])


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 10**6),
    trouble=st.sampled_from([0.0, 0.1, 0.3]),
    every=st.integers(1, 4),
    offset=st.integers(0, 3),
    days=st.integers(1, 9),
    share=st.sampled_from([0.1, 0.25, 0.5]),
    pace=st.sampled_from([0.1, 0.5, 1.0]),
    day=st.integers(8, 25),
)
def test_weights_are_those_of_the_slow_version_and_see_nothing_later(
    kind: str,
    seed: int,
    trouble: float,
    every: int,
    offset: int,
    days: int,
    share: float,
    pace: float,
    day: int,
) -> None:
    offset = min(offset, every - 1)
    rng = np.random.default_rng(seed)
    market = rough_market(seed, n_dates=26, n_stocks=11, trouble=trouble)
    score = np.where(
        rng.random(market.close.shape) < 0.15, np.nan, rng.normal(size=market.close.shape).round(1)
    )
    rules, path = Rules(every=every, offset=offset), Path(share, min(2 * share, 1.0), days, pace)
    got = path_weights(kind, score, market, rules, path)
    want = slow.weights(
        kind,
        score,
        market,
        every=every,
        offset=offset,
        share=share,
        outside=path.outside,
        days=days,
        pace=pace,
    )
    assert set(np.flatnonzero(np.isfinite(got).all(axis=1))) == set(want)
    for t, weights in want.items():
        assert list(got[t]) == pytest.approx([weights[i] for i in range(11)], abs=1e-12), t
        assert got[t].sum() <= 1 + 1e-9 and (got[t] >= 0).all() and not got[t][~market.member[t]].any()

    other = rough_market(seed + 1, n_dates=26, n_stocks=11, trouble=0.3)
    changed = replace(
        market,
        **{
            name: np.concatenate([panel[: day + 1], other.panels()[name][day + 1 :]])
            for name, panel in market.panels().items()
        },
    )
    later = np.concatenate([score[: day + 1], rng.normal(size=(25 - day, 11))])
    np.testing.assert_array_equal(path_weights(kind, later, changed, rules, path)[: day + 1], got[: day + 1])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_who_joins_later_moves_no_bit(kind: str) -> None:
    """A place amidst the others on the axis, with nothing in it yet."""
    market, rng = rough_market(3, n_dates=30, n_stocks=9, trouble=0.1), np.random.default_rng(3)
    score = rng.normal(size=(30, 9))
    panels = {
        name: np.insert(panel, 4, False if panel.dtype == bool else np.nan, axis=1)
        for name, panel in market.panels().items()
    }
    listed = None if market.listed_on is None else np.insert(market.listed_on, 4, np.datetime64("NaT"))
    gone = None if market.delisted_on is None else np.insert(market.delisted_on, 4, np.datetime64("NaT"))
    stocks = (*market.stocks[:4], "999999.SH", *market.stocks[4:])
    wider = replace(market, stocks=stocks, listed_on=listed, delisted_on=gone, **panels)
    path = Path(0.3, 0.5, 4, 0.25)
    got = path_weights(kind, np.insert(score, 4, np.nan, axis=1), wider, Rules(), path)
    np.testing.assert_array_equal(np.delete(got, 4, axis=1), path_weights(kind, score, market, Rules(), path))
    assert not np.nan_to_num(got[:, 4]).any()


def test_tranches_trade_one_part_of_the_portfolio_a_day_and_costs_have_their_cause() -> None:
    """Four tranches of names that change every day: a quarter is bought and sold, and only the score is why."""
    market = flat(16, 8)
    result = run_path(
        "tranches", turning(16, 8), market, Rules(cash=1e6, **FREE_OF_COST), Path(share=0.125, days=4)
    )
    later = result.daily.iloc[1:]
    np.testing.assert_allclose(later["turnover"], 0.25, rtol=1e-9)
    assert set(result.trades["reason"]) == {"score"}
    assert result.holdings.groupby("date").size().iloc[4:].eq(4).all()


def test_what_blocked_orders_leave_is_drift_and_what_left_the_universe_is_membership() -> None:
    """The best name cannot be bought on day 1 (limit-up) and is bought on day 2, for the target's sake alone."""
    market = flat(6, 2)
    score = np.array([[2.0, 1.0]] * 6)
    up = np.zeros((6, 2), dtype=bool)
    up[1, 0] = True
    member = np.ones((6, 2), dtype=bool)
    member[3:, 0] = False
    result = run_path(
        "bands",
        score,
        replace(market, limit_up=up, member=member),
        Rules(cash=1e6, **FREE_OF_COST),
        Path(share=0.5, outside=1.0),
    )
    told = result.trades[["date", "company_id", "side", "reason"]].to_records(index=False).tolist()
    first, second = market.stocks
    days = [day.to_datetime64() for day in market.dates]
    assert [(pd.Timestamp(d).to_datetime64(), c, s, r) for d, c, s, r in told] == [
        (days[2], first, "buy", "drift"),
        (days[4], first, "sell", "left_universe"),
        (days[4], second, "buy", "score"),
    ]


def test_the_transfer_coefficient_is_one_where_active_risk_is_the_score() -> None:
    market = calm_market(30, 6)
    rng = np.random.default_rng(0)
    score = rng.normal(size=(30, 6))
    benchmark = np.full((30, 6), 1 / 6)
    volatility = np.nanstd(market.returns()[:26], axis=0)
    wanted = benchmark[25] + 0.01 * (score[24] - score[24].mean()) / volatility
    held = pd.DataFrame({"date": market.dates[25], "company_id": market.stocks, "weight": wanted})
    found = transfer_coefficient(held, score, benchmark, market, 1)
    active = (wanted - benchmark[25]) * volatility
    assert found == pytest.approx(np.corrcoef(active, score[24])[0, 1]) and found > 0.999
    assert transfer_coefficient(
        held.assign(weight=2 / 6 - wanted), score, benchmark, market, 1
    ) == pytest.approx(-found)
    assert np.isnan(transfer_coefficient(held.iloc[:0], score, benchmark, market, 1))
