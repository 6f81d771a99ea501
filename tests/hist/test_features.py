"""The ten ratios, the published sets against their oracle, and what holds for every feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from oracles import alpha
from oracles.hist_making import make_bars, make_market, market_of

from samgraph.errors import DatasetError, ModelError
from samgraph.hist.features.bars import Bars
from samgraph.hist.features.compute import daily_features
from samgraph.hist.features.levels import levels
from samgraph.hist.features.registry import FEATURES, SETS, choose, history
from samgraph.hist.features.scaling import scaled_by_day
from samgraph.hist.market import Market

PUBLISHED = ("ten", "alpha158", "alpha360")
ALL = (*PUBLISHED, *(name for name in FEATURES if not any(name in SETS[own] for own in PUBLISHED)))


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
    later_market = disturbed(market, after)
    before, later = daily_features(market, ALL), daily_features(later_market, ALL)
    pairs = [
        (before.values, later.values),
        (before.mask, later.mask),
        (
            scaled_by_day(before.values, before.mask, market.member),
            scaled_by_day(later.values, later.mask, later_market.member),
        ),
        *zip(levels(market), levels(later_market), strict=True),
    ]
    for one, two in pairs:
        np.testing.assert_array_equal(one[: after + 1], two[: after + 1])


@pytest.mark.parametrize("name", ["alpha158", "alpha360"])
def test_published_features_equal_their_formulas(name: str) -> None:
    market = make_market(2, 90, 2, missing=0.1)
    market.volume[40:48, 1] = 0.0  # a suspension whose bars repeat the last price
    market.tradable[40:48, 1] = False
    for panel in ("open", "high", "low", "close", "vwap"):
        getattr(market, panel)[40:48, 1] = market.close[39, 1]
    found = daily_features(market, [name])
    oracle: Callable[[pd.DataFrame], pd.DataFrame] = getattr(alpha, name)
    assert found.chosen.names == SETS[name] and not found.chosen.left_out
    for i in range(market.n_stocks):
        expected = oracle(alpha.stock_bars(market, i)).reindex(range(market.n_dates))
        expected[~found.mask[:, i]] = np.nan
        for f, column in enumerate(found.chosen.names):
            np.testing.assert_allclose(
                found.values[:, i, f], expected[column], rtol=2e-6, atol=1e-7, err_msg=f"{column}, stock {i}"
            )


def test_the_sets_have_the_sizes_that_their_names_say() -> None:
    assert [len(SETS[name]) for name in ("ten", "alpha20", "alpha158", "alpha360")] == [10, 20, 158, 360]
    assert set(SETS["alpha20"]) < set(SETS["alpha158"]) and len(set(SETS["alpha20"])) == 20
    assert len(set(SETS["alpha158"])) == 158 and len(set(SETS["alpha360"])) == 360


def test_a_price_that_never_moves_has_no_trend_no_correlation_and_no_spread() -> None:
    market = make_market(3, 80, 2)
    flat = replace(
        market, **{name: np.full((80, 2), 7.3) for name in ("open", "high", "low", "close", "vwap", "adj")}
    )
    values = dict(
        zip(SETS["alpha158"], np.moveaxis(daily_features(flat, ["alpha158"]).values, 2, 0), strict=True)
    )
    late = slice(60, None)
    for name in ("STD20", "BETA60", "SUMP20", "CNTP10", "KMID2", "WVMA30"):
        assert (values[name][late] == 0.0).all(), name
    for name in ("CORR20", "RSQR20", "CORD60"):
        assert np.isnan(values[name][late]).all(), name
    np.testing.assert_array_equal(values["RANK5"][late], np.float32(0.6))  # the mean of ranks 1 to 5, over 5


@pytest.mark.parametrize("name", ALL)
def test_no_feature_looks_back_further_than_it_says(name: str) -> None:
    market = make_market(4, 150, 4, missing=0.05)
    whole = daily_features(market, [name])
    for place, feature in enumerate(whole.chosen.features):
        if feature.name.startswith(("CNT", "IM")):
            continue  # they count the days since the first bar
        start = 130 - max(feature.history, 1)  # valid days look one day back
        part = daily_features(_from(market, start), [feature.name]).values[130 - start, :, 0]
        np.testing.assert_allclose(
            part, whole.values[130, :, place], rtol=1e-6, atol=1e-7, err_msg=feature.name
        )


def _from(market: Market, start: int) -> Market:
    panels = {name: panel[start:] for name, panel in market.panels().items()}
    return replace(market, dates=market.dates[start:], benchmark=market.benchmark[start:], **panels)


@how(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    missing=st.sampled_from([0.0, 0.3]),
    n_days=st.integers(1, 70),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_features_know_no_unit_and_stay_in_their_ranges(
    seed: int, missing: float, n_days: int, scale: float
) -> None:
    market = make_market(seed, n_days, 5, missing=missing)
    prices = {name: getattr(market, name) * scale for name in ("open", "high", "low", "close", "vwap")}
    found, other = daily_features(market, ALL), daily_features(replace(market, **prices), ALL)
    np.testing.assert_allclose(found.values, other.values, rtol=2e-4, atol=2e-5)
    assert not np.isinf(found.values).any() and np.isnan(found.values[~found.mask]).all()
    for place, name in enumerate(found.chosen.names):
        kind = name.rstrip("0123456789")
        low, high = _RANGES.get(kind, (-np.inf, np.inf))
        values = found.values[:, :, place]
        assert not (values < low - 1e-5).any() and not (values > high + 1e-5).any(), name


_RANGES = {
    **dict.fromkeys(
        ("RANK", "IMAX", "IMIN", "RSQR", "CNTP", "CNTN", "SUMP", "SUMN", "VSUMP", "VSUMN"), (0, 1)
    ),
    **dict.fromkeys(("CORR", "CORD", "IMXD", "CNTD", "SUMD", "VSUMD"), (-1, 1)),
    **dict.fromkeys(("STD", "VSTD", "WVMA", "KLEN"), (0, np.inf)),
}


def test_a_stock_has_the_same_features_whoever_else_is_in_the_market() -> None:
    market = make_market(5, 90, 30, missing=0.05)
    whole = daily_features(market, ALL).values
    order = np.array([17, 3, 29, 0])
    panels = {name: panel[:, order] for name, panel in market.panels().items()}
    part = replace(market, stocks=tuple(market.stocks[i] for i in order), **panels)
    np.testing.assert_array_equal(daily_features(part, ALL).values, whole[:, order])


def test_the_ten_equal_their_definition() -> None:
    market = make_market(2, 90, 10, missing=0.03)
    found = daily_features(market, ["ten"])
    by_day = scaled_by_day(found.values, found.mask, market.member)
    t = 80
    price = {name: getattr(market, name) * market.adj for name in ("open", "high", "low", "close", "vwap")}
    volume = market.volume / market.adj
    log_returns = np.log(price["close"][1:] / price["close"][:-1])
    for f, name in enumerate(SETS["ten"]):
        raw = np.full(10, np.nan)
        for i in range(10):
            if not found.mask[t, i]:
                continue
            if name == "volume":
                raw[i] = np.log(volume[t, i] / np.nanmean(volume[t - 19 : t + 1, i]))
            elif name == "volatility_20":
                raw[i] = np.log(np.nanstd(log_returns[t - 20 : t, i], ddof=1))
            elif name.startswith("return_"):
                raw[i] = np.log(price["close"][t, i] / price["close"][t - int(name[7:]), i])
            else:
                raw[i] = np.log(price[name][t, i] / price["close"][t - 1, i])
        np.testing.assert_allclose(found.values[t, :, f], raw, atol=1e-6, err_msg=name)
        members = market.member[t] & found.mask[t] & np.isfinite(raw)
        expected = (raw - raw[members].mean()) / raw[members].std()
        expected = np.clip(np.nan_to_num(expected, nan=0.0), -4, 4)
        np.testing.assert_allclose(by_day[t, :, f], expected, atol=1e-4, err_msg=name)
    assert np.isfinite(by_day).all() and not np.isinf(found.values).any()


def test_a_day_is_valid_when_the_stock_traded_and_had_a_bar_the_day_before() -> None:
    market = make_market(3, 30, 6, missing=0.2)
    market.tradable[12, 3] = False
    mask = daily_features(market, ["ten"]).mask
    for t in range(30):
        for i in range(6):
            before = t > 0 and np.isfinite(market.close[t - 1, i])
            assert mask[t, i] == (before and np.isfinite(market.close[t, i]) and market.tradable[t, i])


@pytest.mark.parametrize("n_days", [1, 6, 30, 50, 100])
def test_a_period_shorter_than_a_trailing_return_has_none(n_days: int) -> None:
    values = daily_features(make_market(3, n_days, 6), ["return_5", "return_60"]).values
    for f, days in enumerate((5, 60)):
        assert np.isnan(values[: min(days, n_days), :, f]).all()
        assert np.isfinite(values[days:, :, f]).all()


def test_a_split_changes_no_feature() -> None:
    market = make_market(4, 80, 8)
    factor = np.where(np.arange(80)[:, None] < 40, 1.0, 4.0) * np.ones(8)
    split = replace(
        market,
        **{name: getattr(market, name) / factor for name in ("open", "high", "low", "close", "vwap")},
        adj=market.adj * factor,
        volume=market.volume * factor,
    )
    one, two = daily_features(market, ALL).values, daily_features(split, ALL).values
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(levels(market)[0], levels(split)[0], rtol=1e-5)


def test_limit_flags_are_no_feature() -> None:
    market = make_market(5, 30, 5)
    flagged = replace(market, limit_up=~market.limit_up, limit_down=~market.limit_down)
    np.testing.assert_array_equal(daily_features(market, ALL).values, daily_features(flagged, ALL).values)
    with pytest.raises(ModelError, match="limit_up"):
        daily_features(market, ("close", "limit_up"))


@pytest.mark.parametrize(
    ("names", "match"),
    [(("retrun_5",), "did you mean 'return_5'"), ((), "at least one"), (("alpha_158",), "'alpha158'")],
)
def test_unknown_names_are_refused_with_the_nearest_known_one(names: tuple[str, ...], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        daily_features(make_market(5, 30, 5), names)


def test_names_keep_their_order_and_count_once() -> None:
    chosen = choose(["return_5", "ten", "KMID", "alpha158"], ["vwap"])
    assert chosen.names[:2] == ("return_5", "open") and chosen.names.count("KMID") == 1
    assert chosen.names.index("KMID") == 10 and len(chosen.names) == 168
    assert history(["ten"]) == 60 and history(["KMID"]) == 0 and history(["MA5", "mine"]) == 4


def test_every_feature_is_registered_under_its_own_name() -> None:
    assert all(feature.name == name for name, feature in FEATURES.items())


def test_without_vwap_its_features_are_left_out_and_named() -> None:
    bars = make_bars(6, 70, 4).drop(columns="vwap")
    found = daily_features(market_of(bars, 70, 4), ["alpha158"])
    assert found.values.shape[2] == 157 and found.chosen.left_out == {"VWAP0": "vwap"}
    assert found.chosen.sentence() == "the bars have no column vwap, so 1 feature is left out: VWAP0"
    of_360 = choose(["alpha360"], ())
    assert len(of_360.features) == 300 and "60 features are left out: VWAP59, VWAP58" in (
        of_360.sentence() or ""
    )
    with pytest.raises(ModelError, match="feature 'VWAP0' needs the bars' column 'vwap'"):
        daily_features(market_of(bars, 70, 4), ["VWAP0"])


def test_vwap_is_the_amount_over_the_volume_where_the_bars_have_that() -> None:
    bars = make_bars(6, 70, 4)
    bars["vwap"] = bars["vwap"].clip(bars["low"], bars["high"])
    amount = bars.drop(columns="vwap").assign(amount=bars["vwap"] * bars["volume"])
    amount.loc[5, "amount"] *= 3.0  # fits no price of its day
    one, two = market_of(bars, 70, 4), market_of(amount, 70, 4)
    assert two.has_vwap and np.isnan(two.vwap).sum() == np.isnan(one.vwap).sum() + 1
    both = np.isfinite(two.vwap)
    np.testing.assert_allclose(one.vwap[both], two.vwap[both], rtol=1e-12)
    with pytest.raises(DatasetError, match=r"amount over volume is 0\.001 times the close"):
        market_of(amount.assign(amount=amount["amount"] / 1000), 70, 4)


def test_bars_of_some_stocks_equal_those_of_all() -> None:
    market = make_market(7, 40, 6, missing=0.1)
    whole, part = Bars(market), Bars(market, slice(2, 5))
    for name in ("open", "close", "volume", "log_volume", "rose", "moved_volume"):
        np.testing.assert_array_equal(part.series(name), whole.series(name)[:, 2:5])
