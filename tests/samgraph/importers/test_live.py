"""Asking a vendor: kept answers are not asked for again, faults that pass are tried again, secrets stay so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles import answers

from samgraph.errors import ConfigError, DatasetError
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.live import akshare as akshare_live
from samgraph.importers.live import tushare as tushare_live
from samgraph.importers.live.recorder import Recorder
from samgraph.importers.tushare import TushareOptions, import_tushare

WANTED = tushare_live.Wanted(np.datetime64("2022-06-30"), np.datetime64("2022-07-02"), ["000300.SH"], [])


class Vendor:
    """Answers as Tushare Pro does, out of the invented tables; fails where `faults` says so."""

    def __init__(self, faults=()):
        self.asked, self.faults = [], list(faults)

    def query(self, api_name, fields="", limit=0, offset=0, **params):
        self.asked.append((api_name, params, offset))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, pd.DataFrame):
                return fault
            raise fault
        frame = answers.tushare()[api_name]
        column = {"index_weight": "trade_date", "trade_cal": "cal_date"}.get(api_name, "trade_date")
        if "trade_date" in params:
            frame = frame[frame["trade_date"] == params["trade_date"]]
        elif "start_date" in params and column in frame:
            frame = frame[frame[column].between(params["start_date"], params["end_date"])]
        for name in ("ts_code", "index_code", "end_date", "list_status"):
            if name in params and name in frame and name != "end_date":
                frame = frame[frame[name] == params[name]]
        if api_name == "disclosure_date":
            frame = frame[frame["end_date"] == params["end_date"]]
        return frame.iloc[offset : offset + limit].reset_index(drop=True)


def recorder(folder, **more):
    waits = []
    return Recorder(folder, per_minute=60, sleep=waits.append, clock=lambda: 0.0, **more), waits


def test_what_is_asked_for_imports_like_recorded_answers_and_is_not_asked_for_again(tmp_path):
    vendor = Vendor()
    keeper, waits = recorder(tmp_path / "answers")
    tushare_live.fetch(vendor, keeper, WANTED)
    assert (
        waits == sorted(waits) and max(waits) == len(vendor.asked) - 1
    )  # one a second by a clock that stands still
    made = import_tushare(tmp_path / "answers", TushareOptions())
    whole = import_tushare(answers.put(tmp_path / "whole", answers.tushare()), TushareOptions())
    pd.testing.assert_frame_equal(made.tables["bars"], whole.tables["bars"], check_dtype=False)
    segments = whole.tables["segments"]
    pd.testing.assert_frame_equal(made.tables["segments"], segments.reset_index(drop=True))
    again = Vendor()
    tushare_live.fetch(again, recorder(tmp_path / "answers")[0], WANTED)
    assert not again.asked


def test_an_interrupted_fetch_goes_on_where_it_stopped(tmp_path):
    vendor = Vendor()
    keeper, _ = recorder(tmp_path / "answers")
    record = keeper.record

    def stop_at_prices(table, key, ask, **more):
        if key == "20220701":
            raise KeyboardInterrupt
        return record(table, key, ask, **more)

    keeper.record = stop_at_prices
    with pytest.raises(KeyboardInterrupt):
        tushare_live.fetch(vendor, keeper, WANTED)
    rest = Vendor()
    tushare_live.fetch(rest, recorder(tmp_path / "answers")[0], WANTED)
    done = {(api, str(params), offset) for api, params, offset in vendor.asked}
    assert done and not done & {(api, str(params), offset) for api, params, offset in rest.asked}


def test_pages_are_put_together(tmp_path, monkeypatch):
    monkeypatch.setitem(tushare_live._PAGE, "fina_mainbz", 2)
    keeper, _ = recorder(tmp_path / "answers")
    tushare_live.fetch(Vendor(), keeper, WANTED)
    files = list((tmp_path / "answers" / "fina_mainbz").glob("600001.SH*"))
    assert len(files) == 1 and len(pd.read_parquet(files[0])) == 7


def test_faults_that_pass_are_tried_again_after_a_pause(tmp_path):
    keeper, waits = recorder(tmp_path / "a")
    faults = [
        ConnectionError("reset"),
        pd.DataFrame(),
        Exception("抱歉，您每分钟最多访问该接口200次"),
        ValueError("no JSON"),
    ]
    vendor = Vendor(faults)
    answer = keeper.record("stock_basic", "L", lambda: vendor.query("stock_basic", limit=9, list_status="L"))
    assert len(answer) == 2 and len(vendor.asked) == 5
    assert [pause for pause in waits if pause in (1.0, 2.0, 60.0, 8.0)]
    assert 60.0 in waits


def test_a_refusal_is_one_sentence_without_the_token(tmp_path):
    keeper, _ = recorder(tmp_path / "a", secret="s3cret")
    vendor = Vendor([Exception("您的token不对 s3cret")])
    with pytest.raises(DatasetError, match="refuses") as error:
        keeper.record("daily", "x", lambda: vendor.query("daily", limit=9))
    assert "s3cret" not in str(error.value) and error.value.__cause__ is None
    assert len(vendor.asked) == 1 and not list((tmp_path / "a").rglob("*.parquet"))
    spent = Vendor([Exception("抱歉，您每天最多访问该接口5次")])
    with pytest.raises(DatasetError, match="no more for now"):
        keeper.record("daily", "x", lambda: spent.query("daily", limit=9))
    dead = Vendor([TimeoutError("late s3cret")] * 9)
    with pytest.raises(DatasetError, match="no answer in 6 tries") as error:
        keeper.record("daily", "x", lambda: dead.query("daily", limit=9))
    assert "s3cret" not in str(error.value)


def test_without_a_token_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("TUSHARE_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="TUSHARE_TOKEN"):
        tushare_live.connect()


class Pages:
    """AKShare's functions, out of the invented tables."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        def answer(**params):
            self.asked.append((name, params))
            tables = answers.akshare()
            if name == "stock_value_em":
                raise TypeError("'NoneType' object is not subscriptable")  # as for a company that has none
            if name == "stock_yysj_em":
                found = tables["stock_yysj_em/20211231"]
                return found if params["date"] == "20211231" else found.iloc[:0]
            if name == "stock_zh_a_hist":
                return tables[f"stock_zh_a_hist{'_hfq' if params['adjust'] else ''}/600001"]
            if name in tables:
                return tables[name]
            columns = {
                "stock_info_a_code_name": ["code", "name"],
                "stock_info_sz_name_code": ["A股代码", "A股简称"],
            }
            return pd.DataFrame(
                columns=columns.get(name, ["公司代码", "公司简称", "证券代码", "证券简称"]), dtype="str"
            )

        return answer


def test_akshare_is_asked_once_and_imports_like_recorded_answers(tmp_path):
    pages = Pages()
    keeper, _ = recorder(tmp_path / "answers")
    days = np.datetime64("2022-06-30"), np.datetime64("2022-07-01")
    notes = akshare_live.fetch(pages, keeper, ["600001"], *days)
    assert notes == ["no answer for stock_value_em 600001"]
    made = import_akshare(tmp_path / "answers", AkshareOptions())
    whole = import_akshare(answers.put(tmp_path / "whole", answers.akshare()), AkshareOptions())
    pd.testing.assert_frame_equal(made.tables["segments"], whole.tables["segments"])
    same = ["date", "company_id", "close", "volume", "adj_factor"]
    pd.testing.assert_frame_equal(made.tables["bars"][same], whole.tables["bars"][same], check_dtype=False)
    again = Pages()
    akshare_live.fetch(again, recorder(tmp_path / "answers")[0], ["600001"], *days)
    assert {name for name, _ in again.asked} == {"stock_value_em"}
