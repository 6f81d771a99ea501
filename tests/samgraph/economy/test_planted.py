"""What the benchmark of planted truth takes for the expected return is that: returns follow it one to one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from oracles.benchmarks import benchmark

from samgraph.economy.parameters import Parameters


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    return benchmark("planted")


def slope(expected: np.ndarray[Any, Any], value: np.ndarray[Any, Any], horizon: int, lag: int) -> float:
    """Of later returns on what was expected, both less their day's mean."""
    n = len(value) - lag - horizon
    summed = np.cumsum(value, axis=0)
    later = summed[lag + horizon :][:n] - summed[lag:][:n]
    later = later - later.mean(axis=1, keepdims=True)
    expected = expected[:n] - expected[:n].mean(axis=1, keepdims=True)
    return float((expected * later).sum() / (expected * expected).sum())


@pytest.mark.parametrize(("horizon", "lag"), [(1, 1), (5, 2), (20, 1)])
def test_returns_follow_what_products_foretell_one_to_one_and_those_of_the_twin_do_not(
    planted: ModuleType, horizon: int, lag: int
) -> None:
    truth = planted.Truth(Parameters(seed=1))
    expected = truth.expected(horizon, lag).to_numpy()
    # its standard error is 0.04 to 0.05
    assert slope(expected, truth.drawn.value, horizon, lag) == pytest.approx(1.0, abs=0.15)
    assert slope(expected, truth.twin.value, horizon, lag) == pytest.approx(0.0, abs=0.2)
