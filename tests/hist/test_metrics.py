"""Daily metrics equal pandas, one day at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from samgraph.factors.evaluation.ic import MIN_STOCKS
from samgraph.hist import metrics


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_ic_and_rank_ic_equal_scipy(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    score, label = rng.normal(size=(6, 12)), rng.normal(size=(6, 12))
    if ties:
        score, label = np.round(score), np.round(label)
    score[rng.uniform(size=score.shape) < 0.2] = np.nan
    label[rng.uniform(size=label.shape) < 0.2] = np.nan
    ic, rank_ic = metrics.ic(score, label), metrics.rank_ic(score, label)
    for t in range(6):
        both = np.isfinite(score[t]) & np.isfinite(label[t])
        a, b = score[t, both], label[t, both]
        if len(a) < metrics.MIN_STOCKS or len(set(a)) < 2 or len(set(b)) < 2:
            assert np.isnan(ic[t]) and np.isnan(rank_ic[t])
            continue
        assert ic[t] == pytest.approx(stats.pearsonr(a, b)[0], abs=1e-12)
        assert rank_ic[t] == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-12)


def test_equal_scores_have_no_correlation() -> None:
    label = np.random.default_rng(1).normal(size=(1, 50))
    assert np.isnan(metrics.ic(np.full((1, 50), 0.1), label)[0])
    assert np.isnan(metrics.rank_ic(np.full((1, 50), 0.1, dtype=np.float32), label)[0])


def test_precision_is_the_share_of_the_best_that_rose() -> None:
    rng = np.random.default_rng(2)
    score, label = rng.normal(size=(5, 9)), rng.normal(size=(5, 9))
    score[0, 3:] = np.nan
    label[1, 2] = np.nan
    for n in (1, 3, 5):
        found = metrics.precision_at(score, label, n)
        for t in range(5):
            frame = pd.DataFrame({"score": score[t], "label": label[t]}).dropna()
            if len(frame) < n:
                assert np.isnan(found[t])
            else:
                assert found[t] == (frame.sort_values("score", ascending=False)["label"][:n] > 0).mean()


def test_measure_gathers_means_and_ratios() -> None:
    rng = np.random.default_rng(3)
    label = rng.normal(size=(40, 60))
    found = metrics.measure(label + rng.normal(size=label.shape), label)
    daily = metrics.rank_ic(label + 0.0, label)
    assert metrics.mean(daily) == pytest.approx(1.0)
    assert 0.5 < found.ic < 0.9 and found.icir > 3 and found.days == 40
    assert set(found.precision) == {3, 5, 10, 30}
    assert found.precision[3] > found.precision[30] > 0.5


def test_four_stocks_have_no_information_coefficient_as_in_an_evaluation() -> None:
    rng = np.random.default_rng(5)
    score, label = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    score[1, 0], label[2, 4] = np.nan, np.nan
    for measured in (metrics.ic(score, label), metrics.rank_ic(score, label)):
        assert list(np.isfinite(measured)) == [True, False, False]
    assert metrics.MIN_STOCKS == MIN_STOCKS
