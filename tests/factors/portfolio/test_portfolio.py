"""Accounting identities and rules of the simulated portfolio, on made markets with every kind of trouble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.markets import calm_market, rough_market, rough_score

from samgraph.errors import ConfigError, ModelError, RunError
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import PortfolioResult, run_topk
from samgraph.hist.market import Market

RULES = st.builds(
    Rules,
    top=st.integers(3, 8),
    drop=st.integers(0, 3),
    weighting=st.sampled_from(["equal", "cap"]),
    every=st.integers(1, 3),
    lag=st.integers(1, 2),
    price=st.sampled_from(["close", "open", "vwap"]),
    lot=st.sampled_from([0.0, 100.0, None]),
    cash=st.just(1e6),
    participation=st.sampled_from([0.0, 0.05]),
    impact=st.sampled_from(["none", "sqrt"]),
    impact_coefficient=st.just(0.5),
    hold_days=st.sampled_from([None, 0, 2]),
    delist_after=st.just(6),
    recovery=st.sampled_from([1.0, 0.4]),
)
FREE: dict[str, Any] = {"lot": 0, "buy_cost": 0, "sell_cost": 0, "min_cost": 0, "participation": 0}
CASES: dict[str, Any] = {
    "rules": RULES,
    "seed": st.integers(0, 10**6),
    "trouble": st.sampled_from([0.0, 0.1, 0.25]),
    "boards": st.booleans(),
}


def simulate(rules: Rules, seed: int, trouble: float, boards: bool = False) -> tuple[Market, PortfolioResult]:
    market = rough_market(seed, n_dates=60, n_stocks=15, trouble=trouble, boards=boards)
    return market, run_topk(rough_score(seed, market), market, rules)


def dated(market: Market) -> set[str]:
    """The fields that have a row for each day."""
    return {*market.panels(), "benchmark"}


def frame(values: Any, market: Market) -> pd.DataFrame:
    return pd.DataFrame(values, index=market.dates, columns=list(market.stocks))


def traded_of(market: Market) -> pd.DataFrame:
    """Where a stock traded."""
    traded = frame(market.tradable & np.isfinite(market.close) & np.isfinite(market.adj), market)
    if market.delisted_on is not None:
        traded &= ~(market.dates.to_numpy()[:, None] >= market.delisted_on)
    return traded


def marks(market: Market) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Last traded close and the factor of that day, by pandas."""
    traded = traded_of(market)
    close = frame(market.close, market).where(traded).ffill()
    return close, frame(market.adj, market).where(traded).ffill()


def signed(trades: pd.DataFrame, column: str, market: Market) -> pd.DataFrame:
    """Purchases less sales of `column`, by day and company."""
    values = trades[column].where(trades["side"] == "buy", -trades[column])
    sums = trades.assign(values=values).pivot_table("values", "date", "company_id", aggfunc="sum")
    return sums.reindex(index=market.dates, columns=list(market.stocks)).fillna(0.0)


def held_shares(result: PortfolioResult, market: Market) -> pd.DataFrame:
    table = result.holdings.pivot_table("shares", "date", "company_id")
    return table.reindex(index=market.dates, columns=list(market.stocks)).fillna(0.0)


