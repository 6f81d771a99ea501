"""What a run's portfolios owe to a product or company, by hand, and nothing of a later day in it."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from oracles.brought_run import DAYS, run_of, tables

from samgraph.explore.brought import Brought
from samgraph.graph.db.asof import AsOf

LAST = AsOf(DAYS[-1].date())
NAMES = {"R": "电池", "A": "动力电池", "R2": "R2"}


def rows(answer: dict, key: str) -> list[dict]:
    return next(one["rows"] for one in answer["tables"] if one["key"] == key)


def test_effects_of_a_product_are_summed_up_to_the_day() -> None:
    """0.01 - 0.002 + 0.003 and 0.001 + 0 + 0.004 in the main portfolio; the other has one effect."""
    found = Brought(run_of(tables())).product(["R", "A"], NAMES, AsOf(dt.date(2021, 6, 30)))
    main, other = rows(found, "brought")
    figures = ("allocation", "selection", "contribution", "excess")
    assert main["variant"] == "product"
    assert [main[key] for key in figures] == pytest.approx([0.011, 0.005, 0.016, 0.02])
    assert [other[key] for key in figures] == pytest.approx([0.0, 0.125, 0.125, 0.125])
    assert found["chart"]["days"] == ["2021-06-28", "2021-06-29", "2021-06-30"]
    assert found["chart"]["lines"]["allocation"] == pytest.approx([0.01, 0.008, 0.011])
    assert found["chart"]["lines"]["selection"] == pytest.approx([0.001, 0.001, 0.005])
    assert "电池" in found["note"] and [one["key"] for one in found["tables"]] == ["brought"]


def test_what_was_linked_over_the_test_is_told_on_its_last_day_and_not_before() -> None:
    brought = Brought(run_of(tables()))
    whole = rows(brought.product(["R", "A"], NAMES, LAST), "linked")  # once, though A stands at two levels
    assert [(row["variant"], row["weight"], row["contribution"]) for row in whole] == [("product", 0.4, 0.07)]
    stock = rows(brought.company("1.SZ", LAST), "linked")
    assert [row["contribution"] for row in stock] == [0.21] and "allocation" not in stock[0]
    for day in DAYS[:-1]:
        at = AsOf(day.date())
        for told in (brought.product(["R", "A"], NAMES, at), brought.company("1.SZ", at)):
            assert [one["key"] for one in told["tables"] if one["key"] == "linked"] == []


def test_a_company_s_weights_are_those_up_to_the_day() -> None:
    found = Brought(run_of(tables())).company("1.SZ", AsOf(dt.date(2021, 6, 30)))
    [row] = rows(found, "held")  # the other portfolio buys it a day later
    assert (row["variant"], row["last"], row["held"], row["days"]) == ("product", 0.6, 2, 3)
    assert row["mean"] == pytest.approx(1.0 / 3.0)
    assert found["chart"]["lines"] == {"weight": [0.4, 0.0, 0.6]}


@pytest.mark.parametrize("day", [dt.date(2021, 6, 27), *(one.date() for one in DAYS), dt.date(2021, 7, 5)])
def test_no_row_of_a_later_day_moves_an_answer(day: dt.date) -> None:
    """From tables without any later row, and with other linked figures until the last day, the same is told."""
    kept, at = tables(), AsOf(day)
    cut = {
        name: frame[frame["date"] <= pd.Timestamp(day)] if "date" in frame and name != "portfolio" else frame
        for name, frame in kept.items()
    }
    later = kept["portfolio"]["date"] > pd.Timestamp(day)
    cut["portfolio"] = kept["portfolio"].assign(
        excess_return=kept["portfolio"]["excess_return"].where(~later, 99.0)
    )
    if later.any():
        cut["attribution_linked"] = kept["attribution_linked"].assign(contribution=99.0)
    whole, known = Brought(run_of(kept)), Brought(run_of(cut))
    for path in (["R", "A"], ["R"], ["X"]):
        assert whole.product(path, NAMES, at) == known.product(path, NAMES, at)
    for company in ("1.SZ", "9.SZ"):
        assert whole.company(company, at) == known.company(company, at)


def test_a_run_without_such_tables_says_so() -> None:
    kept = {name: frame for name, frame in tables().items() if name not in ("attribution", "holdings")}
    brought = Brought(run_of(kept))
    assert "keeps no attribution" in brought.product(["R"], NAMES, LAST)["note"]
    assert "keeps no holdings" in brought.company("1.SZ", LAST)["note"]
    told = Brought(run_of(tables())).product(["X"], NAMES, LAST)
    assert "splits no excess return by this product" in told["note"] and told["tables"] == []
