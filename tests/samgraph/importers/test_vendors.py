"""Tushare, AKShare and Qlib: documented answers of invented companies become the numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import answers
from oracles.answers import causes, checked

from samgraph.errors import DatasetError
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.names import a_share_id, clean_name
from samgraph.importers.prices import spans_of_lists
from samgraph.importers.qlib import QlibOptions, import_qlib
from samgraph.importers.reports import legal_deadline
from samgraph.importers.tushare import TushareOptions, import_tushare


def rows_of(table, *columns):
    return {tuple(row) for row in table[list(columns)].itertuples(index=False)}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tushare_units_dates_and_shares(tmp_path, ending):
    folder = answers.put(tmp_path / "answers", answers.tushare(), ending)
    made = import_tushare(folder, TushareOptions(universes={"000300.SH": "CSI300"}))
    checked(made, tmp_path / "out")
    assert rows_of(
        made.tables["segments"], "company_id", "product_id", "period_end", "announced_on", "weight"
    ) == {
        ("600001.SH", "电池", "2021-12-31", "2022-03-22", 0.6),  # published; the first figure, 600 of 1000
        ("600001.SH", "电池", "2022-06-30", "2022-08-31", 0.25),  # not published: the legal deadline
        ("600001.SH", "电池隔膜", "2022-06-30", "2022-08-31", 0.75),
        ("000002.SZ", "电池隔膜", "2020-12-31", "2022-06-10", 1.0),  # from the prospectus: the listing
    }
    bars = made.tables["bars"].set_index(["date", "company_id"])
    first = bars.loc[(pd.Timestamp("2022-06-30"), "600001.SH")]
    assert first["volume"] == 100_000  # 1000 lots
    assert first["vwap"] == pytest.approx(10.3)  # 1,030 thousand yuan
    assert first["market_cap"] == 1_050_000  # 105 ten thousand yuan
    assert bars.loc[(pd.Timestamp("2022-07-01"), "600001.SH"), "adj_factor"] == 2.0
    assert np.isnan(bars.loc[(pd.Timestamp("2022-07-01"), "000002.SZ"), "market_cap"])
    assert len(bars) == 3 and bars["tradable"].all()
    assert rows_of(
        made.tables["universes"], "universe", "company_id", "valid_from", "valid_to", "weight"
    ) == {
        ("CSI300", "600001.SH", "2022-06-01", "", 0.6),  # both lists give 60%: one span
        ("CSI300", "600003.SH", "2022-06-01", "2022-07-01", 0.4),
        ("CSI300", "000002.SZ", "2022-07-01", "", 0.4),
    }
    assert rows_of(made.tables["benchmarks"], "benchmark", "date", "close") == {
        ("CSI300", "2022-06-30", 4000.0),
        ("CSI300", "2022-07-01", 4040.0),
    }
    companies = made.tables["companies"].set_index("company_id")
    assert companies.loc["600003.SH", "delisted_on"] == "2022-07-01"


def test_tushare_rows_end_in_their_causes(tmp_path):
    made = import_tushare(answers.put(tmp_path / "answers", answers.tushare()), TushareOptions())
    assert causes(made, "fina_mainbz") == {
        "used as it is": 1,
        "day of publication assumed": 3,
        "a later correction (update_flag) without its day: the first figures stand": 1,
        "names no product: counts in the total, goes to no product": 1,
        "elimination, plug or adjustment, by its name": 1,
        "by region (type D)": 1,
    }
    assert causes(made, "daily")["no trading day by trade_cal"] == 1
    assert causes(made, "adj_factor")["no bar of that company and day (suspended, or not asked for)"] == 1
    torn = "its list is not whole: the weights of that day miss 100 percent by more than 5"
    assert causes(made, "index_weight")[torn] == 1
    rows = made.coverage.groupby("table")["rows"].sum().to_dict()
    assert rows == {name: len(frame) for name, frame in answers.tushare().items()}
    assert any(note.startswith("ASSUMPTION") for note in made.notes)
    lagged = import_tushare(tmp_path / "answers", TushareOptions(lag_days=10)).tables["segments"]
    assert set(lagged.query("period_end == '2022-06-30'")["announced_on"]) == {"2022-07-10"}


def test_board_members_need_the_day_on_which_they_were_asked_for(tmp_path):
    board = answers.table(
        "ts_code con_code con_name",
        [("885800.TI", "600001.SH", "甲"), ("885800.TI", "00700.HK", "港"), ("885800.TI", "600001.SH", "甲")],
    )
    folder = answers.put(tmp_path / "answers", {**answers.tushare(), "ths_member": board})
    with pytest.raises(DatasetError, match="--ths-from"):
        import_tushare(folder, TushareOptions())
    made = import_tushare(folder, TushareOptions(ths_from=np.datetime64("2022-05-05")))
    checked(made, tmp_path / "out")
    spans = made.tables["universes"].query("universe == '885800.TI'")
    assert rows_of(spans, "company_id", "valid_from", "valid_to") == {("600001.SH", "2022-05-05", "")}


def test_akshare_units_dates_and_shares(tmp_path):
    folder = answers.put(tmp_path / "answers", answers.akshare())
    made = import_akshare(folder, AkshareOptions())
    checked(made, tmp_path / "out")
    assert rows_of(
        made.tables["segments"], "company_id", "product_id", "period_end", "announced_on", "weight"
    ) == {("600001.SH", "电池", "2021-12-31", "2022-03-22", 0.8)}
    assert causes(made, "stock_zygc_em") == {
        "used as it is": 1,
        "part of another row (其中), by its name": 1,
        "names no product: counts in the total, goes to no product": 1,
        "按地区分类": 1,
        "按行业分类": 1,
    }
    bars = made.tables["bars"]
    assert bars["volume"].tolist() == [100_000, 200_000]
    assert bars["adj_factor"].tolist() == [1.0, 2.0]
    assert bars["market_cap"].iloc[0] == 1_050_000 and np.isnan(bars["market_cap"].iloc[1])
    assert made.tables["companies"][["name", "listed_on"]].to_numpy().tolist() == [["甲股份", "2010-01-04"]]
    assert any("survivors only" in note for note in made.notes)


def test_qlib_prices_are_made_raw_and_inclusive_ends_half_open(tmp_path):
    made = import_qlib(answers.qlib(tmp_path / "qlib"), QlibOptions(lot=10))
    checked(made, tmp_path / "out")
    bars = made.tables["bars"].set_index(["company_id", "date"])
    raw = bars.loc["600001.SH"]
    # Adjusted 5.0 and 5.25 by a factor of 0.5, then 5.3 by 1: a split in two, and a suspended day that has no row.
    assert raw["close"].tolist() == pytest.approx([10.0, 10.5, 5.3], rel=1e-6)
    assert raw["volume"].tolist() == [1000.0, 2000.0, 1000.0]
    assert raw["adj_factor"].tolist() == [0.5, 0.5, 1.0]
    assert bars.loc["000002.SZ"]["tradable"].tolist() == [True, False]
    assert rows_of(made.tables["universes"], "universe", "company_id", "valid_from", "valid_to") == {
        ("CSI300", "600001.SH", "2022-06-29", "2022-07-01"),
        ("CSI300", "600001.SH", "2022-07-04", ""),
        ("CSI300", "000002.SZ", "2022-06-30", ""),
    }
    assert made.tables["benchmarks"]["benchmark"].unique().tolist() == ["CSI300"]
    assert made.tables["benchmarks"]["close"].tolist() == [4000.0, 4010.0, 4020.0, 4030.0]
    assert causes(made, "features") == {
        "used as it is": 9,
        "no price that day (suspended)": 1,
        "factor is empty, infinite or not above 0: the raw price is unknown": 1,
    }
    assert any("survivors only" in note for note in made.notes)
    everyone = import_qlib(tmp_path / "qlib", QlibOptions(markets=["all"]))
    assert any(note.startswith("universe ALL") for note in everyone.notes)


def test_qlib_files_that_are_none_are_told_in_one_sentence(tmp_path):
    folder = answers.qlib(tmp_path / "qlib")
    with pytest.raises(DatasetError, match=r"has no market 'csi500' .found all, csi300"):
        import_qlib(folder, QlibOptions(markets=["csi500"]))
    file = folder / "features" / "sh600001" / "close.day.bin"
    np.array([2, 1, 1, 1], dtype="<f4").tofile(file)
    with pytest.raises(
        DatasetError, match=r"close\.day\.bin begins at position 2 .* the calendar has 4 days"
    ):
        import_qlib(folder, QlibOptions())
    file.write_bytes(b"12345")
    with pytest.raises(DatasetError, match="no float32 values"):
        import_qlib(folder, QlibOptions())
    (folder / "instruments" / "csi300.txt").write_text("SH600001\t2022-06-29\n")
    np.array([0, 1], dtype="<f4").tofile(file)
    with pytest.raises(DatasetError, match="line 1"):
        import_qlib(folder, QlibOptions())


def test_legal_deadlines_are_those_of_the_law():
    ends = ["2021-12-31", "2022-03-31", "2022-06-30", "2022-09-30", "2022-05-31", "2022-06-29", "NaT"]
    assert [str(day) for day in legal_deadline(np.array(ends, "M8[D]"))] == [
        "2022-04-30", "2022-04-30", "2022-08-31", "2022-10-31", "NaT", "NaT", "NaT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("600519", "600519.SH"), ("600519.sh", "600519.SH"), ("SH600519", "600519.SH"), ("sh.600519", "600519.SH"),
        ("600519.XSHG", "600519.SH"), ("688041", "688041.SH"), ("900901", "900901.SH"), ("000001", "000001.SZ"),
        ("300750.SZ", "300750.SZ"), ("200002", "200002.SZ"), ("830799", "830799.BJ"), ("920002", "920002.BJ"),
        ("000300.SH", "000300.SH"), ("123456", ""), ("00700.HK", ""), ("", ""), ("60051", ""), ("600519.NY", ""),
    ],
)  # fmt: skip
def test_codes_come_to_one_form_by_the_exchanges_rules(given_, expected):
    assert a_share_id(given_) == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_cleaned_name_is_clean_and_stays_so(text):
    name = clean_name(text)
    assert clean_name(name) == name
    assert not set(name) & set("\n\r\t\x00\x7f") and name == name.strip()


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.sampled_from([0.1, 0.2])),
        unique_by=lambda row: row[:2],
        min_size=1,
    )
)
def test_spans_of_lists_say_on_each_day_what_the_last_list_before_it_said(lists):
    days = np.datetime64("2022-01-01") + 10 * np.array([row[0] for row in lists])
    company = pd.Series([row[1] for row in lists], dtype="str")
    group = pd.Series(["U"] * len(lists), dtype="str")
    spans = spans_of_lists(group, company, days, np.array([row[2] for row in lists]))
    for day in np.arange("2021-12-30", "2022-02-25", 3, dtype="M8[D]"):
        before = [row[0] for row in lists if np.datetime64("2022-01-01") + 10 * row[0] < day]
        expected = {(row[1], row[2]) for row in lists if before and row[0] == max(before)}
        iso = str(day)
        holds = spans[(spans["valid_from"] <= iso) & ((spans["valid_to"] == "") | (iso < spans["valid_to"]))]
        assert rows_of(holds, "company_id", "weight") == expected and len(holds) == len(expected)
