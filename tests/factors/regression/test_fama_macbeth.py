"""Fama-MacBeth equals linearmodels, with and without weights, and names the columns of deficient days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import FamaMacBeth as Theirs

from samgraph.errors import ModelError
from samgraph.factors.evaluation.inference import mean_test
from samgraph.factors.regression.fama_macbeth import fama_macbeth


def made(seed=0, n_dates=80, n_stocks=30):
    rng = np.random.default_rng(seed)
    shape = (n_dates, n_stocks)
    factors = {"size": rng.normal(20, 2, shape), "value": rng.normal(size=shape)}
    forward = 0.01 * factors["value"] - 0.002 * factors["size"] + rng.normal(0, 0.05, shape)
    forward[rng.random(shape) < 0.1] = np.nan
    factors["size"][rng.random(shape) < 0.1] = np.nan
    return forward, factors, np.exp(rng.normal(size=shape))


def panel_frame(forward, factors, weights):
    dates = pd.bdate_range("2020-01-01", periods=len(forward))
    index = pd.MultiIndex.from_product([range(forward.shape[1]), dates], names=["stock", "date"])
    frame = pd.DataFrame({name: values.T.ravel() for name, values in factors.items()}, index=index)
    frame.insert(0, "constant", 1.0)
    frame["y"], frame["w"] = forward.T.ravel(), weights.T.ravel()
    return frame.dropna()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("lags", [0, 4, 19])
def test_premia_and_kernel_errors_equal_linearmodels(weighted, lags):
    forward, factors, weights = made()
    frame = panel_frame(forward, factors, weights)
    model = Theirs(frame["y"], frame[["constant", *factors]], weights=frame["w"] if weighted else None)
    want = model.fit(cov_type="kernel", kernel="bartlett", bandwidth=lags, debiased=False)
    got = fama_macbeth(forward, factors, weights=weights if weighted else None, lags=lags)
    np.testing.assert_allclose(got.premia["premium"], want.params, rtol=1e-10)
    np.testing.assert_allclose(got.premia["se"], want.std_errors, rtol=1e-9)
    np.testing.assert_allclose(got.slopes, want.all_params.to_numpy(dtype=float), rtol=1e-8, atol=1e-12)
    assert len(got.deficiencies) == 0 and got.premia["n_days"].eq(80).all()


def test_premia_are_tested_with_the_overlap_in_mind_and_not_at_all_on_few_days():
    forward, factors, _ = made(n_dates=130)
    got = fama_macbeth(forward, factors, horizon=20)
    for name, row in got.premia.iterrows():
        want = mean_test(got.slopes[:, got.names.index(name)], 20)
        assert (row["se"], row["t"], row["p_value"]) == (want.se, want.t, want.p_value)
    assert got.freedom == 3
    few = fama_macbeth(forward[:119], {name: values[:119] for name, values in factors.items()}, horizon=20)
    assert few.premia["premium"].notna().all() and few.premia[["se", "t", "p_value"]].isna().all(axis=None)


def test_deficient_days_are_left_out_and_named():
    forward, factors, _ = made()
    factors["twin"] = 3.0 * factors["size"] + 1.0
    factors["twin"][10:] += np.random.default_rng(0).normal(size=factors["twin"][10:].shape)
    factors["value"][20] = 7.1
    got = fama_macbeth(forward, factors)
    found = {(r.row, frozenset([r.column, *r.depends_on.split()])) for r in got.deficiencies.itertuples()}
    want = {(t, frozenset(["size", "twin"])) for t in range(10)}
    assert found == {*want, (20, frozenset(["value", "constant"]))}
    assert np.isnan(got.slopes[:10]).all() and np.isnan(got.slopes[20]).all()
    assert got.premia["n_days"].eq(69).all()


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_what_is_infinite_is_missing(infinite):
    forward, factors, weights = made()
    with_gaps = []
    for value in (np.nan, infinite):
        y, size, w = forward.copy(), factors["size"].copy(), weights.copy()
        y[5, 3] = size[6, 4] = w[7, 5] = value
        with_gaps.append(fama_macbeth(y, factors | {"size": size}, weights=w))
    np.testing.assert_array_equal(with_gaps[0].slopes, with_gaps[1].slopes)


def test_days_without_a_gap_among_days_with_gaps_give_the_same_slopes():
    forward, factors, _ = made()
    whole = {name: np.where(np.isnan(values), 0.0, values) for name, values in factors.items()}
    y = np.where(np.isnan(forward), 0.0, forward)
    alone = fama_macbeth(y, whole)
    y[40, 0] = np.nan
    together = fama_macbeth(y, whole)
    others = np.arange(80) != 40
    np.testing.assert_allclose(together.slopes[others], alone.slopes[others], rtol=1e-10)


def test_r2_is_the_days_own_and_input_is_checked():
    forward, factors, _ = made()
    got = fama_macbeth(forward, factors)
    use = ~np.isnan(forward[3]) & ~np.isnan(factors["size"][3])
    x = np.column_stack([np.ones(use.sum()), *(f[3][use] for f in factors.values())])
    rest = forward[3][use] - x @ np.linalg.lstsq(x, forward[3][use], rcond=None)[0]
    assert got.r2[3] == pytest.approx(1 - rest.var() / forward[3][use].var())
    with pytest.raises(ModelError, match="at least one factor"):
        fama_macbeth(forward, {})
    with pytest.raises(ModelError, match="no day"):
        fama_macbeth(forward[:, :3], {k: v[:, :3] for k, v in factors.items()})
