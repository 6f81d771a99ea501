"""A run's stress table by hand: a root with two products, one the other's input by a stated share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from samgraph.outcome.stress import COLUMNS, stress_table


def test_each_product_falls_and_its_customers_with_it() -> None:
    tree = pd.DataFrame(
        {"product_id": ["r", "a", "b"], "name": ["Root", "A", "B"], "parent_id": [None, "r", "r"]},
        dtype=object,
    )
    edges = pd.DataFrame(
        {"company_id": ["x", "x", "y"], "product_id": ["a", "b", "b"], "weight": [0.5, 0.5, 0.8]}
    )
    inputs: Any = SimpleNamespace(last_tree=tree, last_edges=edges, last_links=(("a", "b", 0.4),))
    day = pd.Timestamp("2024-01-02")
    held = pd.DataFrame({"date": day, "company_id": ["x", "y"], "value": [30.0, 70.0]})
    found = stress_table(inputs, held).set_index("product_id")
    assert found.loc["b", "weight"] == pytest.approx(0.3 * 0.5 + 0.7 * 0.8)
    assert found.loc["b", "direct"] == found.loc["b", "carried"] == pytest.approx(-0.071)
    assert found.loc["a", "direct"] == pytest.approx(-0.015)
    assert found.loc["a", "carried"] == pytest.approx(-0.015 - 0.04 * 0.71)
    assert found.loc["a", "worst"] == pytest.approx(found.loc["a", "carried"])
    assert list(found.index) == ["b", "a"] and found.loc["b", "worst_company_id"] == "y"
    assert tuple(stress_table(inputs, held.iloc[:0]).columns) == COLUMNS
