"""A day of a simulation, replayed from what was held on the evening before, is that day: its trades and holdings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.markets import calm_market, rough_market, rough_score

from samgraph.errors import RunError
from samgraph.factors.portfolio.accounting import NEVER, Evening
from samgraph.factors.portfolio.evening import expected_day, next_day
from samgraph.factors.portfolio.paths import Path, path_books
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult, Simulation
from samgraph.factors.portfolio.topk_portfolio import topk_books
from samgraph.hist.market import Market

Books = Callable[[Any, Market], Simulation]
KINDS = ("topk", "tranches", "bands", "aim")


def evening_of(result: PortfolioResult, market: Market, day: int) -> Evening:
    """What the books own at the close of a day, from the tables that a run keeps."""
    place, date = pd.Index(market.stocks), market.dates[day]
    shares, bought = np.zeros(len(place)), np.full(len(place), NEVER, dtype=np.int64)
    own = result.holdings[result.holdings["date"] == date]
    shares[place.get_indexer(pd.Index(own["company_id"]))] = own["shares"]
    buys = result.trades[(result.trades["side"] == "buy") & (result.trades["date"] <= date)]
    last = buys.groupby("company_id")["date"].max()
    bought[place.get_indexer(pd.Index(last.index))] = market.dates.get_indexer(pd.DatetimeIndex(last))
    cash = result.daily.loc[result.daily["date"] == date, "cash"]
    return Evening(float(cash.iloc[0]) if len(cash) else result.rules.cash, shares, bought)


def books_of(kind: str, rules: Rules) -> Books:
    if kind == "topk":
        return lambda score, market: topk_books(score, market, rules)
    return lambda score, market: path_books(kind, score, market, rules, Path(0.25, 0.5, 6, 0.3))


def on(table: pd.DataFrame, date: pd.Timestamp) -> pd.DataFrame:
    return table[table["date"] == date].reset_index(drop=True)


@settings(max_examples=25)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10**6),
    trouble=st.sampled_from([0.02, 0.15]),
    rules=st.builds(
        Rules,
        top=st.just(4),
        drop=st.integers(1, 4),
        weighting=st.sampled_from(["equal", "cap"]),
        cash=st.just(1e6),
        every=st.integers(1, 3),
        price=st.sampled_from(["close", "open"]),
        hold_days=st.sampled_from([None, 0, 3]),
        delist_after=st.just(5),
        invest=st.sampled_from([0.9, 1.0]),
    ),
)
def test_a_replayed_day_has_the_simulations_trades_holdings_and_cash(
    kind: str, seed: int, trouble: float, rules: Rules
) -> None:
    market = rough_market(seed, n_dates=30, n_stocks=10, trouble=trouble, boards=True)
    score = rough_score(seed, market)
    make = books_of(kind, rules)
    try:
        result = make(score, market).run()
    except RunError:  # no day has a score
        return
    start = int(market.dates.get_indexer(pd.DatetimeIndex([result.daily["date"].iloc[0]]))[0])
    for day in range(start - 1, 29, 4):
        known = score[: day + 2].copy()
        known[day + 1] = np.nan  # tomorrow's score is not known
        found = next_day(make(known, market.until(day + 2)), day, evening_of(result, market, day))
        tomorrow = market.dates[day + 1]
        pd.testing.assert_frame_equal(found.trades, on(result.trades, tomorrow), check_exact=True)
        pd.testing.assert_frame_equal(found.blocked, on(result.blocked, tomorrow), check_exact=True)
        after = evening_of(result, market, day + 1)
        np.testing.assert_array_equal(found.after.shares, after.shares)
        assert found.after.cash == after.cash


@pytest.mark.parametrize("kind", KINDS)
def test_orders_of_an_evening_are_what_a_calm_morning_at_the_same_prices_fills(kind: str) -> None:
    """The stand-in for tomorrow repeats the close: orders sized by it reach the targets to a lot."""
    market = calm_market(30, 12)
    score = np.random.default_rng(5).normal(size=(30, 12))
    rules = Rules(top=4, drop=4, cash=1e7, participation=0.0)
    make = books_of(kind, rules)
    held = evening_of(make(score, market).run(), market, 20)
    today = market.until(21)
    longer = expected_day(today, rules.exchange)
    assert longer.n_dates == 22 and longer.dates[-1] == market.dates[21]
    np.testing.assert_array_equal(longer.close[-1], today.close[-1])
    found = next_day(make(np.vstack([score[:21], np.full((1, 12), np.nan)]), longer), 20, held)
    price = today.close[-1]
    value = held.cash + float((held.shares * price).sum())
    reached = found.after.shares * price / value
    assert len(found.trades) and found.blocked["reason"].isin(["below_one_lot"]).all()
    np.testing.assert_allclose(reached, found.target, atol=100 * price.max() / value + 0.003)
    assert found.after.cash >= 0.0


def test_tomorrow_repeats_the_close_knows_no_later_delisting_and_has_limits_of_its_own() -> None:
    market = rough_market(4, n_dates=12, n_stocks=10, trouble=0.2, boards=True)
    dates = market.dates
    late = np.array([dates[-1] + pd.Timedelta(days=1)] * 10).astype("datetime64[D]")
    wide = np.full(market.close.shape, 100.0)
    market = replace(market, delisted_on=late, upper_limit=wide, lower_limit=0.0 * wide)
    longer = expected_day(market, "a_share")
    assert np.isnat(longer.delisted_on).all()
    assert not (longer.limit_up[-1] | longer.limit_down[-1]).any()
    traded = longer.tradable[-1]
    np.testing.assert_array_equal(longer.close[-1, traded], market.close[-1, traded])
    limited = traded & np.isfinite(longer.upper_limit[-1])
    assert limited.any()
    rates = longer.upper_limit[-1, limited] / market.close[-1, limited]
    assert ((rates > 1.04) & (rates < 1.31)).all(), "the exchange's, of the close"
    for name, panel in market.panels().items():
        np.testing.assert_array_equal(longer.panels()[name][:-1], panel)


def test_orders_that_are_due_later_than_tomorrow_are_refused() -> None:
    market = calm_market(10, 4)
    books = topk_books(np.ones((10, 4)), market, Rules(top=2, drop=2, lag=2))
    with pytest.raises(RunError, match="only lag 1 can be traded"):
        next_day(books, 5, Evening(1e6, np.zeros(4), np.full(4, NEVER)))
