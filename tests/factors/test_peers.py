"""Regressions equal scikit-learn, statsmodels and toraniko on the same input; tests say where conventions differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from oracles.toraniko_core import toraniko_returns
from oracles.toraniko_frames import estimate_by_samgraph
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import Ridge as TheirRidge
from toraniko.model import estimate_factor_returns

from samgraph.errors import ModelError
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Design, EdgeSums, Membership
from samgraph.factors.regression.solve import fit_day, held_out
from samgraph.graph.series.snapshots import Edges

N_DATES, N_STOCKS, N_SECTORS = 6, 120, 7


def made(seed: int = 0):
    rng = np.random.default_rng(seed)
    shape = (N_DATES, N_STOCKS)
    labels = np.tile(rng.permutation(np.arange(N_STOCKS) % N_SECTORS), (N_DATES, 1))
    styles = {f"z{k}": rng.normal(size=shape) for k in range(3)}
    cap = np.exp(rng.normal(23, 1, shape))
    returns = 0.01 * rng.normal(size=(N_DATES, N_SECTORS))[:, labels[0]] + 0.02 * rng.normal(size=shape)
    returns += 0.003 * styles["z0"]
    return returns, cap, labels, styles


def designed(labels, styles, t):
    dense = np.column_stack([np.ones(N_STOCKS), *(z[t] for z in styles.values())])
    edges = Edges.of(np.arange(N_STOCKS), labels[t], np.ones(N_STOCKS))
    return Design(dense, EdgeSums([edges], [N_SECTORS], N_STOCKS))


def by_toraniko(returns, cap, labels, styles):
    """Their factor returns [n_dates, 1 + n_sectors + n_styles]."""
    sectors = (labels[:, :, None] == np.arange(N_SECTORS)).astype(float)
    return toraniko_returns(returns, cap, sectors, np.stack(list(styles.values()), axis=-1))


def test_sector_returns_equal_toranikos_and_styles_too_in_its_two_steps():
    """Theirs: sectors first, with sum_k f_k = 0, then styles on what is left, both weighted by root of cap.

    Ours solves both at once and centres sectors at their cap-weighted mean; so the same is asked of it in two steps,
    and its sectors are moved to the plain mean.
    """
    returns, cap, labels, styles = made()
    theirs = by_toraniko(returns, cap, labels, styles)
    dates, stocks = pd.date_range("2024-01-01", periods=N_DATES), [f"s{i:03d}" for i in range(N_STOCKS)]
    names = [f"i{k}" for k in range(N_SECTORS)]
    first = cross_sectional_regression(
        returns, cap, dates, stocks, memberships=[Membership.from_labels(labels, names)]
    )
    shift = first.returns[:, 1:].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(first.returns[:, :1] + shift, theirs[:, :1], atol=1e-12)
    np.testing.assert_allclose(first.returns[:, 1:] - shift, theirs[:, 1 : 1 + N_SECTORS], atol=1e-12)
    second = cross_sectional_regression(first.specific, cap, dates, stocks, styles=styles, market=False)
    np.testing.assert_allclose(second.returns, theirs[:, 1 + N_SECTORS :], atol=1e-12)
    # the plain sum put in as the constraint gives their sectors without any moving
    design = designed(labels, {}, 0)
    plain = np.r_[0.0, np.ones(N_SECTORS)][None]
    fit = fit_day(design, returns[0], np.sqrt(cap[0]), plain)
    np.testing.assert_allclose(fit.factor_returns, theirs[0, : 1 + N_SECTORS], atol=1e-12)


@pytest.mark.parametrize("whole", [True, False])
def test_the_same_polars_frames_give_toranikos_frames(whole):
    """Frames in order, and frames in any order in which some stocks miss a day and some rows stand in one alone."""
    returns, cap, labels, styles = made(4)
    days = np.arange(N_DATES) + np.datetime64("2024-01-01")
    keys = {
        "date": np.repeat(days, N_STOCKS),
        "symbol": [f"s{i:03d}" for i in range(N_STOCKS)] * N_DATES,
    }
    sectors = {f"i{k}": (labels == k).astype(float) for k in range(N_SECTORS)}
    panels = [{"asset_returns": returns}, {"market_cap": cap}, sectors, styles]
    frames = [pl.DataFrame(keys | {c: v.ravel() for c, v in panel.items()}) for panel in panels]
    if not whole:
        frames = [frame.sample(fraction=0.98, shuffle=True, seed=k) for k, frame in enumerate(frames)]
    ours = estimate_by_samgraph(*frames)
    theirs = estimate_factor_returns(*frames, winsor_factor=None)
    for got, want in zip(ours, theirs, strict=True):
        assert set(got.columns) == set(want.columns)
        values = want.sort("date").select(got.columns)
        np.testing.assert_array_equal(got["date"], values["date"])
        np.testing.assert_allclose(got.drop("date"), values.drop("date"), atol=1e-12)
        assert got.null_count().sum_horizontal()[0] == want.null_count().sum_horizontal()[0]
    assert whole == (ours[1].columns == theirs[1].columns and not ours[1].null_count().sum_horizontal()[0])


@pytest.mark.parametrize("errors", ["HC0", "HC1", "HC2", "HC3"])
def test_robust_errors_equal_statsmodels(errors):
    returns, cap, labels, styles = made(1)
    dates, stocks = pd.date_range("2024-01-01", periods=N_DATES), [str(i) for i in range(N_STOCKS)]
    family = Membership.from_labels(labels, [f"i{k}" for k in range(N_SECTORS)])
    got = cross_sectional_regression(
        returns, cap, dates, stocks, memberships=[family], styles=styles, errors=errors, folds=0
    )
    for t in range(N_DATES):
        x = (labels[t][:, None] == np.arange(N_SECTORS)).astype(float)
        c = cap[t] @ x
        free = np.vstack([np.eye(N_SECTORS - 1), -c[:-1] / c[-1]])
        z = np.column_stack([np.ones(N_STOCKS), *(s[t] for s in styles.values()), x @ free])
        fit = sm.WLS(returns[t], z, weights=np.sqrt(cap[t])).fit(cov_type=errors)
        sectors = np.sqrt(np.diag(free @ fit.cov_params()[4:, 4:] @ free.T))
        np.testing.assert_allclose(got.errors[t], np.r_[fit.bse[:4], sectors], rtol=1e-9)
    with pytest.raises(ModelError, match="standard errors 'HC9' are unknown"):
        cross_sectional_regression(returns, cap, dates, stocks, errors="HC9")


def test_fits_equal_scikit_learn_with_and_without_a_ridge():
    returns, cap, labels, styles = made(2)
    design = designed(labels, styles, 3)
    x, w = np.hstack([design.dense, design.edges.matrix.toarray()]), np.sqrt(cap[3])
    no_dummies = Design(design.dense, EdgeSums([], [], N_STOCKS))
    theirs = LinearRegression(fit_intercept=False).fit(design.dense, returns[3], sample_weight=w)
    ours = fit_day(no_dummies, returns[3], w, np.zeros((0, 4)))
    np.testing.assert_allclose(ours.factor_returns, theirs.coef_, atol=1e-12)
    ridge = TheirRidge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(x, returns[3], sample_weight=w)
    ours = fit_day(design, returns[3], w, np.zeros((0, x.shape[1])), 0.7 * np.eye(x.shape[1]))
    np.testing.assert_allclose(ours.factor_returns, ridge.coef_, atol=1e-11)


def test_held_out_errors_equal_refitting_with_scikit_learn():
    returns, cap, labels, styles = made(3)
    design, w = designed(labels, styles, 0), np.sqrt(cap[0])
    x = np.hstack([design.dense[:, 1:], (labels[0][:, None] == np.arange(N_SECTORS)).astype(float)])
    fold = np.random.default_rng(0).permutation(N_STOCKS) % 5
    want = [0.0, 0.0]
    for part in range(5):
        train, test = fold != part, fold == part
        model = LinearRegression().fit(x[train], returns[0][train], sample_weight=w[train])
        mean = np.average(returns[0][train], weights=w[train])
        want[0] += w[test] @ (returns[0][test] - model.predict(x[test])) ** 2
        want[1] += w[test] @ (returns[0][test] - mean) ** 2
    constraint = np.r_[np.zeros(4), np.ones(N_SECTORS)][
        None
    ]  # any that identifies: predictions do not depend on it
    np.testing.assert_allclose(held_out(design, returns[0], w, constraint, None, fold=fold), want, rtol=1e-10)
