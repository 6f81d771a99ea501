"""Readers of vendors' files: no cell is lost, no day moves, and every form says the same."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
from oracles import answers
from oracles.answers import run, sources

from samgraph.cli.ask.risk import read_file
from samgraph.errors import DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.names import a_share_id, clean_name
from samgraph.importers.reading import Conventions, read
from samgraph.importers.segments import SegmentOptions, import_segments
from samgraph.importers.tushare import TushareOptions, import_tushare

HEADER = "symbol,segment_name,end_date,filing_date,revenue\n"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("AA,Cells,2022-12-31,2023-03-01,1,900,000\nAA,Packs,2022-12-31,2023-03-01,7\n", "row 1 has 7 cells under 5"),
        ("AA,Cells,2022-12-31,2023-03-01,9\nAA,Packs,2022-12-31,2023-03-01,7,1\n", "row 2 has 6 cells under 5"),
        ("AA,Cells, packs,2022-12-31,2023-03-01,9\nAA,P,2022-12-31,2023-03-01,1\n", "row 1 has 6 cells under 5"),
        ("AA,Cells,2022-12-31,2023-03-01,9\nAA,Packs,2022-12-31,2023-03-01\n", "row 2 has 4 cells under 5"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_row_wider_or_narrower_than_its_header_is_refused_by_its_number(tmp_path, rows, says, ending):
    file = tmp_path / f"annual{ending}"
    text = (HEADER + rows).encode()
    file.write_bytes(gzip.compress(text) if ending.endswith("gz") else text)
    with pytest.raises(DatasetError, match=says):
        import_segments([file], SegmentOptions(columns={}))


@pytest.mark.parametrize("name", ["chainkg", "segments", "tushare", "akshare"])
def test_every_importer_refuses_a_first_row_with_a_cell_too_many(tmp_path, name):
    first, *options = sources(tmp_path)[name]
    files = [tmp_path / first] if name == "segments" else sorted((tmp_path / first).rglob("*.csv"))
    assert files
    for number, file in enumerate(files):
        whole = file.read_text(encoding="utf-8")
        head, row, *rest = whole.split("\n")
        file.write_text("\n".join([head, row + ",1", *rest]), encoding="utf-8")
        refused = run(name, first, tmp_path / f"out{number}", *options)
        assert isinstance(refused.exception, DatasetError), file
        assert f"{file.name}, row 1 has" in str(refused.exception)
        file.write_text(whole, encoding="utf-8")


def test_a_list_of_holdings_with_a_cell_too_many_is_refused(tmp_path):
    file = tmp_path / "h.csv"
    file.write_text("company_id,weight\nA,1,500\nB,2,500\n")
    with pytest.raises(DatasetError, match="row 1 has 3 cells under 2 columns"):
        read_file(file)


def test_a_column_or_a_name_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,x\n1,2,3\n")
    with pytest.raises(DatasetError, match="column 'x' twice"):
        read("a", [tmp_path / "a.csv"])
    (tmp_path / "a.json").write_text('{"x": 1, "y": 2}\n{"x": 1, "x": 2}\n')
    with pytest.raises(DatasetError, match="line 2 has the name 'x' twice"):
        read("a", [tmp_path / "a.json"])


def test_columns_that_pandas_put_into_its_index_are_columns(tmp_path):
    pd.DataFrame({"code": ["1"], "x": [2.0]}).set_index("code").to_parquet(tmp_path / "a.parquet")
    assert read("a", [tmp_path / "a.parquet"]).text("code").tolist() == ["1"]


def days_of(folder, values, zone=None):
    pd.DataFrame({"day": values}).to_parquet(folder / "d.parquet")
    return [str(day) for day in read("d", [folder / "d.parquet"], Conventions(zone)).days("day")]


def test_instants_are_the_markets_days_and_never_the_day_before(tmp_path):
    shanghai = pd.to_datetime(["2023-01-01", "2023-04-28"]).tz_localize("Asia/Shanghai")
    assert days_of(tmp_path, shanghai) == ["2023-01-01", "2023-04-28"]
    in_utc = shanghai.tz_convert("UTC")  # 16:00 of the day before
    assert days_of(tmp_path, in_utc, "Asia/Shanghai") == ["2023-01-01", "2023-04-28"]
    with pytest.raises(DatasetError, match=r"row 1, column day: .*16:00.* time of day in UTC.*2 such cells"):
        days_of(tmp_path, in_utc)
    assert days_of(tmp_path, pd.to_datetime(["2023-01-01", None]).tz_localize("UTC"), "Asia/Shanghai") == [
        "2023-01-01", "NaT",
    ]  # fmt: skip
    with pytest.raises(DatasetError, match="time of day"):  # of no zone, which could be any
        days_of(tmp_path, pd.to_datetime(["2022-12-31 16:00"]), "Asia/Shanghai")


@pytest.mark.parametrize("vendor", ["tushare", "akshare"])
def test_a_share_answers_in_utc_import_as_those_in_local_days(tmp_path, vendor):
    tables = answers.tushare() if vendor == "tushare" else answers.akshare()
    days = {"end_date", "trade_date", "actual_date", "cal_date", "list_date", "delist_date", "日期", "报告日期",
            "数据日期", "实际披露时间", "上市日期"}  # fmt: skip
    instants = {
        name: frame.assign(
            **{
                column: pd.to_datetime(frame[column].astype("str").replace("None", None))
                .dt.tz_localize("Asia/Shanghai")
                .dt.tz_convert("UTC")
                for column in frame.columns
                if column in days
            }
        )
        for name, frame in tables.items()
    }
    importer = {
        "tushare": lambda folder: import_tushare(folder, TushareOptions()),
        "akshare": lambda folder: import_akshare(folder, AkshareOptions()),
    }[vendor]
    local = importer(answers.put(tmp_path / "local", tables, "parquet"))
    utc = importer(answers.put(tmp_path / "utc", instants, "parquet"))
    assert local.tables.keys() == utc.tables.keys()
    for name, table in local.tables.items():
        pd.testing.assert_frame_equal(utc.tables[name], table)


def test_a_users_segments_in_utc_need_the_markets_zone(tmp_path):
    frame = pd.DataFrame(
        {
            "symbol": ["AA"],
            "segment_name": ["Cells"],
            "revenue": [5.0],
            "end_date": pd.to_datetime(["2022-12-31"]),
            "filing_date": pd.to_datetime(["2023-03-01 01:00"]).tz_localize(
                "UTC"
            ),  # 20:00 of 28 February there
        }
    )
    frame.to_parquet(tmp_path / "s.parquet")
    with pytest.raises(DatasetError, match="column filing_date"):
        import_segments([tmp_path / "s.parquet"], SegmentOptions(columns={}))
    made = import_segments([tmp_path / "s.parquet"], SegmentOptions(columns={}, zone="America/New_York"))
    assert made.tables["segments"]["announced_on"].tolist() == ["2023-02-28"]


def test_a_loaded_table_with_instants_is_refused(tmp_path):
    frame = pd.DataFrame(
        {
            "company_id": ["A"],
            "industry_id": ["I"],
            "valid_from": pd.to_datetime(["2022-12-31 16:00"], utc=True),
        }
    ).assign(valid_to=pd.NaT)
    frame.to_parquet(tmp_path / "company_industries.parquet")
    with pytest.raises(DatasetError, match="valid_from"):
        Dataset(tmp_path).read("company_industries")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (1, "000001.SZ"), ("1", "000001.SZ"), ("1.0", "000001.SZ"), ("600519.0", "600519.SH"),
        ("600519.00", "600519.SH"), ("６００５１９", "600519.SH"), ("６００５１９．ＳＨ", "600519.SH"),
        ("٦٠٠٥١٩", ""), ("00700", ""), ("700.HK", ""), ("600519.5", ""), ("0", ""),
    ],
)  # fmt: skip
def test_codes_that_a_file_holds_as_numbers_or_in_full_width_are_those_codes(given_, expected):
    assert a_share_id(str(given_)) == expected


@pytest.mark.parametrize(
    "codes", [[1, 600519], [1.0, 600519.0], ["1.0", "600519.0"], ["０００００１", "sh600519"]]
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_company_is_the_same_however_its_code_is_written(tmp_path, codes, ending):
    table = answers.table(
        "报告日期 分类类型 主营构成 主营收入", [("2022-12-31", "按产品分类", "银行", 1.0)] * 2
    )
    folder = answers.put(tmp_path / "in", {"stock_zygc_em": table.assign(股票代码=codes)}, ending)
    made = import_akshare(folder, AkshareOptions())
    assert made.tables["segments"]["company_id"].tolist() == ["000001.SZ", "600519.SH"]
    chain = answers.chain(tmp_path / "chain", company_product="")
    (chain / "company_product.csv").unlink()
    rows = pd.DataFrame({"company_code": codes, "product_name": ["相机"] * 2, "rel_weight": [0.5] * 2})
    answers.put(chain, {"company_product": rows}, ending)
    done = run("chainkg", chain, tmp_path / "out", "--valid-from", "2021-11-01")
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "out" / "segments.csv")["company_id"].tolist() == ["000001.SZ", "600519.SH"]


def test_widths_of_a_spelling_are_one_product(tmp_path):
    assert clean_name("ＬＥＤ（高亮）灯") == clean_name("LED(高亮)灯") == "LED(高亮)灯"
    assert clean_name("ｶﾞﾗｽ") == "ガラス"
    assert clean_name("CO₂") == "CO₂"  # no width
    rows = [("600519.SH", "20221231", "ＬＥＤ灯", "P", 30.0), ("600519.SH", "20221231", "铜", "P", 70.0),
            ("000858.SZ", "20221231", "LED灯", "P", 90.0)]  # fmt: skip
    made = import_tushare(
        answers.put(
            tmp_path / "in", {"fina_mainbz": answers.table("ts_code end_date bz_item bz_code bz_sales", rows)}
        ),
        TushareOptions(),
    )
    assert made.tables["products"]["product_id"].tolist() == ["LED灯", "铜"]
    (tmp_path / "s.csv").write_text(
        HEADER + "６００５１９,ＬＥＤ,2022-12-31,2023-03-01,3\n600519,LED,2021-12-31,2022-03-01,3\n",
        encoding="utf-8",
    )
    made = import_segments([tmp_path / "s.csv"], SegmentOptions(columns={}))
    assert made.tables["companies"]["company_id"].tolist() == ["600519"]
    assert set(made.tables["segments"]["product_id"]) == {"600519 > LED"}


def test_an_import_that_uses_nothing_is_an_error_that_says_why(tmp_path):
    (tmp_path / "s.csv").write_text(
        HEADER + "AA,Total,2022-12-31,2023-03-01,3\nAA,,2022-12-31,2023-03-01,3\n"
    )
    refused = run("segments", tmp_path / "s.csv", tmp_path / "out")
    assert "table segments: s.csv: a total, by its name (1); s.csv: no product name (1)" in str(
        refused.exception
    )
    assert not (tmp_path / "out").exists()
    tables = answers.akshare()
    tables["stock_zh_a_hist/600001"]["收盘"] = 0.0
    with pytest.raises(DatasetError, match=r"table bars: .*close is not above 0 .2"):
        import_akshare(answers.put(tmp_path / "a", tables), AkshareOptions())
    chain = answers.chain(
        tmp_path / "c", company_product="company_code,product_name,rel_weight\n600519,灯,0.001\n"
    )
    refused = run("chainkg", chain, tmp_path / "out", "--valid-from", "2021-11-01")
    assert "filler 0.001" in str(refused.exception)
    qlib = answers.qlib(tmp_path / "q")
    for folder in ("sh600001", "sz000002"):
        for file in (qlib / "features" / folder).iterdir():
            file.unlink()
        (qlib / "features" / folder).rmdir()
    assert "table bars" in str(run("qlib", qlib, tmp_path / "out").exception)


def test_changed_codes_are_one_company_by_the_known_table_and_by_a_users(tmp_path):
    days = ["2023-01-03", "2023-01-04"]
    header = "日期 股票代码 开盘 收盘 最高 最低 成交量"
    bars = [
        (day, code, 1.0, 1.1, 1.2, 1.0, 10)
        for code in ("000022", "001872", "000002", "000004")
        for day in days
    ]
    report = [
        (code, "2017-12-31", "按产品分类", "港口", 5.0) for code in ("000022", "001872", "000002", "000004")
    ]
    tables = {
        "stock_zh_a_hist": answers.table(header, bars),
        "stock_zygc_em": answers.table("股票代码 报告日期 分类类型 主营构成 主营收入", report),
    }
    folder = answers.put(tmp_path / "in", tables)
    made = import_akshare(folder, AkshareOptions())
    assert made.tables["companies"]["company_id"].tolist() == ["000002.SZ", "000004.SZ", "001872.SZ"]
    assert len(made.tables["bars"]) == 6 and len(made.tables["segments"]) == 3
    assert any(note.startswith("000002.SZ and 000004.SZ have the same prices") for note in made.notes)
    (tmp_path / "aliases.csv").write_text("old,new\n4,000003\n000003,000002\n")
    done = run("akshare", folder, tmp_path / "out", "--aliases", tmp_path / "aliases.csv")
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "out" / "companies.csv")["company_id"].tolist() == [
        "000002.SZ",
        "001872.SZ",
    ]
    assert json.loads((tmp_path / "out" / "import.json").read_text())["options"]["aliases"] == {
        "000004.SZ": "000003.SZ", "000003.SZ": "000002.SZ",
    }  # fmt: skip
    (tmp_path / "aliases.csv").write_text("old,new\nAA,BB\nBB,AA\n")
    (tmp_path / "s.csv").write_text(HEADER + "AA,Cells,2022-12-31,2023-03-01,3\n")
    refused = run("segments", tmp_path / "s.csv", tmp_path / "o", "--aliases", tmp_path / "aliases.csv")
    assert "circle" in str(refused.exception)
