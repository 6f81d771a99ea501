"""Days on which next to no company traded are no trading days, for every reader of bars alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
from oracles import small

from samgraph.cli.ask.basket import _market_caps
from samgraph.graph.check.dataset import check
from samgraph.graph.check.series import STRAY, read_bars, read_benchmarks, stray_days, trading_days
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.labels import forward_returns
from samgraph.hist.market import build_market

DAYS = [str(day.date()) for day in pd.bdate_range("2021-03-01", periods=30)]
COMPANIES = [f"C{k:02d}" for k in range(30)]


def dataset(folder, more=(), days=DAYS):
    tables = small.tables()
    tables["companies"] += [
        {"company_id": one, "name": one, "exchange": "", "listed_on": "", "delisted_on": ""}
        for one in COMPANIES
    ]
    tables["bars"] = [small.bar(day, one) for day in days for one in COMPANIES] + list(more)
    return Dataset(small.write(folder, tables))


def test_one_bar_on_a_holiday_changes_no_return_and_no_label(tmp_path):
    clean = dataset(tmp_path / "a")
    stray = dataset(tmp_path / "b", [small.bar("2021-03-27", "C01")])  # a Saturday
    pd.testing.assert_frame_equal(read_bars(stray), read_bars(clean))
    report = check(stray)
    assert report.ok and report.rejected["reason"].tolist() == [STRAY]
    assert report.rejected["row"].tolist() == [901]
    assert trading_days(stray).tolist() == trading_days(clean).tolist()
    bars = read_bars(stray)
    members = pd.DataFrame(True, index=pd.DatetimeIndex(DAYS), columns=COMPANIES)
    first, last = pd.Timestamp(DAYS[0]), pd.Timestamp(DAYS[-1])
    market = build_market(bars, members, benchmark=None, start=first, end=last, warmup_days=0)
    assert market.n_dates == 30 and np.isfinite(market.returns()[1:]).all()
    assert np.isfinite(forward_returns(market, 5)).any()


def test_a_holiday_filled_with_prices_at_which_nobody_traded_is_none_either(tmp_path):
    filled = [small.bar("2021-03-27", one, volume="0") for one in COMPANIES]
    found = dataset(tmp_path, filled)
    assert np.datetime64("2021-03-27") not in trading_days(found)
    assert (check(found).rejected["reason"] == STRAY).sum() == 30


def test_days_of_half_a_market_of_a_growing_one_and_of_the_first_week_count():
    def stray(counts):
        dates = pd.Series(np.repeat(pd.bdate_range("2021-01-04", periods=len(counts)), counts))
        return len(stray_days(dates, pd.Series(np.ones(len(dates)))))

    assert stray([30] * 10 + [12] + [30] * 3) == 0
    assert stray([1] * 10 + [30] * 10) == 0
    assert stray([1, 30, 30, 30, 30, 30]) == 0
    assert stray([30] * 10 + [1, 1, 1] + [30]) == 3
    assert stray([30] * 10 + [1]) == stray([30] * 10 + [1] + [30] * 30) == 1  # later days change nothing


def test_a_repeated_and_an_infinite_bar_reach_no_reader(tmp_path):
    more = [small.bar(DAYS[-1], "C01"), small.bar("2021-04-12", "C02", market_cap="inf")]
    more += [small.bar("2021-04-12", one) for one in COMPANIES if one != "C02"]
    found = dataset(tmp_path, more)
    bars = read_bars(found)
    assert not bars.duplicated(["date", "company_id"]).any() and np.isfinite(bars["market_cap"]).all()
    caps = _market_caps(tmp_path)(pd.Timestamp("2021-04-12").date())
    assert caps["C02"] == 5_000_000.0 and len(caps) == 30


def test_benchmarks_are_read_as_the_load_checks_them(tmp_path):
    tables = small.tables()
    good = tables["benchmarks"]
    odd = [dict(good[0]), {"benchmark": "U", "date": "2021-04-01", "close": "inf"}]
    odd += [{"benchmark": "U", "date": "2021-04-02", "close": close} for close in ("1", "2")]
    odd += [
        {"benchmark": "U", "date": "2021-04-06", "close": "0"},
        {"benchmark": "U", "date": "", "close": "3"},
    ]
    tables["benchmarks"] = [*good, *odd]
    found = Dataset(small.write(tmp_path, tables))
    assert read_benchmarks(found)["close"].tolist() == [100.5] * 3
    assert check(found).counts.loc["benchmarks", ["merged", "rejected"]].tolist() == [1, 5]