@settings(max_examples=40, deadline=None)
@given(**CASES)
def test_the_books_add_up(rules: Rules, seed: int, trouble: float, boards: bool) -> None:
    market, result = simulate(rules, seed, trouble, boards)
    daily, trades = result.daily.set_index("date"), result.trades
    close, factor = marks(market)
    shares = held_shares(result, market)

    worth = (shares * close).sum(axis=1).loc[daily.index]
    np.testing.assert_allclose(daily["cash"] + worth, daily["value"], rtol=1e-9)
    np.testing.assert_allclose(daily["holdings_value"], worth, rtol=1e-9, atol=1e-6)
    weight = result.holdings.groupby("date")["weight"].sum()
    np.testing.assert_allclose(weight, (worth / daily["value"])[worth > 0], rtol=1e-9)

    spent = trades.groupby("date")["cost"].sum().reindex(market.dates, fill_value=0.0)
    np.testing.assert_allclose(daily["cost"], spent[daily.index], rtol=1e-12, atol=1e-9)
    flow = signed(trades, "amount", market).sum(axis=1) + spent
    left = (rules.cash - flow.cumsum()).loc[daily.index]
    np.testing.assert_allclose(daily["cash"], left, rtol=1e-9, atol=1e-6)

    growth = (factor / factor.shift()).fillna(1.0)
    change = shares - shares.shift(fill_value=0.0) * growth
    np.testing.assert_allclose(change, signed(trades, "shares", market), rtol=1e-9, atol=1e-6)

    # value change = what yesterday's holdings earned + what today's trades earned up to the close - costs
    earned = (shares.shift(fill_value=0.0) * (growth * close - close.shift())).sum(axis=1)
    earned += (signed(trades, "shares", market) * close - signed(trades, "amount", market)).sum(axis=1)
    steps = daily["value"].diff().fillna(daily["value"].iloc[0] - rules.cash)
    on = shares.loc[daily.index] > 0
    still = on & ~traded_of(market).loc[daily.index]
    np.testing.assert_array_equal(daily["suspended"], still.sum(axis=1))
    held = (shares * close).loc[daily.index]
    weight = held.where(still, 0.0).sum(axis=1) / daily["value"]
    np.testing.assert_allclose(daily["suspended_weight"], weight, atol=1e-12)
    pnl = earned.loc[daily.index] - daily["cost"]
    np.testing.assert_allclose(steps, pnl, rtol=1e-9, atol=1e-9 * rules.cash)

    before = daily["value"].shift(fill_value=rules.cash)
    np.testing.assert_allclose(daily["return"], daily["value"] / before - 1, atol=1e-12)
    np.testing.assert_allclose(
        daily["excess_return"], daily["return"] - daily["benchmark_return"], atol=1e-15
    )
    assert (daily["cash"] > -1e-9 * rules.cash).all()
    assert (shares >= 0).all(axis=None)


@settings(max_examples=40, deadline=None)
@given(**CASES)
def test_no_trade_breaks_a_rule(rules: Rules, seed: int, trouble: float, boards: bool) -> None:
    market, result = simulate(rules, seed, trouble, boards)
    day, place = {d: t for t, d in enumerate(market.dates)}, {c: i for i, c in enumerate(market.stocks)}
    bought: dict[str, int] = {}
    score = rough_score(seed, market)
    for trade in result.trades.to_dict("records"):
        t, i, when = day[trade["date"]], place[trade["company_id"]], day[trade["decided_on"]]
        if trade["reason"] == "delisted":
            if market.delisted_on is None:
                assert np.isnan(market.close[t - rules.delist_after + 1 : t + 1, i]).all()
            else:
                assert market.dates[t] >= market.delisted_on[i]
            assert trade["cost"] == 0
            continue
        price = getattr(market, rules.price)[t, i]
        assert when == t - rules.lag
        assert market.tradable[t, i]
        assert trade["price"] == price
        if trade["side"] == "buy":
            assert not (market.limit_up[t, i] and price >= market.close[t, i])
            assert market.member[when, i] and market.tradable[when, i] and np.isfinite(score[when, i])
            board = trade["company_id"][:3]
            least, step = {"688": (200, 1), "920": (100, 1)}.get(board, (100, 100))
            if rules.lot is not None:
                least = step = rules.lot
            assert trade["shares"] >= least and (step == 0 or trade["shares"] % step == 0)
            bought[trade["company_id"]] = t
        else:
            assert not (market.limit_down[t, i] and price <= market.close[t, i])
            assert t - bought[trade["company_id"]] >= (1 if rules.hold_days is None else rules.hold_days)
            assert (trade["reason"] == "left_universe") == (not market.member[when, i])
        if rules.participation:
            most = rules.participation * market.volume[t, i] * market.close[t, i]
            assert trade["amount"] <= most * (1 + 1e-9)
        parts = [trade[name] for name in ("commission", "fee", "tax", "impact")]
        assert trade["cost"] == pytest.approx(sum(parts), rel=1e-12) and min(parts) >= 0
        if trade["cost"] < trade["amount"]:
            assert parts[0] == pytest.approx(max(0.0005 * trade["amount"], 5.0), rel=1e-12)
            tax = 0.0005 if trade["date"] >= pd.Timestamp("2023-08-28") else 0.001
            assert parts[2] == pytest.approx(tax * trade["amount"] * (trade["side"] == "sell"), rel=1e-12)
    assert result.holdings.groupby("date").size().max() <= rules.top
    drops = result.trades[result.trades["reason"] == "drop"].groupby("date").size()
    # with a longer lag a blocked sale may leave more held and under way than wanted: the surplus goes, too
    assert drops.empty or rules.lag > 1 or drops.max() <= rules.drop


