"""The simulation against a share-by-share ledger in plain Python, and its drop-out rule against qlib's
wording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import portfolio as slow
from oracles.markets import rough_market, rough_score

from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_names import choose
from samgraph.factors.portfolio.topk_portfolio import run_topk


def _rules(**fields: Any) -> Rules:
    fields["drop"] = min(fields["drop"], fields["top"])
    fields["offset"] %= fields["every"]
    return Rules(**fields)


SETTINGS = st.builds(
    _rules,
    top=st.integers(1, 8),
    drop=st.integers(0, 8),
    weighting=st.sampled_from(["equal", "cap"]),
    every=st.integers(1, 4),
    offset=st.integers(0, 3),
    lag=st.integers(1, 3),
    price=st.sampled_from(["close", "open", "vwap"]),
    lot=st.sampled_from([0.0, 1.0, 100.0, None]),
    cash=st.sampled_from([3e4, 1e6]),
    invest=st.sampled_from([1.0, 0.95]),
    buy_cost=st.sampled_from([None, 0.0005]),
    sell_cost=st.sampled_from([None, 0.0015]),
    commission=st.sampled_from([None, 0.0003]),
    min_cost=st.sampled_from([None, 0.0]),
    participation=st.sampled_from([0.0, 0.1, 0.01]),
    impact=st.sampled_from(["none", "none", "linear", "sqrt"]),
    impact_coefficient=st.sampled_from([0.1, 1.0]),
    hold_days=st.sampled_from([None, 0, 1, 4]),
    delist_after=st.sampled_from([3, 8, 100]),
    recovery=st.sampled_from([1.0, 0.3]),
)


@settings(max_examples=60, deadline=None)
@given(
    rules=SETTINGS,
    seed=st.integers(0, 10**6),
    trouble=st.sampled_from([0.0, 0.08, 0.25]),
    levels=st.sampled_from([0, 3]),
    boards=st.booleans(),
)
def test_every_row_equals_the_slow_ledger(
    rules: Rules, seed: int, trouble: float, levels: int, boards: bool
) -> None:
    market = rough_market(seed, n_dates=30, n_stocks=10, trouble=trouble, boards=boards)
    score = rough_score(seed, market, levels=levels)
    result, expected = run_topk(score, market, rules), slow.simulate(score, market, rules)

    assert len(result.daily) == len(expected.daily)
    for name in ("value", "cash", "holdings_value", "return", "cost", "turnover"):
        want = np.array([row[name] for row in expected.daily])
        scale = rules.cash if name in {"value", "cash", "holdings_value", "cost"} else 1.0
        np.testing.assert_allclose(result.daily[name], want, rtol=1e-9, atol=1e-10 * scale, err_msg=name)
    assert list(result.daily["date"]) == [market.dates[row["day"]] for row in expected.daily]

    def key(row: dict) -> tuple:
        return row["day"], row["side"] == "buy", row["reason"], row["company_id"], row["decided"]

    day = {date: t for t, date in enumerate(market.dates)}

    def rows(frame) -> list[dict]:
        return [
            {**r, "day": day[r["date"]], "decided": day[r["decided_on"]]} for r in frame.to_dict("records")
        ]

    got, want = sorted(rows(result.trades), key=key), sorted(expected.trades, key=key)
    assert [key(r) for r in got] == [key(r) for r in want]
    for name in ("shares", "price", "amount", "cost"):
        ours, theirs = [r[name] for r in got], [r[name] for r in want]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-7, err_msg=name)
    assert sorted(map(key, rows(result.blocked))) == sorted(map(key, expected.blocked))
    np.testing.assert_allclose(result.holdings["shares"], [r["shares"] for r in expected.holdings], rtol=1e-9)
    assert list(result.holdings["company_id"]) == [r["company_id"] for r in expected.holdings]


def test_the_made_markets_hold_every_kind_of_trade_and_of_block() -> None:
    """Otherwise the comparison above would compare nothing."""
    trades, blocked = set(), set()
    for seed in range(40):
        market = rough_market(seed, n_dates=30, n_stocks=10, trouble=0.25)
        score = rough_score(seed, market)
        rules = Rules(top=5, drop=2, cash=[1e4, 1e7][seed % 2], delist_after=3, price="open")
        result = run_topk(score, market, rules)
        trades |= set(result.trades["reason"])
        blocked |= set(result.blocked["side"] + " " + result.blocked["reason"])
    assert trades == {"enter", "drop", "left_universe", "delisted"}
    assert blocked >= {
        "buy limit_up",
        "sell limit_down",
        "buy suspended",
        "sell suspended",
        "buy no_price",
        "buy no_free_slot",
        "buy below_one_lot",
        "buy participation",
        "sell participation",
    }


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**6), top=st.integers(1, 12), drop=st.integers(0, 12), n_held=st.integers(0, 12))
def test_the_choice_is_qlibs_where_supply_suffices(seed: int, top: int, drop: int, n_held: int) -> None:
    drop, n_held = min(drop, top), min(n_held, top)
    rng = np.random.default_rng(seed)
    n_stocks = top + drop + n_held + 5
    score = rng.permutation(n_stocks).astype(float)
    held = np.zeros(n_stocks, dtype=bool)
    held[rng.choice(n_stocks, n_held, replace=False)] = True
    sell, buy = choose(score, held, np.zeros_like(held), ~held, top=top, drop=drop)
    names = {str(i): float(s) for i, s in enumerate(score)}
    expected_sell, expected_buy = slow.qlib_dropout(
        names, [str(i) for i in np.flatnonzero(held)], top=top, drop=drop
    )
    assert {str(i) for i in sell} == expected_sell
    assert [str(i) for i in buy] == expected_buy


@pytest.mark.parametrize("n_others", [0, 1, 2])
def test_with_too_few_others_nothing_is_sold_without_a_better_one(n_others: int) -> None:
    score = np.array([4.0, 3.0, 2.0, 1.0, 10.0, 0.5])
    held = np.array([True] * 4 + [False] * 2)
    candidate = np.array([False] * 4 + [True] * n_others + [False] * (2 - n_others))
    sell, buy = choose(score, held, np.zeros_like(held), candidate, top=4, drop=3)
    assert (list(sell), list(buy)) == (([3], [4]) if n_others else ([], []))
