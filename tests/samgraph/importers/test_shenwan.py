"""`samgraph import shenwan`: what was known when, and two vintages that answer differently under `--known-at`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles.answers import causes, checked, run

from samgraph.errors import DatasetError
from samgraph.graph.ask.period import industry_labels
from samgraph.graph.check.spans import overlapping
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load
from samgraph.graph.load.plan import HELD, merge, span_rows, with_stamps
from samgraph.importers.shenwan import ShenwanOptions, import_shenwan

HEADER = "code,included_on,industry_code,updated_at\n"
FIRST = """000001,1991-04-03 00:00:00,440101,2015-10-27 15:29:00
000001,2014-01-01 00:00:00,480101,2015-10-27 15:29:00
000001,2021-07-30 00:00:00,480301,2021-07-31 16:18:00
600002,2021-07-30 00:00:00,110101,2022-10-11 09:00:00
600003,2021-07-30 00:00:00,110101,2021-07-31 09:00:00
430017,2022-05-05 09:37:00,110102,2022-05-05 09:37:00
000009,2023-01-01,99,2023-01-01
"""
# 000001 is redated; 600002 was edited again, unchanged; 600003 moved, and the row says since 2022; 430017 is 920017 now
SECOND = """000001,1991-04-03 00:00:00,440101,2015-10-27 15:29:00
000001,2014-02-21 00:00:00,480101,2024-09-27 09:08:00
000001,2021-07-30 00:00:00,480301,2025-12-15 16:33:00
600002,2021-07-30 00:00:00,110101,2025-12-15 16:33:00
600003,2021-07-30 00:00:00,110101,2021-07-31 09:00:00
600003,2022-01-04 00:00:00,480301,2022-01-05 09:00:00
920017,2022-05-05 09:37:00,110102,2025-10-10 11:17:00
600005,2025-01-02 00:00:00,110102,2025-01-02 11:17:00
"""
CODES = """industry_code,level1,level2,level3
110000,农业,,
110100,农业,种植,
110101,农业,种植,种子
110102,农业,种植,粮食
480000,银行,,
480300,银行,股份制,
480301,银行,股份制,股份制银行
"""
V1, V2 = "2024-09-03", "2026-06-06"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "vintages"
    made.mkdir()
    (made / f"as_published_{V1}.csv").write_text(HEADER + FIRST, encoding="utf-8")
    (made / f"as_published_{V2}.csv").write_text(HEADER + SECOND, encoding="utf-8")
    (made / "codes_2021.csv").write_text(CODES, encoding="utf-8")
    return made


def spans(made):
    table = made.tables["company_industries"]
    found: dict[str, list[tuple[str, str, str]]] = {}
    for company, *rest in table[["company_id", "industry_id", "valid_from", "valid_to"]].itertuples(
        index=False
    ):
        found.setdefault(company, []).append(tuple(rest))
    return found


def test_a_row_is_used_from_the_day_after_the_first_evidence_of_it(folder, tmp_path):
    made = import_shenwan(folder, ShenwanOptions(vintage=np.datetime64(V1)))
    assert spans(made) == {
        "000001.SZ": [("2014:480101", "2015-10-28", "2021-08-01"), ("480301", "2021-08-01", "")],
        "600002.SH": [("110101", "2022-10-12", "")],
        "600003.SH": [("110101", "2021-08-01", "")],
        "920017.BJ": [("110102", "2022-05-06", "")],
    }
    assert causes(made, f"as_published_{V1}.csv") == {
        "used as it is": 5,
        "a newer row was in force by the day on which it was known": 1,
        "no industry code of six digits": 1,
    }
    industries = made.tables["industries"].set_index("industry_id")
    assert industries.loc["480301"].tolist() == ["股份制银行", "480300"]
    assert industries.loc["2014:480101"].tolist() == [
        "2014:480101",
        "2014:480100",
    ]  # no name of another coding
    assert industries.loc["2014:480000", "parent_id"] == ""
    checked(made, tmp_path / "out")


def test_a_later_vintage_goes_on_from_the_earlier_and_never_rewrites_its_days(folder, tmp_path):
    later = import_shenwan(folder, ShenwanOptions())
    assert spans(later) == {
        "000001.SZ": [("2014:480101", "2015-10-28", "2021-08-01"), ("480301", "2021-08-01", "")],
        "600002.SH": [("110101", "2022-10-12", "")],
        # the row of 2022 was not in the file of 2024, so nobody can have known it then
        "600003.SH": [("110101", "2021-08-01", "2024-09-04"), ("480301", "2024-09-04", "")],
        "600005.SH": [("110102", "2025-01-03", "")],
        "920017.BJ": [("110102", "2022-05-06", "")],
    }
    assert causes(later, f"as_published_{V2}.csv")["said by an earlier vintage"] == 5
    checked(later, tmp_path / "out")


def test_an_assumed_lag_is_said_and_never_beats_an_earlier_vintage(folder):
    made = import_shenwan(folder, ShenwanOptions(lag_days=3))
    assert spans(made)["600002.SH"] == [("110101", "2021-08-03", "")]
    assert spans(made)["600003.SH"][1] == ("480301", "2024-09-04", "")
    assert spans(made)["000001.SZ"][0] == ("2008:440101", "1991-04-07", "2014-01-05")
    assert any(note.startswith("ASSUMED") for note in made.notes)


def test_a_vintage_that_cannot_be_so_is_refused(folder):
    with pytest.raises(
        DatasetError, match="no vintage of 2020-01-01; it has those of 2024-09-03, 2026-06-06"
    ):
        import_shenwan(folder, ShenwanOptions(vintage=np.datetime64("2020-01-01")))
    (folder / "as_published_2014-09-03.csv").write_text(HEADER + FIRST, encoding="utf-8")
    with pytest.raises(DatasetError, match="edited after the day of its vintage"):
        import_shenwan(folder, ShenwanOptions(vintage=np.datetime64("2014-09-03")))


def _labels(graph, stocks, days, known):
    dates = pd.DatetimeIndex(days)
    return industry_labels(graph, dates, stocks, level=3, known=known).to_numpy(dtype=object)


def test_two_vintages_answer_differently_under_known_at(graph, folder, tmp_path):
    moments = []
    for day in (V1, V2):
        assert run("shenwan", folder, tmp_path / day, "--vintage", day).exit_code == 0
        moments.append(load(graph, Dataset(tmp_path / day)).moment)
    stocks, days = ["000001.SZ", "600003.SH", "600005.SH"], [V1, "2025-06-02"]
    then, now = (_labels(graph, stocks, days, known) for known in moments)
    assert then.tolist() == [["480301", "110101", None], ["480301", "110101", None]]
    assert now.tolist() == [["480301", "110101", None], ["480301", "480301", "110102"]]


def _at(table: pd.DataFrame, day: str) -> dict[str, str]:
    stamp = pd.Timestamp(day)
    begin, end = pd.to_datetime(table["valid_from"]), pd.to_datetime(table["valid_to"])
    held = table[(begin <= stamp) & (end.isna() | (stamp < end))]
    return dict(zip(held["company_id"], held["industry_id"], strict=True))


def _edges(table: pd.DataFrame) -> pd.DataFrame:
    """The memberships as a load plans them."""
    days = {
        name: pd.to_datetime(table[name].replace("", None)).astype("datetime64[s]")
        for name in ("valid_from", "valid_to")
    }
    return span_rows(table.assign(**days), "company_id", "industry_id")


@pytest.mark.realdata
def test_the_published_vintages_agree_up_to_the_first_and_the_second_loads_over_it(shared_data):
    folder = shared_data / "raw" / "cn_shenwan_history"
    one, other = (
        import_shenwan(folder, ShenwanOptions(vintage=np.datetime64(day))).tables["company_industries"]
        for day in (V1, V2)
    )
    for day in ("2015-11-02", "2019-08-12", "2021-08-02", "2021-12-31", V1):
        assert _at(one, day) == _at(other, day) and len(_at(one, day)) > 2000, day
    first, second = _at(one, "2026-06-01"), _at(other, "2026-06-01")
    assert sum(second.get(name, label) != label for name, label in first.items()) > 50
    assert len(second) > len(first)
    merged = merge(_edges(other), _edges(one).assign(id=""), ["start", "valid_from"])
    assert (merged["position"] != HELD).all()  # every span of the first is said again, or corrected
    assert (overlapping(with_stamps(merged), ["start"]) < 0).all()