@settings(max_examples=40, deadline=None)
@given(**CASES, day=st.integers(15, 50))
def test_nothing_after_a_day_reaches_back(
    rules: Rules, seed: int, trouble: float, boards: bool, day: int
) -> None:
    market = rough_market(seed, n_dates=60, n_stocks=15, trouble=trouble, boards=boards)
    score = rough_score(seed, market)
    other = rough_market(seed + 1, n_dates=60, n_stocks=15, trouble=0.3, boards=boards)
    other_score = rough_score(seed + 1, market)

    def spliced(name: str) -> Any:
        values = getattr(market, name).copy()
        values[day + 1 :] = getattr(other, name)[day + 1 :]
        return values

    changed = replace(market, **{name: spliced(name) for name in dated(market)})
    changed_score = np.concatenate([score[: day + 1], other_score[day + 1 :]])
    result, again = run_topk(score, market, rules), run_topk(changed_score, changed, rules)
    last = market.dates[day]
    assert not result.trades.equals(again.trades) or not result.daily.equals(again.daily)
    for name in ("daily", "trades", "blocked", "holdings"):
        before, after = getattr(result, name), getattr(again, name)
        before, after = before[before["date"] <= last], after[after["date"] <= last]
        pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("price", ["close", "open", "vwap"])
@pytest.mark.parametrize("splits", [False, True])
def test_a_portfolio_equal_to_the_benchmark_has_no_excess_return(price: Any, splits: bool) -> None:
    market = calm_market(80, 12)
    if splits:  # prices fall, factors rise, caps stay
        split = np.random.default_rng(3).random(market.close.shape) < 0.05
        factor = np.cumprod(np.where(split, 2.0, 1.0), axis=0)
        prices = {name: getattr(market, name) / factor for name in ("open", "high", "low", "close", "vwap")}
        market = replace(market, adj=factor, **prices)
    rules = Rules(top=12, drop=0, weighting="cap", price=price, **FREE)
    result = run_topk(np.ones(market.close.shape), market, rules)
    skip = 0 if price == "close" else 1  # at the open or the VWAP the first day is not a whole one
    assert len(result.trades) == 12
    assert result.daily["return"].abs().max() > 0.001
    assert result.daily["excess_return"][skip:].abs().max() < 1e-13
    assert result.daily["cash"].abs().max() < 1e-6


def test_with_costs_that_portfolio_lags_by_its_costs_alone() -> None:
    market = calm_market(80, 12)
    rules = Rules(top=12, drop=0, weighting="cap", **{**FREE, "buy_cost": 0.001})
    daily = run_topk(np.ones(market.close.shape), market, rules).daily
    assert daily["excess_return"].iloc[0] == pytest.approx(-0.001 / 1.001, rel=1e-12)
    assert daily["excess_return"][1:].abs().max() < 1e-13


