"""The attribution tables of a run, read again from its other tables by slower code."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles.outcome_inputs import ROOT, TEST, Assessed, assessed

from samgraph.outcome.attribution import COMMON

VIEWS = ("industry", "product", "factor", "weighting")


@pytest.fixture(scope="module")
def run() -> Assessed:
    return assessed()


def test_every_view_and_the_common_effects_add_up_to_each_day_s_excess(run: Assessed) -> None:
    table = run.tables["attribution"]
    for name, daily in run.tables["portfolio"].groupby("variant"):
        own = table[table["variant"] == name]
        sums = own.pivot_table(index="date", columns="by", values="contribution", aggfunc="sum")
        sums = sums.reindex(daily["date"]).fillna(0.0)
        for view in VIEWS:
            told = (sums[view] + sums["common"]).to_numpy()
            np.testing.assert_allclose(told, daily["excess_return"], atol=1e-10)
        costs = own[own["group"] == "cost"].set_index("date")["contribution"]
        before = (daily["value"] / (1.0 + daily["return"])).set_axis(daily["date"])
        expected = -(daily.set_index("date")["cost"] / before)
        np.testing.assert_allclose(costs.reindex(expected.index, fill_value=0.0), expected, atol=1e-15)
    assert set(table.loc[table["by"] == "common", "group"]) <= set(COMMON)


def test_linked_effects_add_up_to_the_compounded_excess_of_the_period_and_of_each_year(run: Assessed) -> None:
    table = run.tables["attribution_linked"]
    for name, daily in run.tables["portfolio"].groupby("variant"):
        years = daily["date"].dt.year.astype(str)
        for period in ("all", *years.unique()):
            days = daily if period == "all" else daily[years == period]
            whole = np.prod(1 + days["return"]) - np.prod(1 + days["benchmark_return"])
            own = table[(table["variant"] == name) & (table["period"] == period)]
            sums = own.groupby(["by", "level"])["contribution"].sum()
            common = sums.pop(("common", 1))
            np.testing.assert_allclose(sums + common, whole, atol=1e-10)
            assert ("stock", 1) in sums.index or period != "all"


def test_children_add_up_to_their_parents(run: Assessed) -> None:
    """Products below the root, and factors below their kinds."""
    table = run.tables["attribution_linked"].query("period == 'all'")
    for by in ("product", "factor"):
        rows = table[table["by"] == by]
        upper = rows[rows["level"] == 1].set_index(["variant", "group"])["contribution"]
        below = rows[rows["level"] == 2].groupby(["variant", "parent"])["contribution"].sum()
        np.testing.assert_allclose(below.reindex(upper.index), upper, atol=1e-12)
    products = table[(table["by"] == "product") & (table["level"] == 1)]
    assert ROOT in set(products["group"]) and "Root" in set(products["name"])


def test_industries_and_products_of_a_day_stock_by_stock(run: Assessed) -> None:
    """Of every fifth day: the sum of (w - v)(g - B) over what is in the group."""
    market, inputs = run.inputs.market, run.inputs
    price = pd.DataFrame(market.close * market.adj).ffill().to_numpy()
    holdings = run.tables["holdings"].query("variant == 'product_optimised'")
    table = run.tables["attribution"].query("variant == 'product_optimised'")
    told = table.groupby(["date", "by", "group"])["contribution"].sum()
    for t in range(TEST.start + 2, TEST.stop, 5):
        members = np.flatnonzero(market.member[t - 1])
        caps = market.weights()[t - 1]
        v = {i: caps[i] / caps[members].sum() for i in members}
        before = holdings[holdings["date"] == market.dates[t - 1]]
        w = {market.stocks.index(c): x for c, x in zip(before["company_id"], before["weight"], strict=True)}
        gain = price[t] / price[t - 1] - 1.0
        whole = sum(v[i] * gain[i] for i in v)
        effect = {i: (w.get(i, 0.0) - v.get(i, 0.0)) * (gain[i] - whole) for i in {*v, *w}}
        for code, group in enumerate(inputs.sector_ids):
            expected = sum(x for i, x in effect.items() if inputs.sectors[t - 1, i] == code)
            assert told.get((market.dates[t], "industry", group), 0.0) == pytest.approx(expected, abs=1e-12)
        edges = inputs.coarse_products.edges(t - 1)
        shares = np.bincount(edges.stock, weights=edges.weight.astype(float), minlength=market.n_stocks)
        expected = sum(x * min(shares[i], 1.0) for i, x in effect.items())
        assert told.get((market.dates[t], "product", ROOT), 0.0) == pytest.approx(expected, abs=1e-7)
        cash = 1.0 - before["weight"].sum()
        assert told[market.dates[t], "common", "cash"] == pytest.approx(-cash * whole, abs=1e-12)


def test_shares_of_risk_add_up_and_are_the_forecast_s(run: Assessed) -> None:
    sources, risk = run.tables["risk_sources"], run.tables["risk"]
    sums = sources.groupby(["variant", "date", "by"])["share"].sum()
    np.testing.assert_allclose(sums, 1.0, atol=1e-10)
    specific = sources[(sources["by"] == "kind") & (sources["group"] == "specific")]
    both = specific.merge(risk[risk["against"] == "benchmark"], on=["variant", "date"])
    assert len(both) >= 4
    np.testing.assert_allclose(both["share"], (both["specific_forecast"] / both["forecast"]) ** 2, rtol=1e-9)
    days = run.inputs.market.dates.get_indexer(pd.DatetimeIndex(sources["date"].unique()))
    assert set(np.diff(days)) == {20}  # a rule that later days cannot move
