"""Styles and product momentum equal their definitions read slowly, day by day, and see no later day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from samgraph.errors import ModelError
from samgraph.factors.signals.product_momentum import product_momentum, product_returns
from samgraph.factors.signals.styles import STYLES, market_return, raw_styles, standardise, style_exposures
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.market import Market

N_DATES, N_STOCKS = 320, 12


def made_market(seed=0) -> Market:
    rng = np.random.default_rng(seed)
    shape = (N_DATES, N_STOCKS)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    close[rng.random(shape) < 0.03] = np.nan
    close[:200, 0] = np.nan  # a young listing
    adj = np.where(np.arange(N_DATES)[:, None] < 150, 1.0, 1.25) * np.ones(shape)
    gone = np.isnan(close)
    volume = np.where(gone, np.nan, rng.integers(1000, 9000, shape).astype(float))
    cap = np.where(gone, np.nan, close * rng.uniform(1e6, 1e8, N_STOCKS))
    benchmark = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, N_DATES)))
    benchmark[:20] = np.nan
    false = np.zeros(shape, dtype=bool)
    return Market(
        dates=pd.bdate_range("2019-01-01", periods=N_DATES),
        stocks=tuple(f"s{i}" for i in range(N_STOCKS)),
        open=close,
        high=close,
        low=close,
        close=close,
        vwap=close,
        adj=adj,
        volume=volume,
        market_cap=cap,
        tradable=~gone,
        limit_up=false,
        limit_down=false,
        member=rng.random(shape) < 0.9,
        benchmark=benchmark,
    )


def test_raw_styles_equal_their_definitions():
    market = made_market()
    got = raw_styles(market)
    r, m = market.returns(), market_return(market)
    for t in (120, 200, 260, 319):
        for i in range(N_STOCKS):
            x, y = m[max(t - 249, 0) : t + 1], r[max(t - 249, 0) : t + 1, i]
            both = ~np.isnan(x) & ~np.isnan(y)
            want = np.polyfit(x[both], y[both], 1)[0] if both.sum() >= 60 else np.nan
            np.testing.assert_allclose(got["beta"][t, i], want, rtol=1e-9)
            past = np.log1p(r[max(t - 250, 0) : t - 20, i])
            past = past[~np.isnan(past)]
            want = past.sum() if len(past) >= 120 else np.nan
            np.testing.assert_allclose(got["momentum"][t, i], want, atol=1e-12)
            last = np.log1p(r[t - 19 : t + 1, i])
            last = last[~np.isnan(last)]
            want = -last.sum() if len(last) >= 10 else np.nan
            np.testing.assert_allclose(got["reversal"][t, i], want, atol=1e-12)
            window = r[t - 59 : t + 1, i]
            window = window[~np.isnan(window)]
            want = window.std(ddof=1) if len(window) >= 20 else np.nan
            np.testing.assert_allclose(got["volatility"][t, i], want, rtol=1e-9)
            share = (market.volume * market.vwap / market.market_cap)[t - 59 : t + 1, i]
            share = share[~np.isnan(share)]
            want = np.log(share.mean()) if len(share) >= 20 else np.nan
            np.testing.assert_allclose(got["liquidity"][t, i], want, rtol=1e-9)
            np.testing.assert_allclose(got["size"][t, i], np.log(market.market_cap[t, i]))


def test_without_a_benchmark_the_market_is_the_members_weighted_by_yesterdays_cap():
    market = made_market()
    got = market_return(market)
    r = market.returns()
    t = 15
    use = market.member[t - 1] & ~np.isnan(r[t])
    assert got[t] == pytest.approx(np.average(r[t, use], weights=market.weights()[t - 1, use]), rel=1e-12)
    assert got[100] == pytest.approx(market.benchmark[100] / market.benchmark[99] - 1)
    assert np.isnan(got[0])


def test_the_market_portfolio_has_no_style_and_members_have_unit_spread():
    market = made_market()
    cap = market.weights()
    found = style_exposures(market, extra={"value": np.log(market.close)}, fill=False)
    assert list(found) == [*STYLES, "value"]
    for values in found.values():
        for t in (260, 319):
            use = ~np.isnan(values[t])
            assert use.sum() >= 8 and market.member[t, use].all()
            assert np.average(values[t, use], weights=cap[t, use]) == pytest.approx(0.0, abs=1e-12)
            assert values[t, use].std() == pytest.approx(1.0)
    filled = style_exposures(market)
    assert filled["momentum"][210, 0] == 0.0 or not market.member[210, 0]
    assert (np.isnan(filled["size"]) == ~market.member).all()


def test_book_to_price_is_the_value_style_where_the_bars_give_it():
    market = made_market()
    ratio = np.random.default_rng(3).uniform(0.2, 2.0, market.close.shape)
    given = replace(market, book_to_price=ratio)
    found = style_exposures(given)
    assert list(found) == [*STYLES, "value"] and list(style_exposures(market)) == list(STYLES)
    np.testing.assert_array_equal(
        found["value"], standardise(ratio, market.member, market.weights(), fill=True)
    )
    order = np.arange(N_STOCKS)[::-1].copy()
    np.testing.assert_array_equal(given.permuted(order).book_to_price, ratio[:, order])


def test_a_wild_value_is_clipped_and_a_flat_day_is_zero():
    raw = np.r_[np.arange(30.0), 1e9][None]
    every = np.ones((1, 31), dtype=bool)
    got = standardise(raw, every, np.ones((1, 31)))
    assert got.max() < 6
    flat = standardise(np.full((1, 31), 0.1), every, np.arange(1.0, 32.0)[None])
    np.testing.assert_array_equal(flat, np.zeros((1, 31)))


def made_series(seed=1):
    rng = np.random.default_rng(seed)
    versions = []
    for _ in range(3):
        matrix = np.zeros((N_STOCKS, 5))
        for i in range(1, N_STOCKS):
            chosen = rng.choice(5, rng.integers(1, 4), replace=False)
            matrix[i, chosen] = rng.dirichlet(np.full(len(chosen), 0.5))
        stock, product = np.nonzero(matrix)
        versions.append(Edges.of(stock, product, matrix[stock, product]))
    names = tuple("abcde")
    dates = pd.bdate_range("2019-01-01", periods=N_DATES)
    stocks = tuple(f"s{i}" for i in range(N_STOCKS))
    return SnapshotSeries(dates, stocks, names, names, np.arange(N_DATES) // 120, tuple(versions))


def test_product_momentum_equals_its_definition():
    market, series = made_market(), made_series()
    r = market.returns()
    slow = np.full(r.shape, np.nan)
    for t in range(N_DATES):
        w = series.dense(t).astype(float)
        for i in range(N_STOCKS):
            parts = []
            for k in np.flatnonzero(w[i]):
                others = [j for j in range(N_STOCKS) if j != i and w[j, k] > 0.5 and not np.isnan(r[t, j])]
                if others:
                    parts.append((w[i, k], np.mean(r[t, others])))
            if parts:
                slow[t, i] = np.average([p[1] for p in parts], weights=[p[0] for p in parts])
    got = product_returns(r, series)
    np.testing.assert_allclose(got, slow, atol=1e-14)
    assert np.isnan(slow[:, 0]).all() and not np.isnan(slow[:, 1:]).all()
    found = product_momentum(r, series)
    for t in (25, 130, 300):
        for i in range(N_STOCKS):
            window = slow[t - 19 : t + 1, i]
            known = ~np.isnan(window)
            want = window[known].sum() if known.sum() >= 10 else np.nan
            np.testing.assert_allclose(found["product_momentum"][t, i], want, atol=1e-13)
            rest = r[t - 19 : t + 1, i] - window
            rest = rest[~np.isnan(rest)]
            want = rest.std(ddof=1) if len(rest) >= 10 else np.nan
            np.testing.assert_allclose(found["product_residual_volatility"][t, i], want, rtol=1e-7)
    with pytest.raises(ModelError, match="purity"):
        product_returns(r, series, purity=0.3)


def test_only_more_than_half_makes_a_company_stand_for_a_product_and_edges_are_those_of_the_day():
    """Worked by hand: stock 0 sells a and b half and half, 1 sells a wholly, 2 sells b at 0.6, 3 at exactly 0.5."""
    first = Edges.of([0, 0, 1, 2, 2, 3, 3], [0, 1, 0, 1, 0, 1, 0], [0.5, 0.5, 1.0, 0.6, 0.4, 0.5, 0.5])
    later = Edges.of([0, 1, 2, 3], [1, 0, 1, 1], np.ones(4))  # from day 2 on
    names = ("a", "b")
    dates = pd.bdate_range("2024-01-01", periods=3)
    series = SnapshotSeries(dates, tuple("wxyz"), names, names, np.array([0, 0, 1]), (first, later))
    returns = np.array([[np.nan] * 4, [0.01, 0.02, 0.04, 0.08], [0.01, 0.02, 0.04, 0.08]])
    got = product_returns(returns, series)
    assert np.isnan(got[0]).all()
    # day 1: a is stock 1 alone, b is stock 2 alone; for themselves those have nobody else there
    np.testing.assert_allclose(got[1], [0.5 * 0.02 + 0.5 * 0.04, np.nan, 0.02, 0.5 * 0.04 + 0.5 * 0.02])
    # day 2: b is stocks 0, 2 and 3, each without itself
    np.testing.assert_allclose(got[2], [(0.04 + 0.08) / 2, np.nan, (0.01 + 0.08) / 2, (0.01 + 0.04) / 2])


def test_a_stock_does_not_hear_itself():
    series = made_series()
    r = made_market().returns()
    louder = r.copy()
    louder[:, 3] *= 5
    a, b = product_returns(r, series), product_returns(louder, series)
    np.testing.assert_array_equal(a[:, 3], b[:, 3])
    assert not np.array_equal(np.nan_to_num(a), np.nan_to_num(b))


def test_what_comes_after_a_day_changes_nothing_up_to_it():
    market, series = made_market(), made_series()
    later = np.arange(N_DATES)[:, None] > 280
    changed = replace(
        market,
        close=np.where(later, market.close[:, ::-1] * 3, market.close),
        volume=np.where(later, 1.0, market.volume),
        market_cap=np.where(later, 5e9, market.market_cap),
        member=np.where(later, ~market.member, market.member),
        benchmark=np.where(later[:, 0], 1.0, market.benchmark),
    )
    a, b = style_exposures(market), style_exposures(changed)
    for name, values in a.items():
        np.testing.assert_array_equal(values[:281], b[name][:281])
        assert not np.array_equal(np.nan_to_num(values), np.nan_to_num(b[name]))
    other = replace(series, day_version=np.where(later[:, 0], 0, series.day_version))
    a, b = product_momentum(market.returns(), series), product_momentum(changed.returns(), other)
    for name, values in a.items():
        np.testing.assert_array_equal(values[:281], b[name][:281])
