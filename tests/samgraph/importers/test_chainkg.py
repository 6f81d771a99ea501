"""ChainKnowledgeGraph's raw tables: each kind of dirt by its policy, every row in one cause, the real tables whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles.answers import CHAIN, causes, chain, checked

from samgraph.errors import DatasetError
from samgraph.importers.chainkg import import_chainkg

DAY = np.datetime64("2021-11-01")


def weights(made):
    segments = made.tables["segments"]
    return dict(
        zip(zip(segments["company_id"], segments["product_id"], strict=True), segments["weight"], strict=True)
    )


def test_every_kind_of_dirt_ends_in_its_cause(tmp_path):
    made = import_chainkg(chain(tmp_path / "raw"), valid_from=DAY)
    checked(made, tmp_path / "out")
    assert causes(made, "company_product") == {
        "used as it is": 2,  # camera of Alpha, lamps of Gamma
        "name cleaned": 1,
        "share scaled down: those of its report add up to more than 1": 1,
        "equal shares of one report split evenly, then scaled down": 2,
        "the same row again": 1,
        "filler 0.001: from the registered scope of business, no share of revenue": 1,
        "elimination, plug or adjustment, by its name": 2,
        "negative share": 1,
        "share of zero": 1,
        "share above 1: no share of a whole": 1,
        "a region, not a product, by its name": 1,
        "a total, by its name": 1,
        "names no product: counts in the total, goes to no product": 1,
        "company code of no known exchange": 1,
    }
    assert causes(made, "product_product") == {
        "used as it is": 5,
        "a further parent: a product has one, the nearest by name, else the first": 2,
        "the same relation again": 1,
        "self loop: a product is not a kind of itself": 1,
        "self loop: a product is not an input of itself": 1,
        "closes a cycle of the taxonomy": 1,
        "a relation that a dataset has no table for": 1,
    }
    assert causes(made, "product") == {"used as it is": 1, "name cleaned": 2, "the same name again": 1}
    assert causes(made, "company") == {
        "exchange added to the code by the exchange's rule": 1,
        "listing date left empty: the cell holds none": 1,
        "the company again: the first row stands": 1,
        "company code of no known exchange": 1,
    }
    assert causes(made, "company_industry") == {
        "used as it is": 1,
        "company code brought to one form": 1,
        "a further industry of the company: it has one at a time, the first": 1,
        "an industry that table industry lacks": 1,
    }


def test_shares_by_each_policy_equal_those_worked_out_by_hand(tmp_path):
    folder = chain(tmp_path / "raw")
    residual = weights(import_chainkg(folder, valid_from=DAY, policy="residual"))
    # Beta: 0.9 + 0.6 + 0.6 = 2.1 is above 1, so the two of 0.6 are one revenue: 0.9 + 0.3 + 0.3 = 1.5.
    assert residual == pytest.approx(
        {
            ("688001.SH", "相机"): 0.5,
            ("688001.SH", "镜头模组"): 0.3,
            ("000002.SZ", "整机"): 0.6,
            ("000002.SZ", "手机部件"): 0.2,
            ("000002.SZ", "组装"): 0.2,
            ("300003.SZ", "灯具"): 0.5,
        }
    )
    renormalised = weights(import_chainkg(folder, valid_from=DAY, policy="renormalise"))
    assert renormalised[("688001.SH", "相机")] == pytest.approx(0.625)
    assert renormalised[("300003.SZ", "灯具")] == pytest.approx(1.0)
    rejected = weights(import_chainkg(folder, valid_from=DAY, policy="reject"))
    assert rejected == pytest.approx({key: value for key, value in residual.items() if key[0] != "000002.SZ"})


def test_the_tree_keeps_the_nearest_parent_and_links_point_from_input_to_product(tmp_path):
    made = import_chainkg(chain(tmp_path / "raw"), valid_from=DAY)
    parents = made.tables["products"].set_index("product_id")["parent_id"].to_dict()
    assert parents["数码相机"] == "相机"  # part of the name, and longer than 数码
    assert parents["相机"] == "光学"  # neither is part of the name: the first said
    assert {parents["循环甲"], parents["循环乙"]} == {"", "循环甲"}
    assert {"小大肠", "逐日", "镜头模组"} <= set(parents)
    links = made.tables["product_links"]
    assert set(zip(links["supplier_id"], links["customer_id"], strict=True)) == {
        ("镜头模组", "相机"),
        ("玻璃", "灯具"),
    }
    assert set(made.tables["products"]["valid_from"]) == {"2021-11-01"} == set(links["valid_from"])


def test_every_row_read_is_counted_once(tmp_path):
    made = import_chainkg(chain(tmp_path / "raw"), valid_from=DAY)
    rows = made.coverage.groupby("table")["rows"].sum().to_dict()
    assert rows == {
        name: text.count("\n") if text.startswith("{") else len(pd.read_csv(tmp_path / "raw" / f"{name}.csv"))
        for name, text in CHAIN.items()
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("company_code,product_name\n1,2\n", "lacks the column rel_weight"),
        (
            "company_code,product_name,rel_weight\n600001.SH,a,x\n",
            "row 1, column rel_weight: 'x' is not a number",
        ),
        (
            "company_code,product_name,rel_weight\n600001.SH,a,inf\n",
            "row 1, column rel_weight: 'inf' is not a finite",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_told_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DatasetError, match=r"company_product\.csv") as error:
        import_chainkg(chain(tmp_path / "raw", company_product=text), valid_from=DAY)
    assert sentence in str(error.value) and "\n" not in str(error.value)


SLOW = [pytest.param(policy, marks=pytest.mark.slow) for policy in ("renormalise", "reject")]


@pytest.mark.realdata
@pytest.mark.parametrize("policy", ["residual", *SLOW])
def test_the_real_tables_become_a_dataset_without_error(shared_data, tmp_path, policy):
    made = import_chainkg(shared_data / "raw" / "cn_company_product", valid_from=DAY, policy=policy)
    checked(made, tmp_path / "out")
    rows = made.coverage.groupby("table")["rows"].sum().to_dict()
    # As the tables' own README counts them.
    assert (
        rows["company_product"] == 53_785 and rows["product_product"] == 110_153 and rows["product"] == 95_559
    )
    assert rows["company"] == 4_654 and rows["company_industry"] == 4_430 and rows["industry"] == 511
    sold = causes(made, "company_product")
    assert sold["filler 0.001: from the registered scope of business, no share of revenue"] == 14_714
    loops = causes(made, "product_product")
    assert sum(count for cause, count in loops.items() if cause.startswith("self loop")) == 108
    total = made.tables["segments"].groupby("company_id")["weight"].sum()
    assert total.max() <= 1.005
    used = made.coverage[
        made.coverage["table"].eq("company_product") & made.coverage["outcome"].isin(["used", "changed"])
    ]
    assert used["rows"].sum() == len(made.tables["segments"])
    if policy == "renormalise":
        assert np.allclose(total, 1)
