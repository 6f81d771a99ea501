"""Invented vendors' answers in the documented form, written to folders; and what every import must keep."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner, Result
from oracles import sec

from samgraph.cli.imports.command import command
from samgraph.graph.check.dataset import CheckReport, check
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.writing import Imported, write

CHAIN = {
    "company_product": """company_code,company_name,product_name,rel_weight,weight_is_filler
688001.SH,Alpha,相机,0.5,0
688001.SH,Alpha,"镜头
模组",0.3,0
688001.SH,Alpha,相机,0.5,0
688001.SH,Alpha,三脚架,0.001,1
000002.SZ,Beta,整机,0.9,0
000002.SZ,Beta,手机部件,0.6,0
000002.SZ,Beta,组装,0.6,0
000002.SZ,Beta,分部间抵销,-0.2,0
000002.SZ,Beta,平衡项目,0.1,0
000002.SZ,Beta,亏损业务,-0.1,0
000002.SZ,Beta,停产,0,0
000002.SZ,Beta,汽车,1.3,0
000002.SZ,Beta,境外,0.4,0
000002.SZ,Beta,针剂合计,0.2,0
300003.SZ,Gamma,其他业务,0.25,0
300003.SZ,Gamma,灯具,0.5,0
123456,Nobody,灯具,0.5,0
""",
    "product_product": """from_product,relation,to_product
光学,产品小类,相机
电子,产品小类,相机
相机,产品小类,数码相机
数码,产品小类,数码相机
光学,产品小类,光学
循环甲,产品小类,循环乙
循环乙,产品小类,循环甲
相机,上游材料,镜头模组
镜头模组,下游产品,相机
灯具,上游材料,灯具
灯具,上游材料,玻璃
灯具,相关,玻璃
""",
    "product": 'product_name\n相机\n"小\x08大肠"\n"""逐日"\n相机\n',
    "company": """{"name": "Alpha", "code": "688001", "location": "上海证券交易所", "time": "2019-07-22"}
{"name": "Beta", "code": "000002.SZ", "location": "深圳证券交易所", "time": "深圳证券交易所"}
{"name": "Beta", "code": "000002", "location": "深圳证券交易所", "time": "1991-01-29"}
{"name": "Odd", "code": "1200000", "location": "", "time": "-"}
""",
    "industry": '{"code": "110000", "name": "甲"}\n{"code": "110100", "name": "乙"}\n',
    "industry_industry": '{"from_code": "110100", "to_code": "110000"}\n{"from_code": "119999", "to_code": "110000"}\n',
    "company_industry": """{"company_code": "688001.sh", "industry_code": "110100", "company_name": "Alpha"}
{"company_code": "300003.SZ", "industry_code": "110100", "company_name": "Gamma"}
{"company_code": "300003.SZ", "industry_code": "110000", "company_name": "Gamma"}
{"company_code": "000002.SZ", "industry_code": "990000", "company_name": "Beta"}
""",
}


def chain(folder: Path, **changed: str) -> Path:
    """The small ChainKnowledgeGraph folder, with every kind of dirt; `changed` replaces tables."""
    folder.mkdir(parents=True)
    for name, text in {**CHAIN, **changed}.items():
        ending = "json" if text.startswith("{") else "csv"
        (folder / f"{name}.{ending}").write_text(text, encoding="utf-8")
    return folder


def table(header: str, rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=header.split())


