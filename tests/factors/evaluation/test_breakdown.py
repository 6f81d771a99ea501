"""Offsets, years and groups are the evaluation of the days and stocks they name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.evaluation.breakdown import by_group, by_offset, by_year, group_information, size_groups
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.ic import information_coefficient


def made(n_dates=300, n_stocks=45, seed=0):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n_dates, n_stocks))
    small = np.arange(n_stocks) < 15
    forward = 0.5 * factor * small + rng.normal(size=(n_dates, n_stocks))
    cap = np.exp(rng.normal(23, 0.1, (n_dates, n_stocks)) - 5.0 * small)
    return factor, forward, cap, pd.bdate_range("2020-06-01", periods=n_dates)


def test_every_offset_uses_each_day_once_and_equals_a_plain_t_test():
    factor, forward, _, dates = made()
    ic = evaluate({"a": factor, "b": -factor}, {1: forward, 20: forward}, dates, list(range(45))).ic
    found = by_offset(ic)
    series = information_coefficient(factor, forward, rank=True)
    rows = found[(found.factor == "a") & (found.horizon == 20)]
    assert list(rows.offset) == list(range(20)) and rows.n.sum() == 300
    for row in rows.itertuples():
        part = series[row.offset :: 20]
        assert row.rank_ic == pytest.approx(part.mean())
        assert row.rank_icir == pytest.approx(part.mean() / part.std(ddof=1))
        plain = stats.ttest_1samp(part, 0.0)
        scale = stats.t.ppf(0.975, len(part) - 1) / stats.norm.ppf(0.975)
        assert row.tstat == pytest.approx(plain.statistic / scale)
    assert (
        found[found.factor == "b"].rank_ic.to_numpy() == -found[found.factor == "a"].rank_ic.to_numpy()
    ).all()
    assert len(found[(found.factor == "a") & (found.horizon == 1)]) == 1


def test_years_are_calendar_years_and_hold_all_days():
    factor, forward, _, dates = made()
    found = by_year(evaluate({"a": factor}, {1: forward}, dates, list(range(45))).ic)
    assert list(found.year) == [2020, 2021] and found.n_days.sum() == 300
    series = information_coefficient(factor, forward, rank=True)
    assert found.rank_ic[0] == pytest.approx(series[dates.year == 2020].mean())


def test_a_factor_of_small_companies_is_found_there_and_not_elsewhere():
    factor, forward, cap, _ = made()
    groups = size_groups(cap)
    assert (np.bincount(groups.ravel()) == 300 * 15).all()
    found = by_group(factor, forward, groups, ["small", "middle", "large"], horizon=1).set_index("group")
    assert found.tstat_nw["small"] > 10
    assert abs(found.tstat_nw["large"]) < 3
    alone = information_coefficient(factor[:, :15], forward[:, :15], rank=True)
    assert found.rank_ic["small"] == pytest.approx(alone.mean(), rel=1e-12)
    member = np.ones(cap.shape, dtype=bool)
    member[:, 0] = False
    assert (size_groups(cap, member=member)[:, 0] == -1).all()
    empty = by_group(factor, forward, np.full(cap.shape, -1), ["none"], horizon=1)
    assert empty.n_days[0] == 0
    with pytest.raises(ModelError, match="size groups"):
        size_groups(cap, 1)


def test_rank_ic_within_groups_equals_scipys_with_ties_gaps_and_small_groups():
    rng = np.random.default_rng(7)
    factor = rng.integers(0, 6, (25, 60)).astype(float)
    forward = rng.normal(size=(25, 60)).round(1)
    factor[rng.random(factor.shape) < 0.1] = np.nan
    forward[rng.random(factor.shape) < 0.1] = np.nan
    groups = rng.choice([-1, 0, 1, 2, 3], factor.shape, p=[0.1, 0.4, 0.3, 0.15, 0.05])
    factor[5][groups[5] == 0] = 2.0  # a group that does not vary
    got = group_information(factor, forward, groups, 4, min_stocks=5)
    missing = 0
    for t in range(25):
        for k in range(4):
            use = (groups[t] == k) & ~np.isnan(factor[t]) & ~np.isnan(forward[t])
            if use.sum() < 5 or np.ptp(factor[t][use]) == 0.0:
                assert np.isnan(got[t, k])
                missing += 1
                continue
            want = stats.spearmanr(factor[t][use], forward[t][use]).statistic
            assert got[t, k] == pytest.approx(want, abs=1e-12)
    assert 10 < missing < 60
