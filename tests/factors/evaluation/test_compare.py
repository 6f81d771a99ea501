"""Paired differences: the interval covers, p-values are uniform under the null, and the formulas are the papers'."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.inference import best_block_length
from samgraph.factors.evaluation.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    probabilistic_sharpe,
    probability_of_overfitting,
)


def dependent(rng, n, phi):
    x = rng.normal(0, 0.01, n + 50)
    for t in range(1, len(x)):
        x[t] += phi * x[t - 1]
    return x[50:]


@pytest.mark.parametrize("phi", [0.0, 0.3])
def test_p_values_are_uniform_under_the_null_and_intervals_cover(phi):
    rng = np.random.default_rng(7)
    market = rng.normal(0, 0.02, 400)
    found = [
        paired_difference(market + dependent(rng, 400, phi), market, n_resamples=199, seed=k)
        for k in range(300)
    ]
    p = np.array([f.p_value for f in found])
    # 199 resamples leave steps of 1/200; the bootstrap is asymptotic, so the test asks for rough uniformity
    assert stats.kstest(p, "uniform").pvalue > 0.005
    assert 0.02 <= (p <= 0.05).mean() <= 0.09
    covered = np.mean([f.ci_low <= 0.0 <= f.ci_high for f in found])
    assert 0.89 <= covered <= 0.98


def test_ignoring_the_dependence_would_be_wrong():
    rng = np.random.default_rng(8)
    series = [dependent(rng, 400, 0.6) for _ in range(150)]
    zero = np.zeros(400)
    blind = [stats.ttest_1samp(x, 0.0).pvalue for x in series]
    seeing = [paired_difference(x, zero, n_resamples=199).p_value for x in series]
    assert np.mean(np.array(blind) <= 0.05) > 0.25
    assert np.mean(np.array(seeing) <= 0.05) <= 0.1


@pytest.mark.parametrize("n_days", [120, 400])
def test_five_of_a_hundred_worthless_differences_are_significant(n_days):
    rng = np.random.default_rng(n_days)
    zero = np.zeros(n_days)
    p = [
        paired_difference(0.01 * rng.standard_t(4, n_days), zero, n_resamples=99, seed=k).p_value
        for k in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.085


def test_a_true_difference_is_found_and_measured():
    rng = np.random.default_rng(1)
    common = rng.normal(0, 0.02, 1500)
    a, b = common + rng.normal(0.0004, 0.004, 1500), common + rng.normal(0, 0.004, 1500)
    got = paired_difference(a, b, n_resamples=999)
    assert got.difference == pytest.approx((a - b).mean() * 252)
    assert got.ci_low < 0.0004 * 252 < got.ci_high and got.p_value < 0.05
    assert got.block_length == max(1.0, optimal_block_length(a - b)["stationary"].iloc[0])
    opposite = paired_difference(b, a, n_resamples=999)
    assert (opposite.difference, opposite.p_value) == (-got.difference, got.p_value)


def test_the_interval_leaves_out_zero_just_when_p_is_small():
    rng = np.random.default_rng(2)
    for k in range(60):
        d = rng.normal(0.0006, 0.01, 300)
        got = paired_difference(d, np.zeros(300), n_resamples=199, seed=k)
        outside = got.ci_low > 0.0 or got.ci_high < 0.0
        assert outside == (got.p_value < 0.05) or abs(got.p_value - 0.05) <= 2 / 200


def test_same_seed_same_answer_and_seeds_of_a_model_are_averaged():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 200)), rng.normal(size=200)
    one = paired_difference(a, b, n_resamples=99)
    assert one == paired_difference(a.mean(axis=0), b, n_resamples=99)
    assert one != paired_difference(a, b, n_resamples=99, seed=1)
    assert one.as_dict()["p_value"] == one.p_value


def test_gaps_equal_series_and_bad_input():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=50), rng.normal(size=50)
    gap = np.where(np.arange(50) == 7, np.nan, a)
    assert paired_difference(gap, b, n_resamples=99).n_days == 49
    same = paired_difference(a, a, n_resamples=99)
    assert (same.difference, same.ci_low, same.ci_high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    for bad in ((a, b[:-1]), (a[:10], b[:10])):
        with pytest.raises(ModelError):
            paired_difference(*bad)
    with pytest.raises(ModelError, match="level"):
        paired_difference(a, b, level=95)
    assert best_block_length(dependent(rng, 1000, 0.8)) > 5 > best_block_length(rng.normal(size=1000))


def test_the_deflated_sharpe_ratio_is_the_papers_example():
    """Bailey and Lopez de Prado (2014): 2.5 a year over 1250 days, 100 trials of variance 1/2, give 0.9004."""
    threshold = expected_best_sharpe(100, 0.5 / 250)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    got = probabilistic_sharpe(2.5 / np.sqrt(250), threshold, 1250, -3.0, 10.0)
    assert got == pytest.approx(0.9004, abs=5e-5)


def test_the_best_of_many_worthless_trials_is_not_believed():
    rng = np.random.default_rng(5)
    believed, naive = [], []
    for _ in range(100):
        trials = rng.normal(0, 0.01, (500, 50))
        best = trials[:, np.argmax(trials.mean(axis=0) / trials.std(axis=0))]
        believed.append(deflated_sharpe(best, 50).probability)
        naive.append(deflated_sharpe(best, 1).probability)
    assert np.mean(np.array(naive) > 0.95) > 0.8
    assert np.mean(np.array(believed) > 0.95) < 0.12
    assert np.mean(believed) == pytest.approx(0.5, abs=0.1)
    with pytest.raises(ModelError, match="trials"):
        deflated_sharpe(best, 0)


def test_probability_of_overfitting_equals_the_slow_form_and_tells_noise_from_skill():
    rng = np.random.default_rng(6)
    noise = rng.normal(size=(600, 10))
    got = probability_of_overfitting(noise, blocks=6)
    parts = np.split(noise, 6)
    below = []
    for chosen in itertools.combinations(range(6), 3):
        a = np.vstack([parts[k] for k in chosen])
        b = np.vstack([parts[k] for k in range(6) if k not in chosen])
        best = np.argmax(a.mean(axis=0) / a.std(axis=0))
        sharpe = b.mean(axis=0) / b.std(axis=0)
        below.append(stats.rankdata(sharpe)[best] / 11 <= 0.5)
    assert (got.probability, got.n_splits) == (np.mean(below), 20)
    skill = noise + np.where(np.arange(10) == 3, 0.4, 0.0)
    assert probability_of_overfitting(skill).probability < 0.01
    many = [probability_of_overfitting(rng.normal(size=(320, 20)), blocks=8).probability for _ in range(40)]
    assert np.mean(many) == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ModelError, match="blocks"):
        probability_of_overfitting(noise, blocks=5)
