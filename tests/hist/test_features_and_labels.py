"""Features know nothing later than their day; labels are what can be earned after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles.hist_making import make_market

from samgraph.errors import ModelError
from samgraph.hist.features import FEATURES, RATIOS, TRAILING, stream_features, window_features
from samgraph.hist.labels import forward_returns, rank_normalise
from samgraph.hist.market import Market

ALL = RATIOS + TRAILING


def disturbed(market: Market, after: int) -> Market:
    """Every column changed after a day."""
    rng = np.random.default_rng(9)
    changes = {}
    for name in ("open", "high", "low", "close", "vwap", "adj", "volume", "market_cap"):
        values = getattr(market, name).copy()
        values[after + 1 :] *= rng.uniform(0.5, 2.0, values[after + 1 :].shape)
        changes[name] = values
    for name in ("tradable", "member", "limit_up", "limit_down"):
        flags = getattr(market, name).copy()
        flags[after + 1 :] ^= rng.uniform(size=flags[after + 1 :].shape) < 0.3
        changes[name] = flags
    return replace(market, **changes)


@pytest.mark.parametrize("after", [0, 30, 75, 100])
def test_features_do_not_change_with_the_future(after: int) -> None:
    market = make_market(1, 120, 12, missing=0.05)
    for before, later in (
        (stream_features(market, ALL), stream_features(disturbed(market, after), ALL)),
        (
            stream_features(market, ALL, by_day=True),
            stream_features(disturbed(market, after), ALL, by_day=True),
        ),
        (window_features(market), window_features(disturbed(market, after))),
    ):
        np.testing.assert_array_equal(before[0][: after + 1], later[0][: after + 1])
        np.testing.assert_array_equal(before[1][: after + 1], later[1][: after + 1])


def test_stream_features_equal_their_definition() -> None:
    market = make_market(2, 90, 10, missing=0.03)
    features, mask = stream_features(market, ALL)
    by_day, _ = stream_features(market, ALL, by_day=True)
    t = 80
    price = {name: getattr(market, name) * market.adj for name in ("open", "high", "low", "close", "vwap")}
    volume = market.volume / market.adj
    log_returns = np.log(price["close"][1:] / price["close"][:-1])
    for f, name in enumerate(ALL):
        raw = np.full(10, np.nan)
        for i in range(10):
            if not mask[t, i]:
                continue
            if name == "volume":
                raw[i] = np.log(volume[t, i] / np.nanmean(volume[t - 19 : t + 1, i]))
            elif name == "volatility_20":
                raw[i] = np.log(np.nanstd(log_returns[t - 20 : t, i], ddof=1))
            elif name.startswith("return_"):
                raw[i] = np.log(price["close"][t, i] / price["close"][t - int(name[7:]), i])
            else:
                raw[i] = np.log(price[name][t, i] / price["close"][t - 1, i])
        np.testing.assert_allclose(features[t, :, f], raw, atol=1e-6, err_msg=name)
        members = market.member[t] & mask[t] & np.isfinite(raw)
        expected = (raw - raw[members].mean()) / raw[members].std()
        expected = np.clip(np.nan_to_num(expected, nan=0.0), -4, 4)
        np.testing.assert_allclose(by_day[t, :, f], expected, atol=1e-4, err_msg=name)
    assert np.isfinite(by_day).all() and not np.isinf(features).any()


def test_a_day_is_valid_when_the_stock_traded_and_had_a_bar_the_day_before() -> None:
    market = make_market(3, 30, 6, missing=0.2)
    market.tradable[12, 3] = False
    _, mask = stream_features(market)
    for t in range(30):
        for i in range(6):
            before = t > 0 and np.isfinite(market.close[t - 1, i])
            assert mask[t, i] == (before and np.isfinite(market.close[t, i]) and market.tradable[t, i])


@pytest.mark.parametrize("n_days", [1, 6, 30, 50, 100])
def test_a_period_shorter_than_a_trailing_return_has_none(n_days: int) -> None:
    market = make_market(3, n_days, 6)
    features, _ = stream_features(market, ("return_5", "return_60"))
    for f, days in enumerate((5, 60)):
        assert np.isnan(features[: min(days, n_days), :, f]).all()
        assert np.isfinite(features[days:, :, f]).all()


def test_a_split_changes_no_feature() -> None:
    market = make_market(4, 80, 8)
    factor = np.where(np.arange(80)[:, None] < 40, 1.0, 4.0) * np.ones(8)
    split = replace(
        market,
        **{name: getattr(market, name) / factor for name in ("open", "high", "low", "close", "vwap")},
        adj=market.adj * factor,
        volume=market.volume * factor,
    )
    np.testing.assert_allclose(stream_features(market)[0], stream_features(split)[0], atol=2e-5)
    np.testing.assert_allclose(window_features(market)[0], window_features(split)[0], rtol=1e-5)


def test_limit_flags_are_no_feature_and_unknown_names_are_refused() -> None:
    market = make_market(5, 30, 5)
    flagged = replace(market, limit_up=~market.limit_up, limit_down=~market.limit_down)
    np.testing.assert_array_equal(stream_features(market, ALL)[0], stream_features(flagged, ALL)[0])
    assert not set(FEATURES) & {"limit_up", "limit_down"}
    with pytest.raises(ModelError, match="limit_up"):
        stream_features(market, ("close", "limit_up"))


@pytest.mark.parametrize(("horizon", "lag", "price"), [(1, 1, "close"), (5, 1, "open"), (10, 2, "vwap")])
def test_labels_are_the_return_from_execution_to_its_end(horizon: int, lag: int, price: str) -> None:
    market = make_market(6, 40, 5, missing=0.1)
    market.limit_up[20, 2] = True
    market.tradable[21, 3] = False
    found = forward_returns(market, horizon, lag=lag, price=price)  # type: ignore[arg-type]
    level = getattr(market, price) * market.adj
    for t in range(40):
        for i in range(5):
            entry, end = t + lag, t + lag + horizon
            possible = (
                end < 40
                and market.tradable[entry, i]
                and not market.limit_up[entry, i]
                and np.isfinite(level[end, i])
            )
            if possible:
                assert found[t, i] == pytest.approx(level[end, i] / level[entry, i] - 1, rel=1e-12)
            else:
                assert np.isnan(found[t, i])


def test_nothing_trades_at_the_close_that_it_was_computed_from() -> None:
    with pytest.raises(ModelError, match="lag"):
        forward_returns(make_market(7, 20, 3), 5, lag=0)


def test_ranks_are_centred_even_and_tied_values_equal() -> None:
    x = np.array([[3.0, 1.0, 2.0, np.nan, 9.0], [1.0, 1.0, 2.0, 5.0, 0.0]])
    mask = np.array([[True, True, True, True, False], [True] * 5])
    found = rank_normalise(x, mask)
    step = np.sqrt(12)
    np.testing.assert_allclose(found[0], [step / 3, -step / 3, 0, np.nan, np.nan], rtol=1e-6)
    assert found[1, 0] == found[1, 1]
    np.testing.assert_allclose(np.nanmean(found, axis=1), 0, atol=1e-7)
    many = rank_normalise(np.random.default_rng(1).normal(size=(1, 500)), np.ones((1, 500), dtype=bool))
    assert many.std() == pytest.approx(1.0, abs=1e-3)