def tushare() -> dict[str, pd.DataFrame]:
    """Two listed companies, one delisted, one index: tables by endpoint."""
    mainbz = "ts_code end_date bz_item bz_code bz_sales bz_profit bz_cost curr_type update_flag"
    return {
        "stock_basic": table(
            "ts_code symbol name list_status list_date delist_date",
            [
                ("600001.SH", "600001", "甲股份", "L", "20100104", None),
                ("000002.SZ", "000002", "乙股份", "L", "20220610", None),
                ("600003.SH", "600003", "丙退", "D", "20100104", "20220701"),
            ],
        ),
        "fina_mainbz": table(
            mainbz,
            [
                ("600001.SH", "20211231", "电池", "P", 600.0, None, None, "CNY", "0"),
                ("600001.SH", "20211231", "电池", "P", 650.0, None, None, "CNY", "1"),
                ("600001.SH", "20211231", "其他业务", "P", 400.0, None, None, "CNY", "0"),
                ("600001.SH", "20211231", "华东", "D", 1000.0, None, None, "CNY", "0"),
                ("600001.SH", "20220630", "电池", "P", 100.0, None, None, "CNY", "0"),
                ("600001.SH", "20220630", "电池隔膜", "P", 300.0, None, None, "CNY", "0"),
                ("600001.SH", "20220630", "内部抵销", "P", -50.0, None, None, "CNY", "0"),
                ("000002.SZ", "20201231", "电池隔膜", "P", 10.0, None, None, "CNY", "0"),
            ],
        ),
        "disclosure_date": table(
            "ts_code ann_date end_date pre_date actual_date modify_date",
            [
                ("600001.SH", "20211228", "20211231", "20220315", "20220322", None),
                ("600001.SH", "20220628", "20220630", "20220825", None, None),
            ],
        ),
        "daily": table(
            "ts_code trade_date open high low close pre_close change pct_chg vol amount",
            [
                ("600001.SH", "20220630", 10.0, 11.0, 9.5, 10.5, 10.0, 0.5, 5.0, 1000.0, 1030.0),
                ("600001.SH", "20220701", 5.2, 5.4, 5.1, 5.3, 5.25, 0.05, 0.95, 2000.0, 1060.0),
                ("000002.SZ", "20220701", 20.0, 20.0, 20.0, 20.0, 20.0, 0.0, 0.0, 3.0, 6.0),
                ("600001.SH", "20220702", 5.0, 5.0, 5.0, 5.0, 5.3, 0.0, 0.0, 1.0, 0.5),
            ],
        ),
        "adj_factor": table(
            "ts_code trade_date adj_factor",
            [
                ("600001.SH", "20220630", 1.0),
                ("600001.SH", "20220701", 2.0),
                ("000002.SZ", "20220701", 1.5),
                ("000002.SZ", "20220630", 1.5),
            ],
        ),
        "daily_basic": table(
            "ts_code trade_date close total_mv circ_mv",
            [("600001.SH", "20220630", 10.5, 105.0, 50.0), ("600001.SH", "20220701", 5.3, 106.0, 53.0)],
        ),
        "trade_cal": table(
            "exchange cal_date is_open pretrade_date",
            [
                ("SSE", "20220630", 1, "20220629"),
                ("SSE", "20220701", 1, "20220630"),
                ("SSE", "20220702", 0, "20220701"),
            ],
        ),
        "index_weight": table(
            "index_code con_code trade_date weight",
            [
                ("000300.SH", "600001.SH", "20220531", 60.0),
                ("000300.SH", "600003.SH", "20220531", 40.0),
                ("000300.SH", "600001.SH", "20220630", 60.0),
                ("000300.SH", "000002.SZ", "20220630", 40.0),
                ("000905.SH", "000002.SZ", "20220630", 50.0),
            ],
        ),
        "index_daily": table(
            "ts_code trade_date close", [("000300.SH", "20220630", 4000.0), ("000300.SH", "20220701", 4040.0)]
        ),
    }


def akshare() -> dict[str, pd.DataFrame]:
    """One company of AKShare's answers: tables by file name, without ending."""
    return {
        "stock_zygc_em": table(
            "股票代码 报告日期 分类类型 主营构成 主营收入 收入比例",
            [
                ("600001", "2021-12-31", "按产品分类", "电池", 800.0, 0.8),
                ("600001", "2021-12-31", "按产品分类", "其中:动力电池", 500.0, 0.5),
                ("600001", "2021-12-31", "按产品分类", "其他(补充)", 200.0, 0.2),
                ("600001", "2021-12-31", "按地区分类", "国内", 1000.0, 1.0),
                ("600001", "2021-12-31", "按行业分类", "制造业", 1000.0, 1.0),
            ],
        ),
        "stock_zh_a_hist/600001": table(
            "日期 开盘 收盘 最高 最低 成交量 成交额",
            [
                ("2022-06-30", 10.0, 10.5, 11.0, 9.5, 1000, 1030000.0),
                ("2022-07-01", 5.2, 5.25, 5.4, 5.1, 2000, 1060000.0),
            ],
        ),
        "stock_zh_a_hist_hfq/600001": table(
            "日期 股票代码 开盘 收盘 最高 最低 成交量 成交额",
            [
                ("2022-06-30", "600001", 10.0, 10.5, 11.0, 9.5, 1000, 1030000.0),
                ("2022-07-01", "600001", 10.4, 10.5, 10.8, 10.2, 2000, 1060000.0),
            ],
        ),
        "stock_value_em/600001": table("数据日期 总市值", [("2022-06-30", 1050000.0)]),
        "stock_yysj_em/20211231": table("股票代码 实际披露时间", [("600001", "2022-03-22")]),
        "stock_info_sh_name_code": table("证券代码 证券简称 上市日期", [("600001", "甲股份", "2010-01-04")]),
    }


