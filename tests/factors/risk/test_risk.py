"""Risk adds up exactly, forecasts what was planted, and hidden concentration is seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.sandwich_covariance import S_hac_simple

from samgraph.errors import ModelError
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.concentration import by_level, concentration, group_weights, twins
from samgraph.factors.risk.covariance import (
    CovarianceSettings,
    autocovariances,
    decay_weights,
    factor_covariance,
    shrinkage_intensity,
    specific_variance,
    variances,
)
from samgraph.factors.risk.model import RiskModel, bias_statistic, qlike, risk_model
from samgraph.graph.series.snapshots import Edges, SnapshotSeries


def chain_taxonomy(layers=12, width=3):
    """A root, `width` children under every node of two branches, `layers` deep: node -> parent."""
    parents = {"r": None}
    level = ["r"]
    for depth in range(1, layers):
        following = []
        for node in level[:2]:
            for j in range(width):
                name = f"{node[:8]}.{depth}{j}{len(following)}"
                parents[name] = node
                following.append(name)
        level = following
    return parents


def made_model(seed=0, n_stocks=40):
    rng = np.random.default_rng(seed)
    parents = chain_taxonomy()
    products = list(parents)
    columns = ["market", "size", *products]
    kinds = ["market", "style", *["product"] * len(products)]
    root = rng.normal(0, 0.01, (len(columns), 5))
    covariance = root @ root.T + np.diag(rng.uniform(1e-5, 1e-4, len(columns)))
    exposures = np.column_stack(
        [np.ones(n_stocks), rng.normal(size=n_stocks), rng.dirichlet(np.full(len(products), 0.1), n_stocks)]
    )
    stocks = tuple(f"s{i}" for i in range(n_stocks))
    model = RiskModel(
        pd.Timestamp("2024-01-02"),
        stocks,
        tuple(columns),
        tuple(kinds),
        tuple(columns),
        exposures,
        covariance,
        rng.uniform(1e-4, 1e-3, n_stocks),
    )
    return model, parents, rng


def test_variance_is_the_dense_one_and_its_parts_add_up_through_all_layers():
    model, parents, rng = made_model()
    weights = rng.normal(size=40)
    total = model.variance(weights)
    assert total == pytest.approx(weights @ model.covariance() @ weights, rel=1e-12)
    split = model.decompose(weights)
    assert split.total == pytest.approx(total, rel=1e-12)
    kinds = split.by_kind().set_index("kind")
    assert kinds["variance"].sum() == pytest.approx(split.total, rel=1e-14)
    assert kinds["share"].sum() == pytest.approx(1.0, rel=1e-14)
    assert split.factors()["variance"].sum() + split.by_stock.sum() == pytest.approx(split.total, rel=1e-13)
    levels = split.by_level(parents)
    assert levels["level"].max() == 12
    assert levels.loc[levels["level"] == 1, "variance"].sum() == pytest.approx(
        kinds["variance"]["product"], rel=1e-14
    )
    own = dict(zip(model.columns, split.by_factor, strict=True))
    for row in levels.itertuples():
        children = levels.loc[levels["parent"] == row.node, "variance"].sum()
        assert row.variance == pytest.approx(own[row.node] + children, rel=1e-10, abs=1e-18)


def test_one_more_of_a_stock_changes_volatility_as_its_contribution_says():
    """Contributions are h_i d(variance)/d(h_i) / 2, checked by a finite difference."""
    model, _, rng = made_model(1)
    weights = rng.normal(size=40)
    split = model.decompose(weights)
    scaled = model.variance(weights * (1 + 1e-6))
    assert (scaled - split.total) / 1e-6 / 2 == pytest.approx(split.total, rel=1e-5)
    assert model.volatility(weights) == pytest.approx(np.sqrt(split.total * 252))


def test_unknown_holdings_are_named():
    model, _, _ = made_model()
    assert model.weights({"s3": 0.4, "s1": 0.6})[3] == 0.4
    with pytest.raises(ModelError, match="such as zz"):
        model.weights({"zz": 1.0})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 8))
def test_newey_west_sums_equal_statsmodels_and_the_slow_weighted_form(seed, lags):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 4))
    want = S_hac_simple(x, nlags=lags) / 60
    np.testing.assert_allclose(autocovariances(x, np.inf, lags), want, rtol=1e-8)  # no decay at all
    x[rng.random(x.shape) < 0.2] = np.nan
    w = decay_weights(60, 20.0)
    y = np.nan_to_num(x) * np.sqrt(w / w.sum())[:, None]
    slow = sum(
        (1 - abs(s - t) / (lags + 1)) * np.outer(y[s], y[t])
        for s in range(60)
        for t in range(60)
        if abs(s - t) <= lags
    )
    got = autocovariances(x, 20.0, lags)
    np.testing.assert_allclose(got, slow, rtol=1e-9, atol=1e-15)
    assert np.linalg.eigvalsh(got)[0] > -1e-12
    single = variances(x, 20.0, 0)[0]
    known = ~np.isnan(x)
    np.testing.assert_allclose(
        single, [np.average(x[k, j] ** 2, weights=w[k]) for j, k in enumerate(known.T)]
    )


def test_the_forecast_is_positive_and_finds_planted_volatilities_and_correlation():
    rng = np.random.default_rng(2)
    truth = np.array([[1.0, 0.8, 0.0], [0.8, 4.0, 0.0], [0.0, 0.0, 0.25]]) * 1e-4
    x = rng.multivariate_normal(np.zeros(3), truth, 3000)
    x = np.column_stack([x, np.full(3000, np.nan)])
    x[-5:, 3] = 0.01  # a new factor
    rule = CovarianceSettings(variance_half_life=750, correlation_half_life=750, lags=0)
    got = factor_covariance(x, rule)
    np.testing.assert_allclose(got[:3, :3], truth, atol=2.5e-5)
    assert got[3, 3] == pytest.approx(np.median(np.diag(got)[:3]), rel=1e-9)
    assert np.linalg.eigvalsh(got)[0] > 0
    np.testing.assert_array_equal(got, got.T)
    with pytest.raises(ModelError, match="too few"):
        factor_covariance(x[:10])


def test_trending_returns_have_more_risk_than_their_days_show():
    rng = np.random.default_rng(3)
    e = rng.normal(0, 0.01, (4000, 1))
    trending = e[1:] + 0.5 * e[:-1]
    long_run = 0.01**2 * 1.5**2
    rule = CovarianceSettings(variance_half_life=1000, correlation_half_life=1000, lags=20)
    assert factor_covariance(trending, rule)[0, 0] == pytest.approx(long_run, rel=0.15)
    blind = CovarianceSettings(variance_half_life=1000, correlation_half_life=1000, lags=0)
    assert factor_covariance(trending, blind)[0, 0] == pytest.approx(0.01**2 * 1.25, rel=0.1)


def test_unrelated_series_are_shrunk_and_related_ones_hardly():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(200, 30))
    assert shrinkage_intensity(noise, 1e9) > 0.8
    assert shrinkage_intensity(noise * 0.3 + rng.normal(size=(200, 1)), 1e9) < 0.05


def test_specific_variance_of_a_young_stock_is_the_typical_one():
    rng = np.random.default_rng(5)
    size = np.r_[np.full(20, 0.01), 0.05, 0.01]
    specific = rng.normal(size=(1000, 22)) * size
    specific[:, 21] = np.nan
    got = specific_variance(specific, CovarianceSettings(specific_half_life=1e6, lags=0, specific_prior=20))
    assert got[21] == pytest.approx(np.median(got[:20]), rel=0.05)
    assert got[20] == pytest.approx(0.05**2, rel=0.1)


def made_history(seed=6, n_dates=500, n_stocks=60, n_products=8):
    rng = np.random.default_rng(seed)
    matrix = rng.dirichlet(np.full(n_products, 0.2), n_stocks)
    stock, product = np.nonzero(matrix > 0.01)
    names = tuple(f"p{k}" for k in range(n_products))
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    stocks = tuple(f"s{i}" for i in range(n_stocks))
    edges = Edges.of(stock, product, matrix[stock, product])
    series = SnapshotSeries(dates, stocks, names, names, np.zeros(n_dates, dtype=np.int64), (edges,))
    market = rng.normal(0, 0.012, (n_dates, 1))
    returns = market + rng.normal(0, 0.015, (n_dates, n_products)) @ series.dense(0).T.astype(float)
    returns += rng.normal(0, 0.02, (n_dates, n_stocks))
    return series, returns, np.exp(rng.normal(23, 1, (n_dates, n_stocks))), rng


def test_forecasts_from_a_regression_are_unbiased_and_know_only_the_past():
    series, returns, cap, rng = made_history()
    fit = cross_sectional_regression(
        returns, cap, series.dates, series.stocks, memberships=[Membership.from_series(series)], folds=0
    )
    rule = CovarianceSettings(lags=0)
    portfolios = [rng.dirichlet(np.full(60, 0.3)) for _ in range(12)]
    portfolios += [a - b for a, b in zip(portfolios[:6], portfolios[6:], strict=True)]
    realised, forecast = [], []
    for t in range(120, 500, 2):
        model = risk_model(fit, t, rule)
        for weights in portfolios:
            realised.append(returns[t] @ weights)
            forecast.append(np.sqrt(model.variance(weights)))
    assert bias_statistic(realised, forecast) == pytest.approx(1.0, abs=0.12)
    assert qlike(realised, forecast) < min(qlike(realised, np.array(forecast) * f) for f in (0.6, 1.6))
    changed = returns.copy()
    changed[300:] *= 5
    other = cross_sectional_regression(
        changed, cap, series.dates, series.stocks, memberships=[Membership.from_series(series)], folds=0
    )
    a, b = risk_model(fit, 300), risk_model(other, 300)
    np.testing.assert_array_equal(a.factor_covariance, b.factor_covariance)
    np.testing.assert_array_equal(a.specific_variance, b.specific_variance)
    assert not np.array_equal(
        risk_model(fit, 301).factor_covariance, risk_model(other, 301).factor_covariance
    )


def test_equal_bets_count_as_many_and_one_bet_in_disguise_counts_one():
    assert concentration({"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}, 1.0).effective == pytest.approx(4.0)
    # five holdings in five industries, all selling batteries
    weights = np.full(5, 0.2)
    products = Edges.of(np.arange(5), np.zeros(5), np.full(5, 0.9))
    industries = Edges.of(np.arange(5), np.arange(5))
    by_product = concentration({"battery": group_weights(weights, products, 1)[0]}, 1.0)
    labels = dict(zip("abcde", group_weights(weights, industries, 5), strict=True))
    assert (by_product.effective, concentration(labels, 1.0).effective) == pytest.approx((1.0, 5.0))
    assert by_product.covered == pytest.approx(0.9) and by_product.largest == "battery"
    assert concentration({}, 1.0).groups == 0


def test_rolling_up_keeps_the_whole_weight_at_every_level():
    parents = {"r": None, "a": "r", "b": "r", "a1": "a", "q": None}
    found = by_level({"a1": 0.5, "a": 0.1, "b": 0.3, "q": 0.1}, parents)
    assert found[1] == pytest.approx({"r": 0.9, "q": 0.1})
    assert found[2] == pytest.approx({"a": 0.6, "b": 0.3, "q": 0.1})
    assert found[3] == pytest.approx({"a1": 0.5, "a": 0.1, "b": 0.3, "q": 0.1})


def test_twins_are_the_held_pairs_that_overlap():
    rng = np.random.default_rng(7)
    matrix = rng.dirichlet(np.full(6, 0.3), 15)
    stock, product = np.nonzero(matrix)
    edges = Edges.of(stock, product, matrix[stock, product])
    weights = np.where(np.arange(15) < 10, rng.uniform(0.01, 0.2, 15), 0.0)
    stocks = [f"s{i}" for i in range(15)]
    got = twins(weights, edges, stocks, least=0.4)
    want = {}
    for i in range(10):
        for j in range(i + 1, 10):
            overlap = np.minimum(matrix[i], matrix[j]).sum()
            if overlap >= 0.4:
                want[f"s{i}", f"s{j}"] = overlap
    found = {(r.company_a, r.company_b): r.overlap for r in got.itertuples()}
    assert found.keys() == want.keys() and found == pytest.approx(want, abs=1e-6)
    assert len(found) > 2 and got["weight"].is_monotonic_decreasing
