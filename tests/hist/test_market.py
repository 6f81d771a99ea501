"""Bars become dates x stocks arrays without filling anything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles.hist_making import make_bars, make_market, market_of

from samgraph.errors import DatasetError
from samgraph.hist.market import build_market


def members_of(dates: pd.DatetimeIndex, n_stocks: int) -> pd.DataFrame:
    return pd.DataFrame(True, index=dates, columns=[f"S{i:02d}" for i in range(n_stocks)])


def test_every_bar_is_in_its_place_and_gaps_stay_empty() -> None:
    bars = make_bars(1, 40, 6, missing=0.2)
    market = market_of(bars, 40, 6)
    filled = bars.set_index(["date", "company_id"])
    for t, date in enumerate(market.dates):
        for i, stock in enumerate(market.stocks):
            there = (date, stock) in filled.index
            for name, column in (
                ("open", "open"),
                ("close", "close"),
                ("adj", "adj_factor"),
                ("vwap", "vwap"),
            ):
                value = getattr(market, name)[t, i]
                assert value == filled.loc[(date, stock), column] if there else np.isnan(value)
            assert bool(market.tradable[t, i]) == (there and filled.loc[(date, stock), "volume"] > 0)
    assert not market.limit_up.any()
    assert market.member[:20, 0].all() and not market.member[20:, 0].any()


def test_returns_are_adjusted_and_never_span_a_gap() -> None:
    bars = make_bars(2, 30, 3)
    bars = bars[
        ~((bars["company_id"] == "S01") & (bars["date"] == pd.bdate_range("2020-01-01", periods=30)[10]))
    ]
    market = market_of(bars, 30, 3)
    found = market.returns()
    assert np.isnan(found[0]).all() and np.isnan(found[10:12, 1]).all()
    for t in range(1, 30):
        for i in range(3):
            if np.isfinite(found[t, i]):
                now, before = (
                    market.close[t, i] * market.adj[t, i],
                    market.close[t - 1, i] * market.adj[t - 1, i],
                )
                assert found[t, i] == now / before - 1
    assert np.isfinite(found).sum() == 29 * 3 - 2
    # The factor doubles for some stock in the middle; its adjusted return is an ordinary one.
    assert np.nanmax(np.abs(found)) < 0.2


def test_unknown_caps_take_the_days_median_of_members() -> None:
    bars = make_bars(3, 10, 5)
    dates = pd.bdate_range("2020-01-01", periods=10)
    bars.loc[(bars["company_id"] == "S02") & (bars["date"] == dates[4]), "market_cap"] = np.nan
    bars.loc[bars["date"] == dates[7], "market_cap"] = np.nan
    market = market_of(bars, 10, 5)
    assert np.isnan(market.market_cap[4, 2])
    weights = market.weights()
    assert weights[4, 2] == np.median(market.market_cap[4, [0, 1, 3, 4]])
    assert (weights[7] == 1).all()
    known = np.isfinite(market.market_cap)
    np.testing.assert_array_equal(weights[known], market.market_cap[known])


def test_absent_columns_have_their_stated_stand_ins() -> None:
    bars = make_bars(4, 10, 3).drop(columns=["vwap", "adj_factor", "market_cap"])
    bars.loc[0, "volume"] = 0.0
    market = market_of(bars, 10, 3)
    np.testing.assert_allclose(market.vwap, (market.high + market.low + market.close) / 3)
    assert (market.adj == 1).all() and np.isnan(market.market_cap).all() and (market.weights() == 1).all()
    assert not market.tradable[0, 0] and market.tradable.sum() == 29


def test_the_universes_level_is_its_capped_return() -> None:
    market = make_market(5, 30, 4)
    returns, caps = market.returns(), market.market_cap
    level = 1.0
    assert market.benchmark[0] == 1.0
    for t in range(1, 30):
        held = [i for i in range(4) if market.member[t - 1, i]]
        level *= 1 + sum(caps[t - 1, i] * returns[t, i] for i in held) / sum(caps[t - 1, i] for i in held)
        assert market.benchmark[t] == pytest.approx(level)


def test_a_given_benchmark_is_aligned_and_not_filled() -> None:
    bars, dates = make_bars(6, 10, 2), pd.bdate_range("2020-01-01", periods=10)
    levels = pd.DataFrame({"date": dates.delete(3), "close": np.arange(9.0)})
    market = build_market(
        bars, members_of(dates, 2), benchmark=levels, start=dates[2], end=dates[8], warmup_days=1
    )
    assert list(market.dates) == list(dates[1:9])
    assert market.benchmark[0] == 1.0 and np.isnan(market.benchmark[2]) and market.benchmark[3] == 3.0


@pytest.mark.parametrize("kind", ["column", "twice", "period", "indices"])
def test_what_cannot_be_used_is_named(kind: str) -> None:
    bars, dates = make_bars(7, 10, 2), pd.bdate_range("2020-01-01", periods=10)
    benchmark, start = None, dates[0]
    if kind == "column":
        bars, word = bars.drop(columns="close"), "'close'"
    elif kind == "twice":
        bars, word = pd.concat([bars, bars.iloc[[5]]]), "two bars of company S01 on 2020-01-03"
    elif kind == "period":
        start, word = pd.Timestamp("2030-01-01"), "2030-01-01"
    else:
        benchmark, word = pd.DataFrame({"benchmark": ["A", "B"], "date": dates[:2], "close": 1.0}), "A, B"
    with pytest.raises(DatasetError, match=word):
        build_market(
            bars, members_of(dates, 2), benchmark=benchmark, start=start, end=dates[-1], warmup_days=0
        )


def test_models_see_the_stocks_of_a_wider_universe_that_are_no_members() -> None:
    bars = make_bars(1, 60, 6)
    dates = pd.bdate_range("2020-01-01", periods=60)
    members = pd.DataFrame(True, index=dates, columns=["S01", "S03"])
    wider = pd.DataFrame(True, index=dates, columns=["S00", "S03", "S05"])
    wider.iloc[:20, 2] = False
    market = build_market(
        bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0, fitted=wider
    )
    assert market.stocks == ("S00", "S01", "S03", "S05")
    assert market.member[10].tolist() == [False, True, True, False]
    seen = market.for_models()
    assert seen.member[10].tolist() == [True, True, True, False] and seen.member[30].all()
    assert seen.fit_member is None and seen.for_models() is seen
    moved = market.permuted(np.array([3, 2, 1, 0]))
    assert moved.for_models().member[10].tolist() == [False, True, True, True]
    alone = build_market(bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0)
    np.testing.assert_array_equal(market.benchmark, alone.benchmark)
