"""Price limits of the Chinese exchanges, told from prices and company ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market

from samgraph.exchange.limits import Rates, age, at_limit, board_rates, limit_prices
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import run_topk
from samgraph.hist.labels import forward_returns
from samgraph.hist.market import build_market


def test_the_board_tells_the_rate() -> None:
    ids = (
        "600000.SH",
        "000001.SZ",
        "688981.SH",
        "300750.SZ",
        "301001.SZ",
        "830799.BJ",
        "C000",
        "AAPL",
        "300750",
    )
    dates = pd.DatetimeIndex(["2020-08-21", "2020-08-24"])
    before, after = board_rates(ids, dates).rate
    inf = np.inf
    np.testing.assert_array_equal(before, [0.1, 0.1, 0.2, 0.1, 0.1, 0.3, inf, inf, inf])
    np.testing.assert_array_equal(after, [0.1, 0.1, 0.2, 0.2, 0.2, 0.3, inf, inf, inf])


def test_special_treatment_halves_the_main_boards_limit_alone() -> None:
    ids, dates = ("600000.SH", "000001.SZ", "688981.SH", "300750.SZ"), pd.DatetimeIndex(["2024-01-02"])
    st = np.array([[True, False, True, True]])
    np.testing.assert_array_equal(board_rates(ids, dates, st=st).rate, [[0.05, 0.1, 0.2, 0.2]])


def plain(shape: tuple[int, int], rate: float = 0.1) -> Rates:
    """A board whose new shares are like others."""
    return Rates(np.full(shape, rate), np.zeros(shape), np.full(shape, np.inf))


@pytest.mark.parametrize(
    ("before", "ceiling", "floor"),
    # 10.05 x 1.1 = 11.055 -> 11.06 (half up), x 0.9 = 9.045 -> 9.05; 2.33 x 1.1 = 2.563 -> 2.56, x 0.9 = 2.097 -> 2.10
    [(10.0, 11.0, 9.0), (10.05, 11.06, 9.05), (2.33, 2.56, 2.10)],
)
def test_the_limit_is_the_previous_close_moved_by_the_rate_to_the_nearest_tick(
    before: float, ceiling: float, floor: float
) -> None:
    for price, expected in (
        (ceiling, (True, False)),
        (ceiling - 0.01, (False, False)),
        (floor, (False, True)),
        (floor + 0.01, (False, False)),
    ):
        mark = np.array([[before], [price]]).astype(np.float32).astype(np.float64)  # tables are float32
        ones = np.ones((2, 1))
        upper, lower = at_limit(mark, mark, ones, ones > 0, plain((2, 1)))
        assert (upper[1, 0], lower[1, 0]) == expected
        assert not upper[0, 0] and not lower[0, 0]


def test_a_limit_is_the_number_that_is_written() -> None:
    """36.96 x 1.1 = 40.656, so 40.66; a multiple of 0.01 would be 40.660000000000004."""
    ones = np.ones((2, 1))
    upper, lower = limit_prices(36.96 * ones, ones, ones > 0, plain((2, 1)))
    assert (upper[1, 0], lower[1, 0]) == (40.66, 33.26)


def test_the_reference_falls_by_what_is_paid_out() -> None:
    mark, growth = (
        np.array([[10.0], [5.5]]),
        np.array([[1.0], [2.0]]),
    )  # a two for one split: the reference is 5.00
    ones = np.ones((2, 1))
    assert at_limit(mark, mark, growth, ones > 0, plain((2, 1)))[0][1, 0]


# a first day without a limit is free; one whose limit refers to the issue price is taken as reached
@pytest.mark.parametrize(
    ("company", "first_day", "expected"),
    [
        ("603001.SH", "2013-06-03", [False, True, True, True, True, True, True]),
        ("603001.SH", "2021-06-01", [True, True, True, True, True, True, True]),
        (
            "603001.SH",
            "2023-04-07",
            [True, True, True, True, True, True, True],
        ),  # the reform came on its 2nd day
        ("603001.SH", "2023-04-10", [False, False, False, False, False, True, True]),
        ("001201.SZ", "2021-06-01", [True, True, True, True, True, True, True]),
        ("300001.SZ", "2019-06-03", [True, True, True, True, True, True, True]),
        ("300001.SZ", "2020-08-24", [False, False, False, False, False, True, True]),
        ("688001.SH", "2021-06-01", [False, False, False, False, False, True, True]),
        ("920001.BJ", "2024-06-03", [False, True, True, True, True, True, True]),
        ("C000", "2024-06-03", [False] * 7),
    ],
)
def test_new_shares_have_the_limits_of_their_board_and_year(
    company: str, first_day: str, expected: list[bool]
) -> None:
    days = pd.bdate_range(end=first_day, periods=3).append(pd.bdate_range(first_day, periods=7)[1:])
    price = np.full((9, 1), np.nan)
    price[2, 0] = 14.4
    rates = board_rates([company], days)
    for t in range(3, 9):
        rate = rates[t, 0] if np.isfinite(rates[t, 0]) else 0.1
        price[t, 0] = np.floor(price[t - 1, 0] * (1 + rate) * 100 + 0.5) / 100
    upper, _ = at_limit(price, price, np.ones_like(price), np.isfinite(price), rates)
    np.testing.assert_array_equal(upper[:, 0], [False] * 2 + expected)


def test_a_known_day_of_listing_tells_new_shares_from_late_bars() -> None:
    days = pd.bdate_range("2021-03-01", periods=12)
    bar = np.arange(12)[:, None] >= np.array([[0, 4, 4, 4, 0]])
    listed = np.array(["NaT", "NaT", "2015-05-05", days[4], days[0]], dtype="datetime64[D]")
    found = age(bar, days, listed)
    assert (found[4:, [0, 2]] > 1000).all()
    np.testing.assert_array_equal(found[4:, 1], np.arange(1, 9))
    np.testing.assert_array_equal(found[4:, 3], np.arange(1, 9))
    np.testing.assert_array_equal(found[:, 4], np.arange(1, 13))
    assert (age(bar)[:, 0] > 1000).all()


@pytest.mark.parametrize(
    ("setting", "price", "company", "bought"),
    [
        ("exchange", "close", "600000.SH", False),
        ("exchange", "open", "600000.SH", True),  # the open was below the limit
        ("exchange", "close", "688000.SH", True),  # 10% is not this board's limit
        ("exchange", "close", "C000", True),
        ("flags", "close", "600000.SH", True),  # the table has no flag
        ("none", "close", "600000.SH", True),
    ],
)
def test_a_purchase_at_the_limit_is_blocked_and_has_no_label(
    setting: Any, price: Any, company: str, bought: bool
) -> None:
    dates = pd.bdate_range("2021-01-04", periods=4)
    close, opens = [10.0, 10.0, 11.0, 11.0], [10.0, 10.0, 10.5, 11.0]
    bars = pd.DataFrame(
        {"date": dates, "company_id": company, "open": opens, "high": 11.0, "low": 10.0, "close": close}
    ).assign(volume=1e8)
    members = pd.DataFrame(True, index=dates, columns=[company])
    span: dict[str, Any] = {"benchmark": None, "start": dates[0], "end": dates[-1], "warmup_days": 0}
    market = build_market(bars, members, limits=setting, **span)
    score = np.array([[np.nan], [1.0], [np.nan], [np.nan]])
    result = run_topk(score, market, Rules(top=1, drop=0, price=price))
    assert len(result.trades) == bought
    assert list(result.blocked["reason"]) == ([] if bought else ["limit_up"])
    assert np.isfinite(forward_returns(market, 1, price=price)[1, 0]) == bought


def test_a_sale_at_the_limit_is_blocked_and_tried_again() -> None:
    market = calm_market(6, 2)
    close = np.array([[10.0, 5.0]] * 3 + [[9.0, 5.0], [8.5, 5.0], [8.5, 5.0]])
    member = market.member.copy()
    member[2:, 0] = False
    market = replace(market, stocks=("600000.SH", "600001.SH"), close=close, open=close, member=member)
    result = run_topk(np.tile([2.0, 1.0], (6, 1)), market, Rules(top=1, drop=1))
    sale = result.trades[result.trades["side"] == "sell"]
    assert list(sale["date"]) == [market.dates[4]]
    stopped = result.blocked[result.blocked["side"] == "sell"]
    assert list(stopped["date"]) == [market.dates[3]] and list(stopped["reason"]) == ["limit_down"]


@pytest.mark.realdata
def test_hardly_any_real_close_lies_beyond_its_limit(shared_data: Any) -> None:
    bars = pd.read_parquet(
        shared_data / "csi300" / "bars.parquet",
        columns=["date", "company_id", "close", "adj_factor", "volume"],
        filters=[("date", ">=", pd.Timestamp("2023-01-01"))],
    )
    bars["close"] = bars["close"].where(bars["volume"] > 0)
    close = bars.pivot_table("close", "date", "company_id").astype(np.float64)
    factor = bars.pivot_table("adj_factor", "date", "company_id").reindex_like(close).astype(np.float64)
    traded = close.notna().to_numpy()
    factor = factor.where(traded).ffill()
    growth = (factor / factor.shift()).fillna(1.0).to_numpy()
    mark = close.ffill().to_numpy()
    rates = board_rates(list(close.columns), pd.DatetimeIndex(close.index))
    price = close.to_numpy()
    upper, lower = at_limit(price, mark, growth, traded, rates)
    above, _ = at_limit(price - 0.01, mark, growth, traded, rates)
    _, below = at_limit(price + 0.01, mark, growth, traded, rates)
    assert upper.sum() > 2000 and lower.sum() > 500
    assert (above | below).sum() <= 5  # faulty bars and a changed code
