"""Labelled input is used by its labels: the order of columns and rows changes nothing, and no label is ignored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market

from samgraph.errors import ModelError
from samgraph.factors.evaluation.breakdown import by_group
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.evaluate import decay, evaluate
from samgraph.factors.evaluation.ic import information_coefficient
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.factors.evaluation.quantiles import quantile_returns
from samgraph.factors.labels import days_of
from samgraph.factors.portfolio.topk_portfolio import run_topk
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.fama_macbeth import fama_macbeth
from samgraph.factors.risk.forecasts import forecast_quality
from samgraph.factors.risk.model import bias_statistic, qlike
from samgraph.factors.signals.pair_spread import pair_spread

DAYS = pd.bdate_range("2020-01-01", periods=40)
STOCKS = [f"{i:03d}.SZ" for i in range(12)]


def frames():
    rng = np.random.default_rng(0)
    factor = pd.DataFrame(rng.normal(size=(40, 12)), index=DAYS, columns=STOCKS)
    forward = factor + 0.5 * rng.normal(size=(40, 12))
    return factor, forward


def shuffled(frame):
    return frame.iloc[::-1, ::-1]


def as_text(frame):
    return frame.set_axis(frame.index.strftime("%Y-%m-%d"), axis=0)


def stacked(frame):
    return frame.stack()  # noqa: PD013  (the form of alphalens)


FORMS = [
    shuffled,
    as_text,
    stacked,
    lambda frame: shuffled(as_text(frame)),
    lambda frame: stacked(shuffled(frame)),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_what_arrays_in_order_give(form):
    factor, forward = frames()
    x, y = (np.ascontiguousarray(frame.to_numpy()) for frame in (factor, forward))
    groups = pd.DataFrame(np.tile(np.arange(12) % 2, (40, 1)), index=DAYS, columns=STOCKS)
    ic = information_coefficient(x, y, rank=True)
    np.testing.assert_array_equal(information_coefficient(factor, form(forward), rank=True), ic)
    found = evaluate({"f": form(factor)}, {1: form(forward)}, DAYS, STOCKS, labels=form(groups))
    want = evaluate({"f": x}, {1: y}, DAYS, STOCKS, labels=groups.to_numpy())
    pd.testing.assert_frame_equal(found.ic, want.ic)
    pd.testing.assert_frame_equal(found.quantiles, want.quantiles)
    pd.testing.assert_frame_equal(decay(factor, {1: form(forward)}), decay(x, {1: y}))
    np.testing.assert_array_equal(quantile_returns(factor, form(forward)), quantile_returns(x, y))
    np.testing.assert_array_equal(
        neutralise(factor, form(groups), form(forward)), neutralise(x, groups.to_numpy(), y)
    )
    np.testing.assert_array_equal(
        fama_macbeth(forward, {"f": form(factor)}).slopes, fama_macbeth(y, {"f": x}).slopes
    )
    named = ["even", "odd"]
    pd.testing.assert_frame_equal(
        by_group(factor, form(forward), form(groups), named, horizon=1),
        by_group(x, y, groups.to_numpy(), named, horizon=1),
    )
    cap = np.exp(x)
    np.testing.assert_array_equal(
        cross_sectional_regression(
            form(forward), form(np.exp(factor)), DAYS, STOCKS, styles={"f": form(factor)}
        ).returns,
        cross_sectional_regression(y, cap, DAYS, STOCKS, styles={"f": x}).returns,
    )


def test_a_score_by_labels_trades_the_stocks_it_names():
    market = calm_market(40, 12, 1)
    market = replace(market, stocks=tuple(STOCKS), dates=DAYS.as_unit("s"))
    score = pd.DataFrame(np.random.default_rng(1).normal(size=(40, 12)), index=DAYS, columns=STOCKS)
    want = run_topk(score.to_numpy(), market)
    pd.testing.assert_frame_equal(run_topk(shuffled(score), market).daily, want.daily)


def test_only_the_days_asked_for_are_evaluated():
    factor, forward = frames()
    found = evaluate({"f": factor}, {1: forward}, list(DAYS[10:].strftime("%Y-%m-%d")), STOCKS)
    assert list(found.ic["date"]) == list(DAYS[10:]) and found.decay["n_days"].item() == 30


def test_labels_that_do_not_fit_are_refused_in_one_sentence():
    factor, forward = frames()
    other = forward.add_prefix("x")
    with pytest.raises(ModelError, match="the forward return has no stock in common"):
        information_coefficient(factor, other)
    with pytest.raises(ModelError, match="no day in common"):
        fama_macbeth(factor, {"f": forward.set_axis(DAYS + pd.Timedelta(days=400), axis=0)})
    with pytest.raises(ModelError, match="has labels and what it is held against has none"):
        information_coefficient(factor.to_numpy(), forward)
    with pytest.raises(ModelError, match="no days"):
        evaluate({"f": factor.set_axis([f"day {i}" for i in range(40)], axis=0)}, {1: forward}, DAYS, STOCKS)
    with pytest.raises(ModelError, match="twice"):
        information_coefficient(factor, forward.set_axis([STOCKS[0], *STOCKS[:-1]], axis=1))
    half = information_coefficient(factor, forward.iloc[:, :8])
    np.testing.assert_allclose(half, information_coefficient(factor.iloc[:, :8], forward.iloc[:, :8]))


def test_series_side_by_side_are_joined_by_day():
    rng = np.random.default_rng(2)
    a, b = (pd.Series(rng.normal(size=40), index=DAYS) for _ in range(2))
    want = paired_difference(a.to_numpy(), b.to_numpy(), n_resamples=99)
    assert paired_difference(a, b.iloc[::-1], n_resamples=99) == want
    assert paired_difference(a, b.iloc[3:], n_resamples=99).n_days == 37
    with pytest.raises(ModelError, match="no day in common"):
        paired_difference(a, b.set_axis(DAYS + pd.Timedelta(days=400)))
    prices = pd.DataFrame(
        np.exp(rng.normal(0, 0.01, (100, 2)).cumsum(axis=0)), index=pd.bdate_range("2020", periods=100)
    )
    assert pair_spread(prices[0], prices[1].iloc[::-1]) == pair_spread(
        prices[0].to_numpy(), prices[1].to_numpy()
    )


def test_moments_of_another_time_zone_are_refused_and_times_of_day_are_left_out():
    days = pd.date_range("2020-01-02", periods=3)
    with pytest.raises(ModelError, match="market's time zone"):
        days_of((days + pd.Timedelta(hours=16)).tz_localize("UTC"))
    for same in (days.tz_localize("Asia/Shanghai"), days + pd.Timedelta(hours=15)):
        assert list(days_of(same)) == list(days)


def test_risk_statistics_go_by_their_days():
    rng = np.random.default_rng(4)
    days = pd.bdate_range("2020-01-01", periods=40)
    forecast = pd.Series(rng.uniform(0.5, 2.0, 40), index=days)
    realised = forecast * rng.normal(size=40)
    for measured in (bias_statistic, qlike, forecast_quality):
        want = measured(realised.to_numpy(), forecast.to_numpy())
        assert measured(realised[::-1], forecast) == pytest.approx(want)
        with pytest.raises(ModelError, match="no day in common"):
            measured(realised.set_axis(days + pd.DateOffset(years=9)), forecast)


def test_prices_that_are_one_line_have_no_half_life_and_no_deviation_to_trade():
    price = np.exp(np.random.default_rng(0).normal(size=500).cumsum() * 0.01)
    for other in (price, 3.0 * price):
        found = pair_spread(price, other)
        assert found.p_value == 0.0 and np.isnan(found.half_life) and np.isnan(found.z_score)


def test_fama_macbeth_names_a_column_that_others_determine_on_every_day():
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=(2, 40, 30))
    with pytest.raises(ModelError, match="b is determined by a on every day"):
        fama_macbeth(y, {"a": x, "b": 2.0 * x})
