from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.outcome.exposure import exposure_table, sellers_table

TREE = pd.DataFrame(
    {
        "product_id": ["root", "a", "b", "a1", "a2", "other"],
        "name": ["Root", "A", "B", "A1", "A2", "Other"],
        "parent_id": [None, "root", "root", "a", "a", None],
    },
    dtype=object,
)
LEAVES = ("a", "a1", "a2", "b", "other")


def inputs(edges: pd.DataFrame, caps: list[float]) -> SimpleNamespace:
    """The parts of a run's inputs that exposures read, for companies X and Y on one day."""
    cap = np.array([caps])
    market = SimpleNamespace(
        stocks=("X", "Y"),
        member=np.array([[True, True]]),
        weights=lambda: cap,
        float_cap=None,
        index_weight=None,
    )
    return SimpleNamespace(
        last_tree=TREE, last_edges=edges, market=market, test=slice(0, 1), sectors=np.array([[0, 1]])
    )


def holdings(x: float, y: float) -> pd.DataFrame:
    day = pd.Timestamp("2024-01-02")
    return pd.DataFrame({"date": [day, day], "company_id": ["X", "Y"], "value": [x, y]})


def test_exposure_by_hand_rolls_up_to_the_roots_and_compares_with_the_universe() -> None:
    edges = pd.DataFrame(
        {"company_id": ["X", "X", "Y"], "product_id": ["a1", "b", "other"], "weight": [0.6, 0.4, 0.5]}
    )
    table = exposure_table(inputs(edges, [1.0, 3.0]), holdings(75.0, 25.0)).set_index("product_id")
    assert table["weight"].to_dict() == pytest.approx(
        {"root": 0.75, "a": 0.45, "b": 0.30, "a1": 0.45, "other": 0.125}
    )
    # the universe holds X at 1/4 and Y at 3/4
    assert table["active_weight"].to_dict() == pytest.approx(
        {"root": 0.5, "a": 0.3, "b": 0.2, "a1": 0.3, "other": 0.125 - 0.375}
    )


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("XY"), st.sampled_from(LEAVES), st.floats(0.01, 1)), min_size=1, max_size=12
    ),
    st.floats(0.01, 10),
)
def test_children_and_what_the_parent_itself_reports_sum_to_the_parent(
    rows: list[tuple[str, str, float]], share: float
) -> None:
    edges = pd.DataFrame(rows, columns=["company_id", "product_id", "weight"])
    held = {"X": share / (share + 1), "Y": 1 / (share + 1)}
    table = exposure_table(inputs(edges, [1.0, 1.0]), holdings(share, 1.0)).set_index("product_id")
    own = (edges["weight"] * edges["company_id"].map(held)).groupby(edges["product_id"]).sum()
    for product, weight in table["weight"].items():
        children = table.loc[table["parent_id"] == product, "weight"].sum()
        assert weight == pytest.approx(children + own.get(product, 0.0))
    assert table.loc[table["parent_id"].isna(), "weight"].sum() == pytest.approx(own.sum())


def test_sellers_of_a_product_make_up_what_its_children_leave() -> None:
    """By hand: X holds 3/4 and sells a1 and b, Y holds 1/4 and sells b."""
    edges = pd.DataFrame(
        {"company_id": ["X", "X", "Y"], "product_id": ["a1", "b", "b"], "weight": [0.6, 0.4, 0.5]}
    )
    found = sellers_table(inputs(edges, [1.0, 1.0]), holdings(75.0, 25.0))
    assert found.to_dict("list") == {
        "product_id": ["a1", "b", "b"],
        "company_id": ["X", "X", "Y"],
        "weight": pytest.approx([0.45, 0.3, 0.125]),
        "revenue_share": [0.6, 0.4, 0.5],
    }
    table = exposure_table(inputs(edges, [1.0, 1.0]), holdings(75.0, 25.0)).set_index("product_id")["weight"]
    assert found.groupby("product_id")["weight"].sum().to_dict() == pytest.approx(
        table[["a1", "b"]].to_dict()
    )


def test_no_holdings_give_empty_tables() -> None:
    edges = pd.DataFrame({"company_id": ["X"], "product_id": ["a1"], "weight": [1.0]})
    nothing = holdings(1.0, 1.0).iloc[:0]
    assert exposure_table(inputs(edges, [1.0, 1.0]), nothing).empty
    assert sellers_table(inputs(edges, [1.0, 1.0]), nothing).empty
