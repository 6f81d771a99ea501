"""With nothing to find, 5% of tests say that there is, also where factors persist and returns overlap."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.signal import lfilter

from samgraph.errors import ModelError
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.inference import (
    bootstrap_test,
    freedom_for,
    independent_test,
    least_days,
    mean_test,
    q_values,
    student,
)
from samgraph.factors.evaluation.newey_west import lags_for, newey_west


def null_ics(n_series, n_days, horizon, persistence, seed, n_stocks=20):
    """Daily correlations of an AR(1) factor with returns over `horizon` days that it has nothing to do with."""
    rng = np.random.default_rng(seed)
    out = np.empty((n_series, n_days))
    for row in out:
        daily = rng.standard_normal((n_days + horizon, n_stocks))
        factor = lfilter([1.0], [1.0, -persistence], rng.standard_normal((n_days + 300, n_stocks)), axis=0)
        total = np.vstack([np.zeros(n_stocks), daily.cumsum(axis=0)])
        sides = factor[300:], total[horizon : horizon + n_days] - total[:n_days]
        x, y = (side - side.mean(axis=1, keepdims=True) for side in sides)
        row[:] = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return out


@pytest.mark.parametrize("horizon", [1, 20, 60])
@pytest.mark.parametrize("persistence", [0.0, 0.97])
def test_a_true_null_is_rejected_in_about_5_of_100_cases(horizon, persistence):
    series = null_ics(400, 480, horizon, persistence, seed=horizon)
    tests = [mean_test(x, horizon) for x in series]
    rejected = np.mean([test.p_value < 0.05 for test in tests])
    assert 0.02 <= rejected <= 0.085  # 0.05 +- 3.2 standard errors of 400 trials
    assert rejected == np.mean([abs(test.t) > stats.norm.ppf(0.975) for test in tests])
    if horizon == 60 and persistence:  # what is mended: lags that cover the overlap alone
        before = np.mean([abs(newey_west(x, lags_for(horizon, 480)).t) > 1.96 for x in series])
        assert before > 0.12


def test_the_bootstrap_beside_it_keeps_its_size_too():
    for horizon in (1, 20):
        series = null_ics(200, 400, horizon, 0.97, seed=7)
        p = np.array(
            [bootstrap_test(x, horizon, n_resamples=99, seed=k).p_value for k, x in enumerate(series)]
        )
        assert 0.01 <= (p <= 0.05).mean() <= 0.1
    assert bootstrap_test(series[0], 20, seed=3) == bootstrap_test(series[0], 20, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [1, 5, 20, 60])
@pytest.mark.parametrize("persistence", [0.0, 0.95, 0.995])
@pytest.mark.parametrize("n_days", [480, 1000])
def test_rejection_rates_of_many_null_series(n_days, horizon, persistence):
    series = null_ics(1000, n_days, horizon, persistence, seed=n_days + horizon)
    rejected = np.mean([mean_test(x, horizon).p_value < 0.05 for x in series])
    assert 0.03 <= rejected <= (0.075 if persistence < 0.99 else 0.095)


def test_the_estimator_is_the_papers_formula():
    rng = np.random.default_rng(1)
    x = rng.normal(0.1, 1, 200).cumsum()
    got, n, b = mean_test(np.r_[np.nan, x], 5), 200, freedom_for(5, 200)
    assert b == min(math.floor(0.4 * 200 ** (2 / 3)), 20) == 13
    energy = [
        (math.sqrt(2 / n) * sum(v * math.cos(math.pi * j * (t - 0.5) / n) for t, v in enumerate(x, 1))) ** 2
        for j in range(1, b + 1)
    ]
    raw = x.mean() / math.sqrt(sum(energy) / b / n)
    assert got.mean == pytest.approx(x.mean()) and (got.n, got.freedom) == (200, b)
    assert got.p_value == pytest.approx(2 * stats.t.sf(abs(raw), b))
    assert got.t == pytest.approx(raw * stats.norm.ppf(0.975) / stats.t.ppf(0.975, b))
    assert got.se == pytest.approx(got.mean / got.t)


def test_a_t_of_1_96_is_5_percent_whatever_the_freedom():
    for freedom in (3, 10, 200):
        edge = stats.t.ppf(0.975, freedom)
        found = student(edge, 1.0, freedom, 500)
        assert (found.t, found.p_value) == (pytest.approx(1.959964, abs=1e-6), pytest.approx(0.05))
        assert student(-edge, 1.0, freedom, 500).t == -found.t


def test_too_few_days_have_a_mean_and_no_t():
    assert [least_days(h) for h in (1, 5, 20, 60)] == [30, 30, 120, 360]
    rng = np.random.default_rng(2)
    for h in (1, 20, 60):
        least = least_days(h)
        assert math.isfinite(mean_test(rng.normal(size=least), h).t)
        few = mean_test(rng.normal(size=least - 1), h)
        assert (
            math.isfinite(few.mean) and math.isnan(few.t) and math.isnan(few.p_value) and few.n == least - 1
        )
        assert math.isnan(bootstrap_test(rng.normal(size=least - 1), h).p_value)
    assert math.isnan(mean_test([], 1).mean) and math.isnan(mean_test(np.ones(100), 1).t)
    assert math.isnan(independent_test(rng.normal(size=9)).t)
    with pytest.raises(ModelError, match="horizon of 0"):
        least_days(0)


def test_evaluate_shows_the_bootstrap_beside_and_no_t_on_few_days():
    rng = np.random.default_rng(3)
    factor, forward = rng.normal(size=(2, 100, 12))
    days, names = pd.bdate_range("2020-01-01", periods=100), [f"s{i}" for i in range(12)]
    found = evaluate({"a": factor}, {1: forward, 20: forward}, days, names, n_resamples=99).decay
    at_1, at_20 = found.set_index("horizon").loc[1], found.set_index("horizon").loc[20]
    assert 0.01 <= at_1["p_bootstrap"] <= 1.0 and math.isfinite(at_1["tstat_nw"])
    wanting = ["tstat_nw", "p_value", "p_bootstrap", "ic_tstat_nw", "spread_tstat_nw", "q_value"]
    assert at_20[wanting].isna().all() and math.isfinite(at_20["rank_ic"])


def test_q_values_are_the_papers_step_ups_and_hold_under_dependence():
    # the 15 p-values of Benjamini and Hochberg (1995), section 3.2: four are discoveries at 5%, three with the
    # harmonic factor of Benjamini and Yekutieli (2001)
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    p += [0.6528, 0.7590, 1.0]
    assert [(q_values(p, rule) <= 0.05).sum() for rule in ("bh", "by")] == [4, 3]
    harmonic = sum(1 / k for k in range(1, 16))
    np.testing.assert_allclose(q_values(p, "by")[0], min(1.0, 0.0001 * 15 * harmonic))
    with_gap = q_values([*p, np.nan])
    assert np.isnan(with_gap[-1])
    np.testing.assert_array_equal(with_gap[:-1], q_values(p))
    rng = np.random.default_rng(4)  # two families that move against each other, nothing to find in either
    z = rng.normal(size=(1500, 1)) * np.repeat([[1.0, -1.0]], 4, axis=0).ravel() + rng.normal(size=(1500, 8))
    false = [(q_values(2 * stats.norm.sf(np.abs(row) / math.sqrt(2))) <= 0.05).any() for row in z]
    assert np.mean(false) <= 0.05
