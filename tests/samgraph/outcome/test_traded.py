"""The traded score: neutral as it is measured, smoothed over past days alone; and write-offs by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market

from samgraph.config import load_config
from samgraph.errors import ConfigError
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.targets import run_targets
from samgraph.outcome.books import path_of
from samgraph.outcome.traded import smoothed, top_less_universe, traded_scores, write_offs

NEEDED = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}


def inputs(n_dates: int = 12, n_stocks: int = 20) -> Any:
    market = calm_market(n_dates, n_stocks)
    rng = np.random.default_rng(0)
    cap = np.exp(rng.normal(20, 1, (n_dates, n_stocks)))
    sectors = np.tile(np.arange(n_stocks) % 3, (n_dates, 1))
    return SimpleNamespace(market=replace(market, market_cap=cap), sectors=sectors, test=slice(2, n_dates))


def test_the_neutral_score_knows_nothing_of_industry_and_size_and_that_of_styles_nothing_of_styles() -> None:
    given, rng = inputs(), np.random.default_rng(1)
    score, beta = rng.normal(size=(12, 20)), rng.normal(size=(12, 20))
    for kind, column in (("neutral", np.log(given.market.market_cap)), ("styles", beta)):
        got = traded_scores(given, {"a": score}, {"beta": beta}, kind, 0.0)["a"]
        assert np.isnan(got[:2]).all() and np.isfinite(got[2:]).all()
        for t in range(2, 12):
            assert abs(np.corrcoef(got[t], column[t])[0, 1]) < 1e-8
            assert np.abs([got[t][given.sectors[t] == k].mean() for k in range(3)]).max() < 1e-12
    raw = traded_scores(given, {"a": score}, {}, "raw", 0.0)["a"]
    np.testing.assert_array_equal(raw[2:], score[2:])
    nothing = SimpleNamespace(
        market=replace(given.market, market_cap=np.full((12, 20), np.nan)),
        sectors=given.sectors,
        test=given.test,
    )
    assert np.isfinite(traded_scores(nothing, {"a": score}, {}, "neutral", 0.0)["a"][2:]).all()


def test_smoothing_by_hand_and_blind_to_later_days() -> None:
    """Half-life of a day: today counts 1, yesterday 1/2, over what there is of each stock."""
    nan = np.nan
    score = np.array([[1.0, -1.0, nan], [nan, nan, nan], [-3.0, 3.0, nan], [1.0, 1.0, -2.0]])
    got = smoothed(score, 1.0)
    np.testing.assert_allclose(got[0], [1, -1, nan])
    assert np.isnan(got[1]).all()
    np.testing.assert_allclose(got[2], [(-1 + 0.5) / 1.5, (1 - 0.5) / 1.5, nan])
    z = np.array([1.0, 1.0, -2.0]) / np.sqrt(2.0)
    np.testing.assert_allclose(got[3], [(z[0] - 0.5 + 0.25) / 1.75, (z[1] + 0.5 - 0.25) / 1.75, z[2]])
    np.testing.assert_array_equal(smoothed(score[:3], 1.0), got[:3])


def test_the_top_less_the_universe_by_hand() -> None:
    score = np.array([[5.0, 4, 3, 2, 1, np.nan], [1.0, 2, 3, 4, np.nan, np.nan]])
    forward = np.array([[0.1, 0.0, 0.0, 0.0, 0.0, 9.0]] * 2)
    np.testing.assert_allclose(top_less_universe(score, forward, 0.1), [0.08, np.nan])


def test_write_offs_are_counted_and_named() -> None:
    """Half of the portfolio is delisted on the fifth day and brings 0.4 of its last price."""
    market = calm_market(8, 2)
    ones = np.full((8, 2), 10.0)
    gone = np.array([market.dates[4].date(), None], dtype="datetime64[D]")
    market = replace(market, open=ones, high=ones, low=ones, close=ones, vwap=ones, delisted_on=gone)
    market = replace(market, adj=np.ones((8, 2)), upper_limit=ones + 90, lower_limit=ones - 9)
    weights = np.full((8, 2), np.nan)
    weights[0] = 0.5
    free = {"buy_cost": 0.0, "sell_cost": 0.0, "min_cost": 0.0, "lot": 0.0, "participation": 0.0}
    book = run_targets(weights, market, Rules(recovery=0.4, cash=1e6, **free))
    found = write_offs({"a": book})["a"]
    assert found["count"] == 1 and found["loss"] == pytest.approx(0.3)
    assert found["holdings"][0]["company_id"] == market.stocks[0]
    assert found["holdings"][0]["date"] == str(market.dates[4].date())
    assert book.daily["value"].iloc[-1] == pytest.approx(7e5)
    assert (
        write_offs({"a": run_targets(weights, replace(market, delisted_on=None), Rules(**free))})["a"][
            "count"
        ]
        == 0
    )


def test_the_pace_of_a_portfolio_is_the_label_s_unless_it_is_set() -> None:
    config = load_config(None, NEEDED | {"model": {"horizon": 10}, "trading": {"rebalance_days": 2}})
    path = path_of(config)
    assert (path.share, path.outside, path.days, path.pace) == (0.1, 0.2, 10, 0.2)
    config = load_config(
        None, NEEDED | {"trading": {"tranche_days": 30, "pace": 0.5, "share": 0.05, "outside": 0.3}}
    )
    path = path_of(config)
    assert (path.share, path.outside, path.days, path.pace) == (0.05, 0.3, 30, 0.5)
    with pytest.raises(ConfigError, match="a band must be wider than what it buys"):
        load_config(None, NEEDED | {"trading": {"outside": 0.05}})


def test_tranches_are_the_default_and_settings_of_topk_name_it() -> None:
    """A file of settings from before that says how many names to hold means what it meant."""
    for trading, wanted in (
        ({}, ("tranches",)),
        ({"top": 30}, ("topk",)),
        ({"drop": 3}, ("topk",)),
        ({"top": 30, "construction": "bands"}, ("bands",)),
        ({"construction": "both"}, ("topk", "optimised")),
    ):
        assert load_config(None, NEEDED | {"trading": trading}).trading.constructions == wanted


def test_a_table_of_trades_has_a_cause_for_every_reason() -> None:
    from samgraph.outcome.traded import CAUSES

    reasons = pd.Series(["enter", "drop", "left_universe", "delisted", "score", "drift", "bounds"])
    assert reasons.map(CAUSES).notna().all()