def test_the_universe_stands_in_for_a_missing_benchmark_with_the_weights_of_the_day_before() -> None:
    market = calm_market(6, 3)
    cap = market.market_cap.copy()
    cap[3] = [np.nan, 1.0, 3.0]  # the unknown one takes the median of the known: 2
    market = replace(market, market_cap=cap)
    daily = run_topk(np.ones(market.close.shape), market, Rules(top=2, drop=0)).daily
    returns = market.returns()
    assert daily["benchmark_return"].iloc[0] == 0.0
    for row, t in enumerate(range(2, 6), start=1):
        weight = np.array([2.0, 1.0, 3.0]) if t == 4 else cap[t - 1]
        assert daily["benchmark_return"].iloc[row] == pytest.approx(
            weight @ returns[t] / weight.sum(), rel=1e-12
        )


def test_a_gap_in_the_benchmark_is_made_up_by_the_next_level() -> None:
    market = replace(calm_market(6, 3), benchmark=np.array([100.0, 101, 102, np.nan, 104, 105]))
    daily = run_topk(np.ones(market.close.shape), market, Rules(top=2, drop=0, price="open")).daily
    np.testing.assert_allclose(daily["benchmark_return"], [0.01, 1 / 101, 0.0, 2 / 102, 1 / 104], rtol=1e-12)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (
            [np.nan, np.nan, 102, 103, 104, 105],
            "from 2021-01-06 to 2021-01-11 and none on 1 of .* 2021-01-05",
        ),
        ([100, 101, 102, 103, np.nan, np.nan], r"none on 2 of .*\(2021-01-08, 2021-01-11, last 2021-01-11\)"),
        ([100, 101, np.nan, 103, np.nan, np.nan], "none on 3 of"),
    ],
)
def test_a_benchmark_that_does_not_cover_the_portfolio_is_refused(levels: list[float], words: str) -> None:
    market = replace(calm_market(6, 3), benchmark=np.array(levels))
    with pytest.raises(ConfigError, match=words):
        run_topk(np.ones(market.close.shape), market, Rules(top=2, drop=0))


def test_a_split_while_suspended_changes_nothing_until_the_stock_trades_again() -> None:
    market = calm_market(8, 1)
    close, adj, tradable = market.close.copy(), market.adj.copy(), market.tradable.copy()
    close[:, 0] = [10, 10, 10, 10, 5, 5, 6, 6]  # the table shows the ex-price on a suspended day already
    adj[4:, 0] = 2.0
    tradable[3:6, 0] = False
    market = replace(market, close=close, open=close, adj=adj, tradable=tradable)
    rules = Rules(top=1, drop=0, cash=1e4, buy_cost=0, min_cost=0)
    daily = run_topk(np.ones((8, 1)), market, rules).daily
    np.testing.assert_allclose(daily["value"], [1e4, 1e4, 1e4, 1e4, 1e4, 1.2e4, 1.2e4])


def test_a_delisted_holding_is_written_off_at_its_recovery_and_not_a_day_earlier() -> None:
    market = calm_market(12, 1)
    close = np.full((12, 1), 10.0)
    close[5:] = np.nan
    market = replace(market, close=close, open=close, tradable=np.isfinite(close))
    rules = Rules(
        top=1, drop=0, cash=1e4, buy_cost=0, min_cost=0, delist_after=4, recovery=0.25, participation=0
    )
    result = run_topk(np.ones((12, 1)), market, rules)
    value = result.daily.set_index("date")["value"]
    assert (value[: market.dates[7]] == 1e4).all()
    assert (value[market.dates[8] :] == 2500.0).all()
    sale = result.trades.iloc[-1]
    assert (sale["date"], sale["reason"], sale["price"], sale["cost"]) == (
        market.dates[8],
        "delisted",
        2.5,
        0.0,
    )


