"""`samgraph import tnic`: a text network by year as links, each from the day on which its year's filings are public."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from oracles.answers import causes, checked, run

from samgraph.errors import DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.tnic import TnicOptions, import_tnic

NETWORK = """year\tgvkey1\tgvkey2\tscore
2019\t001004\t001050\t0.1
2019\t001050\t001004\t0.1
2020\t1004\t1050\t0.25
2020\t1050\t1004\t0.25
2020\t1050\t9999\t0.5
2020\t1004\t2000\t0.05
2020\t2000\t1004\t0.07
2020\t1004\t1004\t1
2020\t1004\t3000\t1.5
2020\t\t3000\t0.5
2021\t3000\t1050\t0.01
"""
IDS = "gvkey,company_id,name\n001004,ZED,Zed Inc\n1050,ABC,Abc Corp\n2000,MMM,\n3000,NNN,\n"


@pytest.fixture
def put(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def links(made):
    return list(map(tuple, made.tables["company_links"].to_numpy().tolist()))


def test_a_pair_is_one_link_a_year_from_six_months_after_the_year_for_a_year(put, tmp_path):
    made = import_tnic(put("tnic.txt", NETWORK), TnicOptions(put("ids.csv", IDS)))
    assert links(made) == [
        ("ABC", "ZED", 0.1, "2020-07-01", "2021-07-01"),
        ("ABC", "ZED", 0.25, "2021-07-01", "2022-07-01"),
        ("ABC", "NNN", 0.01, "2022-07-01", "2023-07-01"),
    ]
    assert causes(made, "tnic.txt") == {
        "used as it is": 3,
        "the pair again, mostly in the other direction": 2,
        "a gvkey that the table of ids does not have": 1,
        "a company with itself": 1,
        "score outside 0..1": 1,
        "an empty cell": 1,
        "rows of one pair and year contradict each other": 2,
    }
    assert made.coverage["rows"].sum() == 11
    assert made.tables["companies"].to_numpy().tolist() == [
        ["ABC", "Abc Corp"],
        ["NNN", ""],
        ["ZED", "Zed Inc"],
    ]
    report = checked(made, tmp_path / "out")
    assert report.ok and report.counts.loc["company_links", "read"] == 3
    sheet = (tmp_path / "out" / "import.md").read_text()
    assert "| 2021 | 1 | 2 | 0.250 |" in sheet and "6 months after the year's end" in sheet


def test_the_user_sets_the_lag_and_the_least_score(put, tmp_path):
    network, ids = put("tnic.txt", NETWORK), put("ids.csv", IDS)
    made = import_tnic(network, TnicOptions(ids, lag_months=15, least_score=0.2))
    assert links(made) == [("ABC", "ZED", 0.25, "2022-04-01", "2023-04-01")]
    with pytest.raises(DatasetError, match="before its 10-Ks are due"):
        import_tnic(network, TnicOptions(ids, lag_months=2))
    done = run("tnic", network, tmp_path / "out", "--ids", ids, "--lag-months", "4")
    assert done.exit_code == 0 and Dataset(tmp_path / "out").read("company_links")["valid_from"].min() == (
        pd.Timestamp("2020-05-01")
    )
    assert run("tnic", network, tmp_path / "new", "--ids", ids, "--lag-months", "2").exit_code == 2


def test_a_gvkey_is_the_company_of_its_days(put):
    ids = put(
        "ids.csv",
        "gvkey,company_id,valid_from,valid_to\n1004,OLD,,2020-10-01\n1004,NEW,2020-10-01,2021-01-01\n1050,ABC,,\n",
    )
    network = put("tnic.csv", NETWORK.replace("\t", ","))
    assert links(import_tnic(network, TnicOptions(ids))) == [
        ("ABC", "NEW", 0.1, "2020-10-01", "2021-01-01"),
        ("ABC", "OLD", 0.1, "2020-07-01", "2020-10-01"),
    ]
    made = import_tnic(network, TnicOptions(ids))
    assert causes(made, "tnic.csv")["no company by the table of ids while the network is used"] == 1


def test_links_are_those_of_a_slow_and_plain_reading(put, tmp_path):
    rng = np.random.default_rng(5)
    rows = [
        (int(y), int(a), int(b), round(float(rng.random()), 4))
        for y in (2001, 2002)
        for a in range(1, 12)
        for b in range(a + 1, 12)
        if rng.random() < 0.5
    ]
    both = [*rows, *((y, b, a, s) for y, a, b, s in rows)]
    rng.shuffle(both)
    text = "year\tgvkey1\tgvkey2\tscore\n" + "".join(
        f"{int(y)}\t{int(a)}\t{int(b)}\t{s}\n" for y, a, b, s in both
    )
    (tmp_path / "tnic.txt.gz").write_bytes(gzip.compress(text.encode()))
    ids = put("ids.csv", "gvkey,company_id\n" + "".join(f"{n},C{99 - n}\n" for n in range(1, 10)))
    wanted = {
        (*sorted((f"C{99 - a}", f"C{99 - b}")), s, f"{y + 1}-07-01", f"{y + 2}-07-01")
        for y, a, b, s in rows
        if max(a, b) < 10
    }
    found = links(import_tnic(tmp_path / "tnic.txt.gz", TnicOptions(ids)))
    assert set(found) == wanted and len(found) == len(wanted)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ("gvkey,company_id\n1004,A\n1004,B\n", "the gvkey 1004 has more than one company_id at one time"),
        ("gvkey,company_id\n1004,A\n1050,A\n", "the company_id A has more than one gvkey at one time"),
        ("gvkey,company_id\nx,A\n", "row 1: give a gvkey"),
        ("gvkey,name\n1,A\n", "lacks the column company_id"),
        ("gvkey,company_id\n7,A\n", "nothing that was read can be used for the table company_links"),
    ],
)
def test_a_table_of_ids_that_cannot_be_used_is_refused(put, ids, words):
    with pytest.raises(DatasetError, match=words):
        import_tnic(put("tnic.txt", NETWORK), TnicOptions(put("ids.csv", ids)))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("year\tgvkey1\tscore\n2020\t1\t0.5\n", "lacks the column gvkey2"),
        (NETWORK.replace("2021\t3000", "2021\tx"), "cannot be read as a table"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_network_that_cannot_be_read_is_refused(put, network, words):
    with pytest.raises(DatasetError, match=words):
        import_tnic(put("tnic.txt", network), TnicOptions(put("ids.csv", IDS)))
