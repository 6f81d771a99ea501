"""The main portfolio is held against everything else that the run has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from samgraph.arms.registry import ARMS
from samgraph.outcome.against import against
from samgraph.report.verdict import NAMES


def test_every_other_arm_has_its_difference_a_year_and_its_interval() -> None:
    """By hand: the arms' returns are the product's less a mean, with noise of their own."""
    rng, days = np.random.default_rng(4), pd.bdate_range("2021-01-04", periods=200)
    own, less = rng.normal(0.001, 0.01, 200), {"gru": 0.001, "lightgbm": -0.002, "ensemble": 0.0}
    rows = {"product": own} | {name: own - mean - rng.normal(0.0, 0.001, 200) for name, mean in less.items()}
    # one arm held another way is a portfolio of the same arm, not another arm
    rows["product_optimised"] = own * 2
    portfolio = pd.concat(
        pd.DataFrame({"variant": name, "date": days, "return": values, "benchmark_return": 0.0005})
        for name, values in rows.items()
    )
    found = against(portfolio, seed=0, days_a_year=250.0)
    assert list(found) == ["benchmark", "gru", "lightgbm", "ensemble"]
    for name in less:
        assert found[name]["difference"] == pytest.approx(250 * (own - rows[name]).mean())
        assert found[name]["ci_low"] < found[name]["difference"] < found[name]["ci_high"]
    assert found["gru"]["ci_low"] > 0 > found["lightgbm"]["ci_high"]
    assert found["ensemble"]["ci_low"] < 0 < found["ensemble"]["ci_high"]


def test_every_arm_is_called_by_a_name_in_the_verdict() -> None:
    assert set(ARMS) - {"product"} <= set(NAMES)
