"""Trailing sums equal pandas, and depend on the days of their window alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from samgraph.factors.signals.rolling import trailing_mean, trailing_std, trailing_sum


@pytest.mark.parametrize("window", [1, 2, 5, 20, 64, 230, 400])
def test_sums_means_and_deviations_equal_pandas(window):
    rng = np.random.default_rng(window)
    values = rng.normal(size=(300, 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    rolled = pd.DataFrame(values).rolling(window, min_periods=1)
    total, count = trailing_sum(values, window)
    np.testing.assert_allclose(total, rolled.sum().fillna(0.0), atol=1e-12)
    np.testing.assert_array_equal(count, (~pd.DataFrame(values).isna()).rolling(window, min_periods=1).sum())
    least = max(window // 2, 2)
    known = pd.DataFrame(values).rolling(window, min_periods=min(least, window))
    if least <= window:
        np.testing.assert_allclose(trailing_mean(values, window, least), known.mean(), atol=1e-12)
        np.testing.assert_allclose(trailing_std(values, window, least), known.std(), atol=1e-9)


def test_a_wild_day_leaves_no_trace_once_it_is_out_of_the_window():
    """A stock that stands still for a whole window has moved by exactly nothing, whatever came before."""
    values = np.zeros((100, 2))
    values[:30] = np.random.default_rng(0).normal(size=(30, 2)) * [1.0, 1e9]
    total, _ = trailing_sum(values, 20)
    assert (total[49:] == 0.0).all() and (total[48] != 0.0).all()
    assert (trailing_std(values, 20, 10)[49:] == 0.0).all()
    quiet = values.copy()
    quiet[:10] = 0.0
    np.testing.assert_array_equal(trailing_sum(quiet, 20)[0][29:], total[29:])


def test_no_days_have_no_sums():
    total, count = trailing_sum(np.empty((0, 3)), 20)
    assert total.shape == count.shape == (0, 3)


def test_equal_values_do_not_vary_whatever_was_before_them() -> None:
    """As pandas' rolling deviation does after a large value (pandas 42064, 28244, 46049)."""
    for value in (0.1, -5.0, 1e6 + 0.1):
        values = np.full((60, 1), value)
        values[0] = 1e9
        assert (trailing_std(values, 20, 10)[30:] == 0.0).all()
    tiny = np.random.default_rng(0).random((10, 1)) * 1e-7
    np.testing.assert_allclose(trailing_std(tiny, 3, 3)[5, 0], tiny[3:6, 0].std(ddof=1), rtol=1e-9)
