"""Neutral factors are orthogonal to what they are neutral to, and equal each day's own regression."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.errors import ModelError
from samgraph.factors.evaluation.neutralise import neutralise


def made(seed, n_dates=12, n_stocks=60, n_classes=6):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, n_classes, (n_dates, n_stocks))
    cap = rng.normal(23, 1.5, (n_dates, n_stocks)) + 0.5 * labels
    style = rng.normal(size=(n_dates, n_stocks))
    factor = 3 + 0.8 * cap + 2.0 * labels - style + rng.normal(size=(n_dates, n_stocks))
    weights = np.exp(rng.normal(size=(n_dates, n_stocks)))
    factor[rng.random(factor.shape) < 0.1] = np.nan
    cap[rng.random(factor.shape) < 0.1] = np.nan
    return factor, labels, cap, style, weights


def dummies(labels):
    return (labels[:, None] == np.unique(labels)[None, :]).astype(float)


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_each_days_regression_by_statsmodels(weighted):
    factor, labels, cap, style, weights = made(0)
    got = neutralise(factor, labels, cap, weights if weighted else None, covariates=[style])
    for t in range(len(factor)):
        use = ~np.isnan(factor[t]) & ~np.isnan(cap[t])
        x = np.column_stack([dummies(labels[t][use]), cap[t][use], style[t][use]])
        fit = sm.WLS(factor[t][use], x, weights=weights[t][use] if weighted else 1.0).fit()
        np.testing.assert_allclose(got[t][use], fit.resid, atol=1e-9)
        assert np.isnan(got[t][~use]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_uncorrelated_with_every_industry_and_cap_on_every_day(seed, weighted):
    factor, labels, cap, _, weights = made(seed)
    got = neutralise(factor * 1e6, labels, cap, weights if weighted else None)
    w = weights if weighted else np.ones_like(weights)
    for t in range(len(factor)):
        use = ~np.isnan(got[t])
        for column in [*dummies(labels[t][use]).T, cap[t][use]]:
            corr = np.cov(np.vstack([got[t][use], column]), aweights=w[t][use])
            if corr[1, 1] > 0:
                assert abs(corr[0, 1]) / np.sqrt(corr[0, 0] * corr[1, 1]) < 1e-8
            assert abs((w[t][use] * got[t][use] * column).sum()) < 1e-8 * (
                w[t][use] @ abs(got[t][use] * column) + 1
            )


def test_stocks_without_industry_are_a_class_and_without_cap_are_left_out():
    factor = np.array([[1.0, 2.0, 10.0, 20.0, 5.0]])
    labels = np.array([[-1, -1, 0, 0, 0]])
    np.testing.assert_allclose(neutralise(factor, labels), [[-0.5, 0.5, -5 / 3, 25 / 3, -20 / 3]])
    cap = np.array([[1.0, 1.0, 1.0, 1.0, np.nan]])
    got = neutralise(factor, labels, cap)
    np.testing.assert_allclose(got, [[-0.5, 0.5, -5.0, 5.0, np.nan]])
    got = neutralise(factor, labels, None, np.array([[1.0, 1.0, 1.0, 0.0, 1.0]]))
    assert np.isnan(got[0, 3]) and got[0, 2] == pytest.approx(2.5)


def test_a_factor_that_is_only_industry_and_cap_leaves_exactly_nothing():
    _, labels, cap, _, _ = made(1)
    got = neutralise(5.0 * labels - 0.3 * cap, labels, cap)
    assert (got[~np.isnan(got)] == 0.0).all()


def test_a_covariate_that_the_industries_explain_is_harmless():
    factor, labels, cap, _, _ = made(2)
    alone = neutralise(factor, labels, cap)
    np.testing.assert_allclose(neutralise(factor, labels, cap, covariates=[labels * 2.0]), alone, atol=1e-10)
    np.testing.assert_allclose(neutralise(factor, labels, cap, covariates=[cap * 2.0 + 1]), alone, atol=1e-8)


def test_no_stock_and_no_day_is_too_few():
    assert np.isnan(neutralise(np.full((3, 4), np.nan), np.zeros((3, 4), dtype=int))).all()
    assert neutralise(np.empty((0, 4))).shape == (0, 4)


def test_shapes_and_types_are_checked():
    with pytest.raises(ModelError, match="labels have shape"):
        neutralise(np.ones((3, 4)), np.zeros((3, 4)))
    with pytest.raises(ModelError, match="log_cap has shape"):
        neutralise(np.ones((3, 4)), None, np.ones((4, 3)))
