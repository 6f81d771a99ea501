"""A regression runs on one thread, whatever the process allows, and leaves the process as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import threadpoolctl

from samgraph.factors.arrays import one_thread
from samgraph.factors.regression import cross_sectional
from samgraph.factors.regression.cross_sectional import cross_sectional_regression


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_a_regression_runs_on_one_thread_and_restores_those_that_there_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[int]] = []
    deal = cross_sectional.deal

    def spied(*given: Any) -> Any:
        seen.append(threads())
        return deal(*given)

    monkeypatch.setattr(cross_sectional, "deal", spied)
    rng = np.random.default_rng(0)
    returns, cap = rng.normal(size=(4, 30)), rng.uniform(1, 2, size=(4, 30))
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        cross_sectional_regression(
            returns,
            cap,
            pd.bdate_range("2020-01-01", periods=4),
            [str(i) for i in range(30)],
            styles={"s": rng.normal(size=(4, 30))},
        )
        assert threads() == before and max(before) == 2
    assert seen and all(set(found) == {1} for found in seen)


def test_of_calls_that_overlap_the_last_restores_the_threads_whichever_began_first() -> None:
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        first, second = one_thread(), one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(threads()) == {1}
        second.__exit__(None, None, None)
        assert threads() == before and max(before) == 2