def put(folder: Path, tables: dict[str, pd.DataFrame], ending: str = "csv") -> Path:
    """Write answers as files."""
    for name, frame in tables.items():
        path = folder / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False, quoting=csv.QUOTE_ALL) if ending == "csv" else frame.to_parquet(
            path, index=False
        )
    return folder


def qlib(folder: Path) -> Path:
    """Two stocks (one suspended for a day), one index, a market with an inclusive end, four days."""
    (folder / "calendars").mkdir(parents=True)
    (folder / "instruments").mkdir()
    (folder / "calendars" / "day.txt").write_text("2022-06-29\n2022-06-30\n2022-07-01\n2022-07-04\n")
    (folder / "instruments" / "csi300.txt").write_text(
        "SH600001\t2022-06-29\t2022-06-30\nSZ000002\t2022-06-30\t2022-07-04\nSH600001\t2022-07-04\t2099-12-31\n"
    )
    (folder / "instruments" / "all.txt").write_text(
        "SH600001\t2022-06-29\t2022-07-04\nSZ000002\t2022-06-30\t2022-07-04\n"
    )
    nan = np.nan
    fields = {
        "sh600001": (
            0,
            {"close": [5.0, 5.25, nan, 5.3], "factor": [0.5, 0.5, nan, 1.0], "volume": [200, 400, nan, 100]},
        ),
        "sz000002": (1, {"close": [20.0, 30.0, 31.0], "factor": [1.0, 1.0, nan], "volume": [10, 0, 10]}),
        "sh000300": (0, {"close": [4000.0, 4010.0, 4020.0, 4030.0]}),
    }
    for name, (start, columns) in fields.items():
        more = {} if name == "sh000300" else {price: columns["close"] for price in ("open", "high", "low")}
        (folder / "features" / name).mkdir(parents=True)
        for field, values in {**columns, **more}.items():
            np.array([start, *values], dtype="<f4").tofile(folder / "features" / name / f"{field}.day.bin")
    return folder


def sec_zips(folder: Path) -> Path:
    """Three invented quarters of the SEC's data sets."""
    for name, quarter in sec.years().items():
        sec.put(folder, name, quarter)
    return folder


def checked(made: Imported, out: Path) -> CheckReport:
    """Write what an importer made and check it as a load does: it must have no error."""
    write(made, out)
    report = check(Dataset(out))
    assert report.ok, report.sentence()
    assert all("market_cap" in note for note in report.notes)  # not every vendor has them
    assert report.counts["rejected"].sum() == 0 and report.counts["merged"].sum() == 0
    return report


def causes(made: Imported, name: str) -> dict[str, int]:
    """Rows by cause of one table."""
    one = made.coverage[made.coverage["table"] == name]
    assert one["cause"].is_unique
    return dict(zip(one["cause"], one["rows"], strict=True))


SEGMENTS = """symbol,end_date,segment_name,revenue,filing_date
AA,2020-12-31,Cameras,60,2021-02-15
AA,2020-12-31,Lenses,40,2021-02-15
AA,2021-12-31,Imaging,90,2022-02-15
AA,2021-12-31,Robots,10,2022-02-15
"""


def run(*arguments: object) -> Result:
    """`samgraph import` with these arguments."""
    return CliRunner().invoke(command, [str(one) for one in arguments])


def sources(root: Path) -> dict[str, list[str]]:
    """Arguments of each importer, its source made below `root`."""
    (root / "segments.csv").write_text(SEGMENTS)
    return {
        "chainkg": [str(chain(root / "chain")), "--valid-from", "2021-11-01"],
        "segments": [str(root / "segments.csv")],
        "tushare": [str(put(root / "tushare", tushare()))],
        "akshare": [str(put(root / "akshare", akshare()))],
        "qlib": [str(qlib(root / "qlib"))],
        "sec": [str(sec_zips(root / "sec")), "--cache", str(root / "sec-cache")],
    }
