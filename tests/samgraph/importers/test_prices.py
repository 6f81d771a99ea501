"""Prices of vendors: adjusting factors out of back-adjusted prices, units of volume, days of no trade."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import answers
from oracles.answers import causes

from samgraph.errors import DatasetError
from samgraph.importers.adjusting import factors
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.qlib import QlibOptions, import_qlib
from samgraph.importers.tushare import TushareOptions, import_tushare


def economy(seed, n_days, ex_days, *, one_price=False):
    """Raw prices in cents of a share that pays cash and bonus shares, and its true returns.

    Returns raw and additive back-adjusted prices [n_days, 4] (close last), the same multiplied, returns [n_days].
    """
    rng = np.random.default_rng(seed)
    m, c, f = 1.0 + rng.random(), 20.0 * rng.random(), 3.0
    raw, added, multiplied, truth = [], [], [], []
    close = 20.0 + 30.0 * rng.random()
    for day in range(n_days):
        reference = close
        if day in ex_days:
            cash, bonus = round(0.1 + 0.5 * rng.random(), 2), rng.choice([0.0, 0.0, 0.3, 0.5])
            # A share pays `cash` and becomes 1 + bonus shares.
            reference = (close - cash) / (1.0 + bonus)
            c, m, f = c + m * cash, m * (1.0 + bonus), f * close / reference
        before = reference
        close = max(1.0, round(reference * (1.0 + 0.03 * rng.standard_normal()), 2))
        spread = 0.0 if one_price else 0.02 * close
        prices = np.round([close + spread * rng.uniform(-1, 1) for _ in range(3)] + [close], 2)
        raw.append(prices)
        added.append(np.round(m * prices + c, 2))
        multiplied.append(np.round(f * prices, 2))
        truth.append(close / before - 1.0)
    return np.array(raw), np.array(added), np.array(multiplied), np.array(truth)


def returns(raw, factor):
    price = raw[:, -1] * factor
    return price[1:] / price[:-1] - 1.0


@pytest.mark.parametrize("one_price", [False, True])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), ex=st.lists(st.integers(1, 9), max_size=6))
def test_returns_by_either_kind_of_adjusted_prices_are_the_exchanges(one_price, seed, ex):
    ex_days = set((np.cumsum(ex) + 15 * np.arange(1, len(ex) + 1)).tolist())
    raw, added, multiplied, truth = economy(seed, 180, ex_days, one_price=one_price)
    # What two decimals hide: half a cent of an adjusted price, and a slope that one day's prices tell loosely.
    for adjusted, off in ((added, 4e-3), (multiplied, 4e-3)):
        factor = factors(raw, adjusted)
        assert factor is not None
        missed = np.abs(returns(raw, factor) - truth[1:])
        assert np.median(missed) < 1e-12  # no drift between ex-days
        assert missed.max() < off, sorted(ex_days)


def test_the_ratio_of_added_prices_is_no_factor_and_ex_days_are():
    raw = np.array([10, 10.5, 10.2, 10.4, 9.4, 9.6, 9.9, 9.7, 8.8, 8.9, 9.1, 9.0])[:, None]
    paid = 30.0 + np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2.0])[:, None]
    found = returns(raw, factors(raw, raw + paid))
    plain = raw[1:, 0] / raw[:-1, 0] - 1
    expected = plain.copy()
    expected[3], expected[7] = 9.4 / (10.4 - 1) - 1, 8.8 / (9.7 - 1) - 1  # 0 and +1.15%
    assert found == pytest.approx(expected, abs=1e-12)
    assert returns(raw, ((raw + paid) / raw)[:, 0])[0] == pytest.approx(0.0125)  # what the ratio makes of 5%


def test_an_ex_day_at_either_end_is_seen():
    for day in (1, 2, 38, 39):
        raw, added, _, truth = economy(5, 40, {day})
        assert returns(raw, factors(raw, added)) == pytest.approx(truth[1:], abs=4e-3), day


def test_a_ratio_that_drifts_is_refused(tmp_path):
    raw = np.linspace(10, 12, 40)
    adjusted = raw * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 40)))
    assert factors(raw[:, None], adjusted[:, None]) is None
    days = pd.bdate_range("2022-01-03", periods=40).strftime("%Y-%m-%d")

    def table(close):
        columns = dict.fromkeys(("开盘", "收盘", "最高", "最低"), close)
        return pd.DataFrame({"日期": days, **columns, "成交量": 10, "成交额": 10 * 100 * close})

    tables = answers.akshare() | {
        "stock_zh_a_hist/600001": table(raw),
        "stock_zh_a_hist_hfq/600001": table(adjusted),
    }
    with pytest.raises(DatasetError, match=r"600001\.SH: its ratio to the raw prices drifts"):
        import_akshare(answers.put(tmp_path / "in", tables), AkshareOptions())


def quotes(rows):
    """Tushare's and AKShare's answers of the same bars: day, code, price, volume, amount in yuan."""
    tushare = [(f"{code}.SH", day.replace("-", ""), *[price] * 4, volume, amount / 1000)
               for day, code, price, volume, amount in rows]  # fmt: skip
    akshare = [(day, code, *[price] * 4, volume, amount) for day, code, price, volume, amount in rows]
    return {
        "tushare": {
            "daily": answers.table("ts_code trade_date open high low close vol amount", tushare),
            "fina_mainbz": answers.tushare()["fina_mainbz"],
        },
        "akshare": {
            "stock_zh_a_hist": answers.table("日期 股票代码 开盘 收盘 最高 最低 成交量 成交额", akshare),
            "stock_zygc_em": answers.akshare()["stock_zygc_em"],
        },
    }


def imported(vendor, folder, tables):
    answers.put(folder, tables)
    if vendor == "tushare":
        return import_tushare(folder, TushareOptions())
    return import_akshare(folder, AkshareOptions())


@pytest.mark.parametrize("vendor", ["tushare", "akshare"])
def test_volume_is_in_shares_whatever_unit_the_vendor_gives_it_in(tmp_path, vendor):
    rows = [
        ("2023-01-03", "600519", 10.0, 1000, 1_000_000.0),  # lots
        ("2023-01-03", "688981", 10.0, 100_000, 1_000_000.0),  # shares
        ("2023-01-04", "688981", 11.0, 50_000, 550_000.0),
        ("2023-01-05", "688981", 11.0, 700, 3.0),  # an amount that fits neither: as most of its bars
        ("2023-01-06", "688981", 11.0, 0, 0.0),
        ("2023-01-05", "600519", 10.0, 5, np.nan),
        ("2023-01-06", "600519", 10.0, 5, 77_777.0),
    ]
    made = imported(vendor, tmp_path / "in", quotes(rows)[vendor])
    bars = made.tables["bars"].set_index(["company_id", "date"]).sort_index()
    assert bars.loc["688981.SH", "volume"].tolist() == [100_000, 50_000, 700, 0]
    assert bars.loc["600519.SH", "volume"].tolist() == [100_000, 500, 500]
    assert bars.loc["688981.SH", "vwap"].tolist()[:2] == [10.0, 11.0]
    assert bars.loc["688981.SH", "vwap"].isna().tolist() == [False, False, True, True]
    name = {"tushare": "daily", "akshare": "stock_zh_a_hist"}[vendor]
    assert causes(made, name) == {
        "used as it is": 3,
        "volume was in shares, not in lots of 100, by amount and prices": 2,
        "amount and volume do not fit the day's prices: vwap left empty": 2,
    }


def test_volume_that_nothing_confirms_is_told(tmp_path):
    for vendor, column in (("tushare", "amount"), ("akshare", "成交额")):
        tables = quotes([("2023-01-03", "688981", 10.0, 1000, 1e6)])[vendor]
        name = {"tushare": "daily", "akshare": "stock_zh_a_hist"}[vendor]
        tables[name] = tables[name].drop(columns=column)
        made = imported(vendor, tmp_path / vendor, tables)
        assert any("nothing confirms" in note for note in made.notes)
        assert made.tables["bars"]["volume"].tolist() == [100_000]


def test_a_qlib_folder_whose_amounts_speak_of_lots_is_refused(tmp_path):
    folder = answers.qlib(tmp_path / "qlib")
    # 600001: shares 200 * 0.5 = 100 at 10.0; the amount speaks of 100 lots of 100.
    np.array([0, 100_000.0, 210_000.0, np.nan, 53_000.0], dtype="<f4").tofile(
        folder / "features" / "sh600001" / "amount.day.bin"
    )
    with pytest.raises(DatasetError, match="--lot 100"):
        import_qlib(folder, QlibOptions())
    made = import_qlib(folder, QlibOptions(lot=100))
    assert made.tables["bars"].query("company_id == '600001.SH'")["volume"].tolist() == [
        10_000,
        20_000,
        10_000,
    ]


@pytest.mark.parametrize("vendor", ["tushare", "akshare"])
def test_a_stray_bar_on_a_holiday_makes_no_trading_day(tmp_path, vendor):
    days = [str(day.date()) for day in pd.bdate_range("2023-01-02", periods=10)]
    codes = [f"6005{k:02d}" for k in range(30)]
    rows = [(day, code, 10.0 + k, 10, 10 * 100 * (10.0 + k)) for day in days for k, code in enumerate(codes)]
    stray = ("2023-01-14", codes[0], 10.0, 10, 10_000.0)
    made = imported(vendor, tmp_path / "in", quotes([*rows, stray])[vendor])
    assert pd.Timestamp("2023-01-14") not in set(made.tables["bars"]["date"])
    name = {"tushare": "daily", "akshare": "stock_zh_a_hist"}[vendor]
    assert causes(made, name)["next to no company traded on its date: no trading day"] == 1
    half = [row for row in rows if row[0] == days[-1]][:15]  # half of the market is no stray
    kept = imported(
        vendor, tmp_path / "half", quotes([*(r for r in rows if r[0] != days[-1]), *half])[vendor]
    )
    assert kept.tables["bars"]["date"].nunique() == 10


def test_free_float_and_book_to_price_come_from_daily_basic(tmp_path):
    tables = answers.tushare()
    basic = tables["daily_basic"].assign(pb=[2.0, np.nan], free_share=[3.0, np.nan])
    made = imported("tushare", tmp_path / "a", {**tables, "daily_basic": basic})
    bars = made.tables["bars"].query("company_id == '600001.SH'")
    assert bars["book_to_price"].tolist()[0] == 0.5 and bars["book_to_price"].isna().tolist() == [False, True]
    assert bars["float_cap"].tolist()[0] == 3 * 10_000 * 10.5  # ten thousand free shares at the close
    assert bars["market_cap"].tolist() == [1_050_000, 1_060_000]  # an empty one beside it takes nothing away
    listed = imported(
        "tushare", tmp_path / "b", {**tables, "daily_basic": basic.drop(columns="free_share").assign(pb=-4.0)}
    )
    bars = listed.tables["bars"].query("company_id == '600001.SH'")
    assert bars["float_cap"].tolist() == [500_000, 530_000] and set(bars["book_to_price"]) == {-0.25}
    answers.checked(listed, tmp_path / "out")
