"""Evaluation equals alphalens, scipy and statsmodels on the same input, and sees no later day."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.evaluation.evaluate import HORIZONS, decay, evaluate
from samgraph.factors.evaluation.ic import information_coefficient, rank_autocorrelation
from samgraph.factors.evaluation.inference import mean_test, q_values
from samgraph.factors.evaluation.newey_west import lags_for, newey_west, p_value
from samgraph.factors.evaluation.quantiles import monotonicity, quantile_returns, quantile_turnover
from samgraph.factors.evaluation.ranks import DayOrder, quantile_classes, ranks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alphalens import performance, utils


def made_panel(n_dates: int = 60, n_stocks: int = 40, seed: int = 0, missing: float = 0.1):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n_dates, n_stocks)).cumsum(axis=0)
    forward = {h: rng.normal(size=(n_dates, n_stocks)) * 0.02 + 0.001 * factor for h in (1, 5)}
    gone = rng.random((n_dates, n_stocks)) < missing
    factor[gone] = np.nan
    return factor, forward, gone


def alphalens_frame(factor, forward, quantiles):
    """The input form of alphalens, by its own quantile function."""
    dates = pd.date_range("2020-01-01", periods=len(factor), freq="D")
    index = pd.MultiIndex.from_product(
        [dates, [f"s{i:03d}" for i in range(factor.shape[1])]], names=["date", "asset"]
    )
    frame = pd.DataFrame({f"{h}D": r.ravel() for h, r in forward.items()}, index=index)
    frame["factor"] = factor.ravel()
    frame = frame.dropna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame["factor_quantile"] = utils.quantize_factor(frame, quantiles)
    return frame


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantiles", [3, 5, 10])
def test_rank_ic_quantile_returns_and_turnover_equal_alphalens(quantiles):
    factor, forward, _ = made_panel()
    frame = alphalens_frame(factor, forward, quantiles)
    theirs = performance.factor_information_coefficient(frame)
    classes = quantile_classes(factor, quantiles)
    for h in (1, 5):
        ours = information_coefficient(factor, forward[h], rank=True)
        np.testing.assert_allclose(ours, theirs[f"{h}D"], atol=1e-12)
        for form in (False, True):
            want, _ = performance.mean_return_by_quantile(frame, by_date=True, demeaned=form)
            want = want[f"{h}D"].to_numpy().reshape(quantiles, -1).T  # its rows run by quantile, then by date
            got = quantile_returns(factor, forward[h], quantiles, demeaned=form)
            np.testing.assert_allclose(got, want, atol=1e-12)
        for q in (1, quantiles):
            want = performance.quantile_turnover(frame["factor_quantile"], q, h).to_numpy()[h:]
            np.testing.assert_allclose(quantile_turnover(classes, q, h)[h:], want, atol=1e-12)
        want = performance.factor_rank_autocorrelation(frame, h).to_numpy()
        np.testing.assert_allclose(rank_autocorrelation(factor, h)[h:], want[h:], atol=1e-12)


def test_the_frames_of_evaluate_hold_the_same_figures_as_the_single_functions():
    factor, forward, _ = made_panel()
    other = np.where(np.isnan(factor), np.nan, -factor + np.arange(40))
    dates = pd.bdate_range("2020-01-01", periods=60)
    stocks = [f"s{i}" for i in range(40)]
    found = evaluate({"a": factor, "b": other}, forward, dates, stocks, quantiles=4, turnover_lags=[2])
    for name, values in {"a": factor, "b": other}.items():
        for h in (1, 5):
            rows = found.ic[(found.ic.factor == name) & (found.ic.horizon == h)]
            assert list(rows.date) == list(dates)
            np.testing.assert_array_equal(rows.ic, information_coefficient(values, forward[h]))
            np.testing.assert_array_equal(
                rows.rank_ic, information_coefficient(values, forward[h], rank=True)
            )
            means = quantile_returns(values, forward[h], 4)
            rows = found.quantiles[(found.quantiles.factor == name) & (found.quantiles.horizon == h)]
            np.testing.assert_array_equal(rows["quantile"], np.tile([1, 2, 3, 4], 60))
            np.testing.assert_array_equal(rows.mean_return.to_numpy().reshape(60, 4), means)
            row = found.decay[(found.decay.factor == name) & (found.decay.horizon == h)].iloc[0]
            gap = mean_test(means[:, -1] - means[:, 0], h)
            assert (row.spread, row.spread_tstat_nw) == (gap.mean, gap.t)
            series = mean_test(information_coefficient(values, forward[h], rank=True), h)
            assert (row.tstat_nw, row.p_value, row.freedom) == (series.t, series.p_value, series.freedom)
            assert row.monotonicity == monotonicity(means)
        rows = found.turnover[found.turnover.factor == name]
        assert set(rows.lag) == {2} and len(rows) == 58
        np.testing.assert_array_equal(rows.rank_autocorrelation, rank_autocorrelation(values, 2)[2:])
    assert found.ic.n.sum() == sum((~np.isnan(factor)).sum() for _ in (1, 5)) * 2
    np.testing.assert_allclose(found.decay.q_value, q_values(found.decay.p_value))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(2, 12)),
        elements=st.one_of(st.just(np.nan), st.integers(-3, 3).map(float)),
    )
)
def test_ranks_with_ties_and_gaps_equal_scipy(values):
    ours = ranks(values)
    for got, row in zip(ours, values, strict=True):
        known = ~np.isnan(row)
        np.testing.assert_array_equal(got[known], stats.rankdata(row[known]))
        assert np.isnan(got[~known]).all()
    half = np.arange(values.shape[1]) % 2 == 0
    inside = np.broadcast_to(half, values.shape)
    np.testing.assert_array_equal(DayOrder.of(values).ranks(inside), ranks(np.where(inside, values, np.nan)))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        (3, 30),
        elements=st.floats(-5, 5, allow_nan=False, width=32),
        unique=True,
        fill=st.nothing(),
    ),
    st.integers(2, 10),
)
def test_quantile_classes_equal_pandas_qcut(values, quantiles):
    for row, got in zip(values, quantile_classes(values, quantiles), strict=True):
        want = pd.qcut(pd.Series(row), quantiles, labels=False) + 1
        np.testing.assert_array_equal(got, want)


def test_ic_equals_scipy_with_ties_and_gaps():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 5, (30, 25)).astype(float)
    y = rng.normal(size=(30, 25))
    x[rng.random(x.shape) < 0.2] = np.nan
    y[rng.random(x.shape) < 0.2] = np.inf
    pearson, spearman = information_coefficient(x, y), information_coefficient(x, y, rank=True)
    for t in range(30):
        both = np.isfinite(x[t]) & np.isfinite(y[t])
        assert pearson[t] == pytest.approx(stats.pearsonr(x[t][both], y[t][both]).statistic, abs=1e-12)
        assert spearman[t] == pytest.approx(stats.spearmanr(x[t][both], y[t][both]).statistic, abs=1e-12)


def test_a_day_without_variation_or_with_few_stocks_has_no_ic():
    x = np.vstack([np.full(10, 0.1), np.arange(10.0), np.r_[np.arange(4.0), np.full(6, np.nan)]])
    y = np.tile(np.arange(10.0) * 0.3, (3, 1))
    got = information_coefficient(x, y)
    assert np.isnan(got[0]) and got[1] == pytest.approx(1.0) and np.isnan(got[2])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(3, 120), st.integers(0, 70), st.booleans())
def test_newey_west_equals_statsmodels_hac_on_a_constant(seed, n, lags, small):
    x = np.random.default_rng(seed).normal(0.1, 1, n).cumsum()
    lags = min(lags, n - 1)
    fit = sm.OLS(x, np.ones(n)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": small})
    got = newey_west(np.r_[np.nan, x], lags, small_sample=small)
    assert got.mean == pytest.approx(fit.params[0], rel=1e-10)
    assert got.n == n
    if np.isfinite(got.se):
        assert got.se == pytest.approx(fit.bse[0], rel=1e-10)
        assert p_value(got.t) == pytest.approx(fit.pvalues[0], abs=1e-10)


def test_lags_cover_the_overlap_of_every_horizon():
    assert all(lags_for(h, 1500) >= h - 1 for h in HORIZONS)
    assert lags_for(1, 1000) == 6


def test_overlapping_returns_need_the_lags():
    """Under the null, |t| > 1.96 about 5% of the time with horizon-1 lags, far more often with none."""
    rng = np.random.default_rng(0)
    daily = rng.normal(size=(400, 1000))
    overlapping = np.apply_along_axis(lambda x: np.convolve(x, np.ones(10), "valid"), 1, daily)
    with_lags = np.mean([abs(newey_west(x, 20).t) > 1.96 for x in overlapping])
    without = np.mean([abs(newey_west(x, 0).t) > 1.96 for x in overlapping])
    assert 0.03 < with_lags < 0.10
    assert without > 0.4


def test_what_comes_after_a_day_changes_nothing_up_to_it():
    factor, forward, _ = made_panel()
    dates, stocks = pd.bdate_range("2020-01-01", periods=60), [str(i) for i in range(40)]
    labels = np.random.default_rng(1).integers(-1, 5, factor.shape)
    cap = np.random.default_rng(2).normal(size=factor.shape)
    before = evaluate({"a": factor}, forward, dates, stocks, labels, cap)
    factor2, cap2, labels2 = factor.copy(), cap.copy(), labels.copy()
    factor2[31:], cap2[31:], labels2[31:] = 7.0 + np.arange(40), -cap[31:], 0
    after = evaluate({"a": factor2}, forward, dates, stocks, labels2, cap2)
    for table in ("ic", "quantiles", "turnover"):
        a, b = getattr(before, table), getattr(after, table)
        pd.testing.assert_frame_equal(a[a.date <= dates[30]], b[b.date <= dates[30]], check_exact=True)
    assert not before.ic.equals(after.ic)


def test_a_planted_signal_is_found_and_dies_with_the_horizon():
    rng = np.random.default_rng(5)
    n_dates, n_stocks = 300, 80
    signal = rng.normal(size=(n_dates, n_stocks))
    daily = 0.1 * np.vstack([np.zeros((1, n_stocks)), signal[:-1]]) + rng.normal(size=(n_dates, n_stocks))
    forward = {}
    for h in (1, 10):
        total = np.full((n_dates, n_stocks), np.nan)
        for t in range(n_dates - h):
            total[t] = daily[t + 1 : t + 1 + h].sum(axis=0)
        forward[h] = total
    table = decay(signal, forward).set_index("horizon")
    assert table.tstat_nw[1] > 8 and table.monotonicity[1] == pytest.approx(1.0)
    assert table.rank_ic[1] == pytest.approx(0.1, abs=0.03)
    assert table.rank_ic[10] < 0.6 * table.rank_ic[1]


def test_wrong_shapes_and_horizons_are_named():
    dates, stocks = pd.bdate_range("2020-01-01", periods=3), ["a", "b"]
    with pytest.raises(ModelError, match=r"factor momentum has shape \(2, 2\)"):
        evaluate({"momentum": np.ones((2, 2))}, {1: np.ones((3, 2))}, dates, stocks)
    with pytest.raises(ModelError, match="horizons"):
        evaluate({"a": np.ones((3, 2))}, {0: np.ones((3, 2))}, dates, stocks)
    with pytest.raises(ModelError, match="nothing to evaluate"):
        evaluate({}, {1: np.ones((3, 2))}, dates, stocks)
    with pytest.raises(ModelError, match="quantiles"):
        quantile_returns(np.ones((3, 2)), np.ones((3, 2)), 1)