def test_a_known_delisting_ends_a_holding_and_a_long_suspension_does_not() -> None:
    """A stock that misses 300 days and comes back 70% lower is held at its last price, then at the new one."""
    market = calm_market(320, 2)
    close = np.full((320, 2), 10.0)
    close[5:305, 0] = np.nan
    close[305:, 0] = 3.0
    close[10:, 1] = np.nan
    never = np.datetime64("NaT", "D")
    market = replace(market, close=close, open=close, tradable=np.isfinite(close))
    known = replace(market, delisted_on=np.array([never, market.dates[12].to_numpy()], dtype="datetime64[D]"))
    rules = Rules(top=2, drop=0, cash=2e4, recovery=0.5, **{**FREE, "lot": 100})
    daily = run_topk(np.ones((320, 2)), known, rules).daily.set_index("date")
    assert daily["value"][market.dates[11]] == 2e4
    assert daily["value"][market.dates[12]] == 1.5e4 == daily["value"][market.dates[304]]
    assert daily["value"][market.dates[305]] == 8e3  # 1,000 shares at 3 and 5,000 in cash
    assert daily["suspended"][market.dates[100]] == 1
    assert daily["suspended_weight"][market.dates[100]] == pytest.approx(2 / 3)
    assert daily["suspended"][market.dates[305]] == 0
    # without any known delisting, 250 days without a bar end both at the stated recovery
    told = run_topk(np.ones((320, 2)), market, rules)
    gone = told.trades[told.trades["reason"] == "delisted"]
    assert list(gone["date"]) == [market.dates[254], market.dates[259]]
    assert told.daily["value"].iloc[-1] == 1e4


def test_a_missing_factor_on_an_ex_day_halves_nothing() -> None:
    market = calm_market(10, 1)
    close, adj = np.full((10, 1), 10.0), np.ones((10, 1))
    close[5:], adj[5:], adj[5:7] = 5.0, 2.0, np.nan
    market = replace(market, close=close, open=close, adj=adj)
    result = run_topk(np.ones((10, 1)), market, Rules(top=1, drop=0, cash=1e4, **{**FREE, "lot": 100}))
    assert (result.daily["value"] == 1e4).all()
    assert list(result.daily.set_index("date")["suspended"][market.dates[4:8]]) == [0, 1, 1, 0]


def test_an_order_larger_than_the_market_fills_to_the_cap_alone() -> None:
    market = calm_market(6, 1)
    close = np.full((6, 1), 10.0)
    market = replace(market, close=close, open=close, volume=np.full((6, 1), 1e6))  # 1e7 a day
    result = run_topk(np.ones((6, 1)), market, Rules(top=1, drop=0, cash=5e11))
    assert list(result.trades["amount"]) == [1e6]
    assert list(result.blocked["reason"]) == ["participation"]
    whole = run_topk(np.ones((6, 1)), market, Rules(top=1, drop=0, cash=5e11, participation=0, buy_cost=0))
    assert whole.trades["amount"].sum() == pytest.approx(5e11, abs=1000)  # but for one lot


def test_costs_are_those_of_the_day_and_the_side() -> None:
    market = calm_market(8, 1)
    dates = pd.DatetimeIndex(
        [*pd.bdate_range("2023-08-22", periods=4), *pd.bdate_range("2023-08-28", periods=4)]
    )
    close = np.full((8, 1), 10.0)
    member = np.array([[True]] * 3 + [[False]] + [[True]] + [[False]] * 3)
    market = replace(market, dates=dates, stocks=("600000.SH",), close=close, open=close, member=member)
    trades = run_topk(np.ones((8, 1)), market, Rules(top=1, drop=0, cash=1e5)).trades
    for trade in trades.to_dict("records"):
        amount, sale = trade["amount"], trade["side"] == "sell"
        tax = 0.0005 if trade["date"] >= pd.Timestamp("2023-08-28") else 0.001
        assert trade["commission"] == pytest.approx(max(0.0005 * amount, 5))
        assert trade["fee"] == pytest.approx(0.00001 * amount)
        assert trade["tax"] == pytest.approx(tax * amount if sale else 0.0)
        assert trade["impact"] == 0.0
    assert list(trades["side"]) == ["buy", "sell", "buy", "sell"]


