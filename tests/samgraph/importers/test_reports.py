"""Reports of vendors: when they came out, which category counts, corrections and currencies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles import answers
from oracles.answers import causes, run

from samgraph.errors import DatasetError
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.segments import SegmentOptions, import_segments
from samgraph.importers.tushare import TushareOptions, import_tushare

MAINBZ = "ts_code end_date bz_item bz_code bz_sales curr_type update_flag"


def weights(made):
    table = made.tables["segments"]
    return dict(zip(table["company_id"].str[:6] + " " + table["product_id"], table["weight"], strict=True))


def mainbz(folder, rows, **options):
    frame = answers.table(MAINBZ, rows)
    return import_tushare(answers.put(folder, {"fina_mainbz": frame}), TushareOptions(**options))


def test_period_ends_in_the_column_of_publication_are_refused(tmp_path):
    file = tmp_path / "v.csv"
    rows = ["600519,Baijiu,80,2022-12-31,2022-12-31", "600519,Wine,20,2022-12-31,2022-12-31"]
    head = "code,product,sales,end_date,report_date"
    file.write_text("\n".join([head, *rows, "000858,Baijiu,90,2021-12-31,2021-12-31"]) + "\n")
    with pytest.raises(DatasetError, match="by column report_date every report came out on the last day"):
        import_segments([file], SegmentOptions(columns={}))
    lagged = import_segments([file], SegmentOptions(columns={}, reporting_lag=120))
    assert set(lagged.tables["segments"]["announced_on"]) == {"2023-04-30", "2022-04-30"}
    assert (
        lagged.notes[0].startswith("ASSUMPTION")
        and causes(lagged, "v.csv")["day of publication assumed"] == 3
    )
    file.write_text("\n".join([head, *rows, "000858,Baijiu,90,2022-12-31,2023-04-01"]) + "\n")
    made = import_segments([file], SegmentOptions(columns={}))  # only some: those are left out
    assert made.tables["segments"]["company_id"].tolist() == ["000858"]
    same = "published on the last day of its period: the period's end, no day of publication"
    assert causes(made, "v.csv")[same] == 2


def test_vendors_days_of_publication_that_are_period_ends_are_refused(tmp_path):
    tables = answers.tushare()
    tables["disclosure_date"]["actual_date"] = tables["disclosure_date"]["end_date"]
    with pytest.raises(DatasetError, match="actual_date"):
        import_tushare(answers.put(tmp_path / "a", tables), TushareOptions())
    tables = answers.tushare()
    income = answers.table(
        "ts_code ann_date f_ann_date end_date", [("600001.SH", None, "20211231", "20211231")]
    )
    del tables["disclosure_date"]
    with pytest.raises(DatasetError, match="f_ann_date"):
        import_tushare(answers.put(tmp_path / "b", {**tables, "income": income}), TushareOptions())
    pages = answers.akshare()
    pages["stock_yysj_em/20211231"]["实际披露时间"] = "2021-12-31"
    with pytest.raises(DatasetError, match="实际披露时间"):
        import_akshare(answers.put(tmp_path / "c", pages), AkshareOptions())


def test_a_flag_of_one_row_says_nothing_of_the_others(tmp_path):
    rows = [
        ("600001.SH", "20211231", "电池", "P", 600.0, "CNY", "0"),
        ("600001.SH", "20211231", "电池", "P", 650.0, "CNY", "1"),
        ("600001.SH", "20211231", "隔膜", "P", 400.0, "CNY", "1"),  # its only figure
        ("000002.SZ", "20211231", "灯", "P", 10.0, "CNY", "1"),
    ]
    made = mainbz(tmp_path / "in", rows)
    assert weights(made) == {"600001 电池": 0.6, "600001 隔膜": 0.4, "000002 灯": 1.0}
    assert (
        causes(made, "fina_mainbz")[
            "a later correction (update_flag) without its day: the first figures stand"
        ]
        == 1
    )


def test_a_blank_currency_is_no_second_one(tmp_path):
    rows = [
        ("600001.SH", "20211231", "电池", "P", 600.0, "CNY", "0"),
        ("600001.SH", "20211231", "隔膜", "P", 400.0, "", "0"),
        ("600001.SH", "20211231", "灯", "P", 1000.0, "RMB", "0"),
        ("000002.SZ", "20211231", "灯", "P", 5.0, "CNY", "0"),
        ("000002.SZ", "20211231", "铜", "P", 5.0, "USD", "0"),
    ]
    made = mainbz(tmp_path / "in", rows)
    assert weights(made) == {"600001 电池": 0.3, "600001 隔膜": 0.2, "600001 灯": 0.5}
    assert causes(made, "fina_mainbz")["its report is in several currencies"] == 2
    file = tmp_path / "s.csv"
    file.write_text(
        "symbol,segment_name,end_date,filing_date,revenue,currency\n"
        "AA,Cells,2022-12-31,2023-03-01,3,USD\nAA,Packs,2022-12-31,2023-03-01,1,\n"
    )
    assert len(import_segments([file], SegmentOptions(columns={})).tables["segments"]) == 2


def category_answers(vendor):
    """A report of each kind: by product, by product beside others, by industry alone, unnamed alone, region alone."""
    kinds = {"tushare": {"p": "P", "i": "I", "r": "D", "": ""},
             "akshare": {"p": "按产品分类", "i": "按行业分类", "r": "按地区分类", "": ""}}[vendor]  # fmt: skip
    rows = [
        ("600001", "p", "电池", 10.0), ("600001", "i", "制造业", 10.0), ("600001", "", "电池组", 10.0),
        ("600002", "i", "采矿", 5.0), ("600003", "", "灯", 5.0), ("600004", "r", "华东", 5.0),
        ("600005", "i", "农业", 5.0), ("600005", "", "茶", 5.0),
    ]  # fmt: skip
    if vendor == "tushare":
        told = [(f"{code}.SH", "20211231", item, kinds[kind], sales) for code, kind, item, sales in rows]
        return {"fina_mainbz": answers.table("ts_code end_date bz_item bz_code bz_sales", told)}
    told = [(code, "2021-12-31", kinds[kind], item, sales) for code, kind, item, sales in rows]
    return {"stock_zygc_em": answers.table("股票代码 报告日期 分类类型 主营构成 主营收入", told)}


@pytest.mark.parametrize("vendor", ["tushare", "akshare"])
def test_reports_without_rows_by_product_are_named_and_used_on_request(tmp_path, vendor):
    folder = answers.put(tmp_path / "in", category_answers(vendor))

    def made(*fallback):
        if vendor == "tushare":
            return import_tushare(folder, TushareOptions(fallback=fallback))
        return import_akshare(folder, AkshareOptions(fallback=fallback))

    plain = made()
    assert weights(plain) == {"600001 电池": 1.0}
    found = causes(plain, next(iter(category_answers(vendor))))
    assert found["by industry alone: its report has no rows by product (--fallback industry uses them)"] == 2
    assert (
        found["of an empty category alone: its report has no rows by product (--fallback unnamed uses them)"]
        == 2
    )
    assert found["of an empty category, beside rows by product"] == 1
    assert sum("left out: " in note and "alone; --fallback" in note for note in plain.notes) == 2
    assert weights(made("industry")) == {"600001 电池": 1.0, "600002 采矿": 1.0, "600005 农业": 1.0}
    assert weights(made("unnamed")) == {"600001 电池": 1.0, "600003 灯": 1.0, "600005 茶": 1.0}
    both = {"600001 电池": 1.0, "600002 采矿": 1.0, "600003 灯": 1.0}
    assert weights(made("industry", "unnamed")) == {**both, "600005 农业": 1.0}
    assert weights(made("unnamed", "industry")) == {**both, "600005 茶": 1.0}
    done = run(vendor, folder, tmp_path / "out", "--fallback", "industry", "--fallback", "unnamed")
    assert done.exit_code == 0 and len(pd.read_csv(tmp_path / "out" / "segments.csv")) == 4


def test_a_column_of_types_that_is_empty_says_nothing(tmp_path):
    rows = [("600001.SH", "20211231", "电池", "", 600.0, "CNY", "0")]
    assert weights(mainbz(tmp_path / "in", rows)) == {"600001 电池": 1.0}
    assert np.isclose(sum(weights(mainbz(tmp_path / "b", rows)).values()), 1.0)
