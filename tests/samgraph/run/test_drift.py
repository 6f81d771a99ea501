"""Drift of features and of what a model is worth, against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from samgraph.factors.evaluation.inference import long_run_error
from samgraph.run.drift import population_stability, worth


def test_the_stability_index_of_shares_that_one_can_count() -> None:
    """Ten equal tenths; then the lower half is gone: five tenths of 0 (taken as 0.0001) and five of 0.2."""
    seen = np.arange(1000.0)
    assert population_stability(seen, seen) == pytest.approx(0.0, abs=1e-12)
    now = np.r_[np.arange(500.0, 1000.0), np.nan]
    expected = 5 * (0.0001 - 0.1) * math.log(0.0001 / 0.1) + 5 * (0.2 - 0.1) * math.log(2)
    assert population_stability(seen, now) == pytest.approx(expected, rel=1e-12)
    assert math.isnan(population_stability(seen, [np.nan]))


def test_a_mean_that_fell_is_told_from_one_that_varies_as_before() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(0.05, 0.1, 400)
    same, lost = worth(before, before[:100], 1), worth(before, rng.normal(-0.05, 0.1, 100), 1)
    assert not same.fell and lost.fell
    se, _ = long_run_error(before, 1)
    half = (lost.high - lost.low) / 2
    assert 1.96 * se * math.sqrt(5) < half < 2.1 * se * math.sqrt(5)  # 1/100 + 1/400 is five times 1/400
    assert lost.earlier == pytest.approx((lost.high + lost.low) / 2) == pytest.approx(before.mean())


def test_too_few_days_have_no_interval_and_never_warn() -> None:
    rng = np.random.default_rng(1)
    few = worth(rng.normal(0.05, 0.1, 400), [-1.0] * 9, 5)
    assert (few.n_recent, few.recent) == (9, -1.0) and math.isnan(few.low) and not few.fell
    assert math.isnan(worth([], [], 5).earlier)


def test_the_interval_holds_its_level_over_draws() -> None:
    rng = np.random.default_rng(2)
    fell = [worth(x[:250], x[250:], 1).fell for x in rng.normal(0.0, 1.0, (400, 300))]
    assert np.mean(fell) == pytest.approx(0.025, abs=0.02)
