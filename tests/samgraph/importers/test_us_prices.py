"""`samgraph import sec --prices`: bars of tickers from a table, a folder of tables, or a Qlib folder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles import sec
from oracles.answers import causes, checked, run

from samgraph.errors import DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.us_prices import read_prices, with_prices

HEAD = "date,ticker,open,high,low,close,volume,adj_close\n"
ROWS = """2021-03-01,ACME,10,11,9,10,1000,5
2021-03-02,ACME,10,12,10,12,1000,6
2021-03-01,etf,20,21,19,20,500,20
2021-03-02,ETF,20,21,19,20,0,20
2021-03-02,ETF,20,21,19,20,0,20
2021-03-01,BAD,20,19,21,20,500,20
2021-03-01,,20,21,19,20,500,20
2021-03-03,ACME,10,12,10,12,1000,
"""


@pytest.fixture
def filed(tmp_path):
    for name, quarter in sec.years().items():
        sec.put(tmp_path / "zips", name, quarter)
    return sec.brought(tmp_path / "zips", tickers={"1": "ACME", "2": "BETA"})


def bars(frame):
    return frame[["date", "company_id", "close", "volume", "adj_factor"]].to_numpy().tolist()


def day(text):
    return pd.Timestamp(text)


WANTED = [
    [day("2021-03-01"), "ACME", 10.0, 1000.0, 0.5],
    [day("2021-03-01"), "ETF", 20.0, 500.0, 1.0],
    [day("2021-03-02"), "ACME", 12.0, 1000.0, 0.5],
    [day("2021-03-02"), "ETF", 20.0, 0.0, 1.0],
]


def test_a_table_of_prices_stands_beside_the_reports(filed, tmp_path):
    (tmp_path / "us.csv").write_text(HEAD + ROWS)
    made = with_prices(filed, read_prices(tmp_path / "us.csv"))
    assert bars(made.tables["bars"]) == WANTED and made.tables["bars"]["tradable"].tolist() == [True] * 3 + [
        False
    ]
    companies = made.tables["companies"].set_index("company_id")["name"]
    assert companies["ETF"] == "ETF" and companies["ACME"] == "ACME NEW" and "BETA" in companies.index
    assert causes(made, "prices") == {
        "used as it is": 4,
        "the same row again": 1,
        "high is below low": 1,
        "no ticker": 1,
        "adjustment is empty or not above 0": 1,
    }
    assert any("with prices: 1 company of the filings, by today's tickers" in note for note in made.notes)
    report = checked(made, tmp_path / "out")
    assert report.ok and report.counts.loc["bars", "read"] == 4
    pd.testing.assert_frame_equal(made.tables["segments"], filed.tables["segments"])


def test_parquet_and_a_folder_called_by_tickers_give_the_same_bars(tmp_path):
    (tmp_path / "us.csv").write_text(HEAD + ROWS)
    whole = pd.read_csv(tmp_path / "us.csv")
    good = whole.iloc[:5].assign(date=lambda frame: pd.to_datetime(frame["date"]))
    good.to_parquet(tmp_path / "us.parquet")
    (tmp_path / "each").mkdir()
    for ticker, rows in good.groupby(good["ticker"].str.upper()):
        rows.drop(columns="ticker").to_csv(tmp_path / "each" / f"{ticker}.csv", index=False)
    for path in ("us.parquet", "each"):
        assert bars(read_prices(tmp_path / path).tables["bars"]) == WANTED


def test_a_qlib_folder_brings_universes_and_benchmarks(filed, tmp_path):
    folder = tmp_path / "us_data"
    (folder / "calendars").mkdir(parents=True)
    (folder / "calendars/day.txt").write_text("2021-03-01\n2021-03-02\n")
    (folder / "instruments").mkdir()
    (folder / "instruments/sp500.txt").write_text(
        "ACME\t2021-03-01\t2021-03-02\nGONE\t2021-03-01\t2021-03-01\n"
    )
    fields = {"open": 5, "high": 6, "low": 4, "close": 5, "volume": 2000, "factor": 0.5}
    for name in ("acme", "^gspc"):
        (folder / "features" / name).mkdir(parents=True)
        for field, value in fields.items():
            values = np.array([0, value, value], dtype="<f4")
            (folder / "features" / name / f"{field}.day.bin").write_bytes(values.tobytes())
    made = with_prices(filed, read_prices(folder))
    assert bars(made.tables["bars"]) == [
        [day(one), "ACME", 10.0, 1000.0, 0.5] for one in ("2021-03-01", "2021-03-02")
    ]
    assert set(made.tables["universes"]["company_id"]) == {"ACME", "GONE"}
    assert made.tables["benchmarks"]["benchmark"].unique().tolist() == ["^GSPC"]
    assert checked(made, tmp_path / "out").ok


def test_the_command_takes_prices_and_refuses_those_of_nobody(tmp_path, filed):
    (tmp_path / "us.csv").write_text(HEAD + ROWS)
    (tmp_path / "tickers.csv").write_text("cik,ticker\n1,ACME\n")
    asked = [
        "sec",
        tmp_path / "zips",
        tmp_path / "out",
        "--cache",
        tmp_path / "cache",
        "--prices",
        tmp_path / "us.csv",
    ]
    done = run(*asked)
    assert done.exit_code != 0 and "name their tickers with --tickers" in str(done.exception)
    assert not (tmp_path / "out").exists()
    assert run(*asked, "--tickers", tmp_path / "tickers.csv").exit_code == 0
    dataset = Dataset(tmp_path / "out")
    assert dataset.read("bars")["company_id"].unique().tolist() == ["ACME", "ETF"]
    assert "bars" in (tmp_path / "out" / "import.md").read_text()
    with pytest.raises(DatasetError, match="holds no prices"):
        read_prices(tmp_path / "nowhere")
    (tmp_path / "short.csv").write_text("date,ticker,close\n2021-03-01,A,1\n")
    with pytest.raises(DatasetError, match="lacks the column open"):
        read_prices(tmp_path / "short.csv")