def test_a_name_that_leaves_the_universe_is_sold_on_the_next_day_though_no_rebalance_is_due() -> None:
    market = calm_market(30, 4)
    member = market.member.copy()
    member[9:, 0] = False
    market = replace(market, member=member)
    score = np.tile([4.0, 3.0, 2.0, 1.0], (30, 1))
    result = run_topk(score, market, Rules(top=2, drop=1, every=20))
    sale = result.trades[result.trades["side"] == "sell"].iloc[0]
    assert (sale["date"], sale["reason"], sale["company_id"]) == (market.dates[10], "left_universe", "C000")
    assert result.trades.iloc[-1]["company_id"] == "C002"
    assert result.trades.iloc[-1]["decided_on"] == market.dates[20]


@pytest.mark.parametrize("offset", range(4))
def test_rebalances_fall_on_every_nth_day_from_the_offset(offset: int) -> None:
    market = calm_market(40, 10)
    score = np.random.default_rng(0).normal(size=(40, 10))
    score[:3] = np.nan
    result = run_topk(score, market, Rules(top=4, drop=2, every=4, offset=offset))
    decided = {list(market.dates).index(d) for d in result.trades["decided_on"]}
    assert decided <= set(range(3 + offset, 39, 4)) and len(decided) >= 8
    assert result.daily["date"].iloc[0] == market.dates[3 + offset + 1]


def test_impact_grows_with_the_size_of_the_order() -> None:
    market = calm_market(60, 10)
    score = np.random.default_rng(0).normal(size=(60, 10))

    def cost(cash: float, impact: Any) -> float:
        rules = Rules(
            top=4,
            drop=2,
            cash=cash,
            impact=impact,
            impact_coefficient=0.5,
            min_cost=0,
            lot=0,
            participation=0,
        )
        return performance(run_topk(score, market, rules).daily).cost

    plain, small, large = cost(1e4, "none"), cost(1e4, "sqrt"), cost(4e4, "sqrt")
    assert (large - plain) / (small - plain) == pytest.approx(2.0, rel=0.01)  # square root of 4
    small, large = cost(1e4, "linear"), cost(4e4, "linear")
    assert (large - plain) / (small - plain) == pytest.approx(4.0, rel=0.01)


def test_frames_survive_parquet(tmp_path: Any) -> None:
    _, result = simulate(Rules(top=5, drop=2), 3, 0.2)
    for name in ("daily", "trades", "blocked", "holdings"):
        table = getattr(result, name)
        table.to_parquet(tmp_path / f"{name}.parquet")
        back = pd.read_parquet(tmp_path / f"{name}.parquet")
        dates = dict.fromkeys({"date", "decided_on"} & set(table), "datetime64[ms]")
        pd.testing.assert_frame_equal(back, table.astype(dates))  # Parquet knows no seconds


def test_what_cannot_be_simulated_is_refused_in_a_sentence() -> None:
    market = calm_market(10, 4)
    with pytest.raises(RunError, match="no day with a value"):
        run_topk(np.full((10, 4), np.nan), market)
    with pytest.raises(ModelError, match="score"):
        run_topk(np.ones((9, 4)), market)
    with pytest.raises(ConfigError, match="no vwap price"):
        run_topk(np.ones((10, 4)), replace(market, vwap=np.full((10, 4), np.nan)), Rules(price="vwap"))
    wrong = {"top": 0, "drop": 60, "lag": 0, "offset": 1, "price": "high", "cash": 0.0, "recovery": 2}
    for name, value in wrong.items():
        with pytest.raises(ConfigError, match=f"setting {name} is"):
            Rules(**{name: value})  # type: ignore[arg-type]


def test_the_timeline_names_the_days_and_the_price() -> None:
    text = Rules(lag=2, price="open", every=5, offset=3, top=30, drop=4).timeline()
    for words in (
        "close of t",
        "at the open of t+2",
        "Every 5 trading days, 3 days after",
        "at most 4 of 30 names",
    ):
        assert words in text
