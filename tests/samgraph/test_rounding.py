"""What differs by rounding alone is equal: no test, order or choice rests on a last digit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.inference import independent_test, mean_test
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.factors.evaluation.newey_west import newey_west
from samgraph.factors.evaluation.overfitting import probability_of_overfitting
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.regression.ridge import Ridge, Shrinkage
from samgraph.factors.risk.concentration import twins
from samgraph.factors.signals.product_momentum import product_returns
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.metrics import ratio
from samgraph.rounding import first_least, to_digits, varies

LAST_DIGIT = 2.0**-52


def noise(n: int, seed: int = 0) -> np.ndarray:
    return 1.0 + LAST_DIGIT * np.random.default_rng(seed).integers(-4, 5, n)


def test_numbers_vary_by_more_than_rounding_or_do_not() -> None:
    assert not varies(np.zeros(0)) and not varies(np.full(9, 0.3)) and not varies(0.3 * noise(99))
    assert varies(0.3 + 1e-9 * np.arange(9))
    tiny = 1e-17 * np.arange(9.0)
    assert varies(tiny) and not varies(tiny, np.full(9, 0.01))


def test_of_equal_numbers_the_first_is_the_least() -> None:
    assert first_least(np.array([2.0, 1.0 + 3 * LAST_DIGIT, 1.0])) == 1
    assert first_least(np.array([2.0, 1.000001, 1.0])) == 2
    assert first_least(np.array([0.0, 0.0])) == 0
    frame = pd.DataFrame({"share": [0.7, 0.1 + 0.2 + 0.4, 0.8], "id": ["a", "b", "c"]})
    order = frame.sort_values(["share", "id"], ascending=[False, True], key=to_digits(9))["id"]
    assert 0.1 + 0.2 + 0.4 > 0.7 and list(order) == ["c", "a", "b"]


def test_a_series_that_varies_by_rounding_has_no_t_statistic() -> None:
    steady = 0.02 * noise(60)
    for found in (mean_test(steady), independent_test(steady), newey_west(steady, 3)):
        assert found.mean == pytest.approx(0.02) and math.isnan(found.t)
    assert math.isnan(ratio(steady))


def test_strategies_that_differ_by_rounding_do_not_differ() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, 250)
    same = paired_difference(returns, returns * noise(250, 2))
    assert (same.difference, same.p_value) == (0.0, 1.0)
    above = paired_difference(returns + 0.001, returns)  # the same amount every day, up to rounding
    assert above.difference == pytest.approx(0.252) and above.p_value < 0.001
    assert above.ci_low == above.ci_high == above.difference


def test_a_portfolio_that_is_its_benchmark_has_no_information_ratio() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, 250)
    daily = pd.DataFrame({"return": returns * noise(250), "benchmark_return": returns, "value": 1.0})
    found = performance(daily.assign(turnover=0.0, cost=0.0))
    assert math.isnan(found.information_ratio) and abs(found.excess_return) < 1e-12


def test_a_trial_and_its_copy_tie_in_every_split() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, (160, 4))
    exact = probability_of_overfitting(np.column_stack([returns, returns[:, 0]]), blocks=8)
    for seed in range(5):
        copy = returns[:, 0] * noise(160, seed)
        assert probability_of_overfitting(np.column_stack([returns, copy]), blocks=8) == exact


def test_a_stock_alone_in_its_industry_is_exactly_neutral() -> None:
    rng = np.random.default_rng(4)
    factor, size, weight = rng.normal(size=(30, 9)), rng.normal(size=(30, 9)), rng.uniform(0.1, 3, (30, 9))
    labels = np.broadcast_to([0, 0, 0, 0, 0, 1, 2, 3, 3], (30, 9))
    for given in ({}, {"log_cap": size}):
        found = neutralise(factor, labels, weights=weight, **given)
        assert (found[:, [5, 6]] == 0.0).all() and (found[:, :5] != 0.0).all()


def test_of_ridge_strengths_that_do_as_well_the_weaker_is_used() -> None:
    shrinkage = Shrinkage(Ridge(strengths=(0.1, 1.0, 10.0), first=2), [], 0)
    for t in range(6):
        shrinkage.record(t, np.array([1.0 + LAST_DIGIT * (t + 1), 1.0, 1.0 - LAST_DIGIT * t]))
    assert shrinkage.strength(10) == 0.1


def test_shares_of_float32_meet_a_bound_as_they_are_written() -> None:
    """0.45 + 0.05 is a half and 0.6 is not above 0.6, though their float32 say otherwise."""
    shares = np.array([0.45, 0.05, 0.45, 0.05, 0.2, 0.3, 0.2, 0.3])
    edges = Edges.of(np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 0, 1, 2, 3, 2, 3]), shares)
    assert edges.weight[:2].astype(np.float64).sum() < 0.5
    found = twins(np.full(4, 0.25), edges, list("abcd"))
    assert list(zip(found["company_a"], found["company_b"], strict=True)) == [("a", "b"), ("c", "d")]

    dates = pd.bdate_range("2024-01-01", periods=1)
    sold = Edges.of(np.array([0, 1, 2]), np.array([0, 0, 0]), np.array([0.6, 0.7, 0.7]))
    assert float(sold.weight[0]) > 0.6
    series = SnapshotSeries(dates, tuple("abc"), ("p",), ("p",), np.zeros(1, dtype=np.int64), (sold,))
    # a is not pure at 0.6, so b hears from c alone
    assert product_returns([[0.5, 0.1, 0.3]], series, purity=0.6)[0, 1] == pytest.approx(0.3)
