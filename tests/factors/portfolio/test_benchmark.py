"""Weights of the universe: official ones between their days, free float, caps; by hand and by a slow ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.markets import calm_market

from samgraph.exchange.access import marks
from samgraph.factors.portfolio.benchmark import (
    drifted,
    universe_weights,
    weighted_returns,
    weights_in_words,
)
from samgraph.hist.market import build_market

NAN = float("nan")


def test_official_weights_drift_by_returns_until_they_are_stated_again() -> None:
    """Half and half; the first doubles: 2/3 and 1/3. A new list of 0.3 and 0.7, as of the close before, and so on."""
    total = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [2.0, 3.0]])
    stated = np.array([[0.5, 0.5], [NAN, NAN], [0.3, 0.7], [NAN, NAN]])
    got = drifted(stated, np.ones((4, 2), dtype=bool), total)
    want = [[0.5, 0.5], [2 / 3, 1 / 3], [0.3 / 1.7, 1.4 / 1.7], [0.3 / 2.4, 2.1 / 2.4]]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_an_entrant_between_two_lists_takes_its_weight_from_the_others_as_they_stand() -> None:
    total = np.ones((3, 3))
    stated = np.array([[0.6, 0.4, NAN], [NAN, NAN, 0.2], [NAN, NAN, NAN]])
    member = np.array([[True, True, False], [True, True, True], [True, False, True]])
    got = drifted(stated, member, total)
    np.testing.assert_allclose(got[1], [0.48, 0.32, 0.2], rtol=1e-12)
    np.testing.assert_allclose(got[2], [0.48 / 0.68, NAN, 0.2 / 0.68], rtol=1e-12)  # one left


def test_before_the_first_list_and_for_who_is_on_none_nothing_is_known() -> None:
    stated = np.array([[NAN, NAN], [1.0, NAN]])
    got = drifted(stated, np.ones((2, 2), dtype=bool), np.array([[1.0, 1.0], [NAN, 1.0]]))
    np.testing.assert_array_equal(got, [[NAN, NAN], [1.0, NAN]])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_drifted_weights_are_those_of_a_basket_that_nobody_touches(seed: int) -> None:
    """Shares bought at the close before each full list, held until the next: their worth, at any close."""
    rng = np.random.default_rng(seed)
    n_dates, n = 12, 4
    total = np.cumprod(rng.uniform(0.8, 1.25, (n_dates, n)), axis=0)
    stated = np.full((n_dates, n), NAN)
    for day in (0, *rng.choice(np.arange(1, n_dates), 2, replace=False)):
        stated[day] = rng.dirichlet(np.ones(n))
    got = drifted(stated, np.ones((n_dates, n), dtype=bool), total)
    shares: Any = None
    for t in range(n_dates):
        if np.isfinite(stated[t]).all():
            shares = [stated[t, i] / total[max(t - 1, 0), i] for i in range(n)]
        worth = [shares[i] * total[t, i] for i in range(n)]
        assert got[t] == pytest.approx([w / sum(worth) for w in worth], rel=1e-9)
    np.testing.assert_array_equal(drifted(stated[:6], np.ones((6, n), dtype=bool), total[:6]), got[:6])


def test_free_float_before_total_caps_and_official_weights_before_both() -> None:
    """Caps 1, 2, 3 (the third no member); a float of half of them where known; official weights where stated."""
    market = calm_market(3, 3)
    cap = np.tile([10.0, 20.0, 30.0], (3, 1))
    member = np.tile([True, True, False], (3, 1))
    market = replace(market, market_cap=cap, member=member)
    np.testing.assert_allclose(universe_weights(market)[0], [1 / 3, 2 / 3, 0.0])
    assert weights_in_words(market, slice(0, 3)) == "market caps"
    free = np.array([[8.0, 4.0, 1.0], [8.0, NAN, 1.0], [NAN, NAN, NAN]])
    market = replace(market, float_cap=free)
    got = universe_weights(market)
    np.testing.assert_allclose(got[0], [2 / 3, 1 / 3, 0.0])
    np.testing.assert_allclose(
        got[1], [1 / 3, 2 / 3, 0.0]
    )  # the second's 20 at the first's share of free float, 0.8
    np.testing.assert_allclose(got[2], [1 / 3, 2 / 3, 0.0])
    assert weights_in_words(market, slice(0, 2)) == "market caps of the freely traded shares"
    official = np.array([[0.9, 0.1, NAN], [0.9, NAN, NAN], [NAN, NAN, NAN]])
    market = replace(market, index_weight=official)
    got = universe_weights(market)
    np.testing.assert_allclose(got[0], [0.9, 0.1, 0.0])
    # the second is on no list: its 16 of free float beside the first's 8, which is worth 0.9
    np.testing.assert_allclose(got[1], [1 / 3, 2 / 3, 0.0])
    np.testing.assert_allclose(got[2], [1 / 3, 2 / 3, 0.0])
    assert weights_in_words(market, slice(0, 2)).startswith("official weights")
    nothing = replace(calm_market(3, 3), market_cap=np.full((3, 3), NAN))
    assert weights_in_words(nothing, slice(0, 3)).startswith("equal weights")


@pytest.mark.realdata
def test_official_weights_follow_the_published_total_return_index(shared_data: Any) -> None:
    """CSI 300 in 2021, 297 of its 300 members: within 0.7% a year of CSI300TR, where market caps are 3% away."""
    folder = shared_data / "csi300"
    columns = [
        "date",
        "company_id",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "adj_factor",
        "market_cap",
        "tradable",
    ]
    span = [("date", ">=", pd.Timestamp("2021-01-01")), ("date", "<=", pd.Timestamp("2021-12-31"))]
    bars = pd.read_parquet(folder / "bars.parquet", columns=columns, filters=span)
    dates = pd.DatetimeIndex(np.unique(bars["date"])).as_unit("s")
    rows = pd.read_csv(folder / "universes.csv", parse_dates=["valid_from", "valid_to"])
    stocks = sorted(set(rows["company_id"]) & set(bars["company_id"]))
    member, stated = np.zeros((len(dates), len(stocks)), dtype=bool), np.full((len(dates), len(stocks)), NAN)
    for company, begin, end, weight in rows[["company_id", "valid_from", "valid_to", "weight"]].itertuples(
        False
    ):
        first, last = dates.searchsorted(begin), len(dates) if pd.isna(end) else dates.searchsorted(end)
        if company in stocks and first < last:
            member[first:last, stocks.index(company)] = True
            stated[first, stocks.index(company)] = weight
    members = pd.DataFrame(member, index=dates, columns=stocks)
    market = build_market(bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0)
    total = marks(market).total
    levels = pd.read_csv(folder / "benchmarks.csv", parse_dates=["date"]).query("benchmark == 'CSI300TR'")
    index = levels.set_index("date")["close"].reindex(dates).pct_change().to_numpy()[1:]

    def error(one: Any) -> float:
        gap = weighted_returns(one, total, universe_weights(one))[1:] - index
        return float(gap.std() * 242**0.5)

    official = replace(market, index_weight=drifted(stated, member, total))
    assert error(official) < 0.007 and error(market) > 0.03
