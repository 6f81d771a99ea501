"""The checks: each kind of error is found with its table, row numbers and reason; a right dataset passes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import small
from oracles.broken import BROKEN

from samgraph.errors import DatasetError
from samgraph.graph.check.dataset import check
from samgraph.graph.check.segments import ALL_PERIOD_ENDS
from samgraph.graph.check.series import usable_bars
from samgraph.graph.check.spans import heaviest_day, overlapping
from samgraph.graph.check.taxonomy import cycles, levels_and_paths
from samgraph.graph.dataset.folder import Dataset


def checked(folder, tables):
    return check(Dataset(small.write(folder, tables)))


def test_a_right_dataset_has_no_finding(tmp_path):
    report = checked(tmp_path, small.tables())
    assert report.ok and report.rejected.empty and not report.notes
    assert report.counts["read"].to_dict() == {name: len(rows) for name, rows in small.tables().items()}
    assert report.counts[["merged", "rejected"]].to_numpy().sum() == 0


@pytest.mark.parametrize("kind", BROKEN)
def test_every_error_is_listed_with_rows_values_and_reason(tmp_path, kind):
    breaking, table, rows, words = BROKEN[kind]
    tables = small.tables()
    breaking(tables)
    report = checked(tmp_path, tables)
    assert not report.ok
    found = report.fatal[report.fatal["reason"].str.contains(words, regex=False)]
    assert found["table"].unique().tolist() == [table]
    assert sorted(found["row"]) == rows
    for _, one in found.iterrows():
        assert {k: v or "" for k, v in json.loads(one["values"]).items()} == {
            k: str(v) for k, v in pd.DataFrame(tables[table]).fillna("").iloc[one["row"] - 1].items()
        }
    assert report.counts["rejected"][table] >= len(rows)
    assert words.split()[0] in report.sentence() or len(report.fatal) > len(found)


def test_every_one_of_many_errors_is_listed(tmp_path):
    tables = small.tables()
    rows = [
        small.report("B", "nothing", f"{year}-12-31", f"{year + 1}-03-01", 0.5) for year in range(1000, 3500)
    ]
    tables["segments"] += rows
    report = checked(tmp_path, tables)
    assert report.fatal["row"].tolist() == list(range(12, 12 + 2500))
    assert "(and 2499 more rows)" in report.sentence()


def test_ragged_lines_are_fatal_rows(tmp_path):
    folder = small.write(tmp_path, small.tables())
    with (folder / "companies.csv").open("a") as file:
        file.write("D,Delta\n")
    report = check(Dataset(folder))
    assert report.fatal[["table", "row"]].to_numpy().tolist() == [["companies", 4]]


def test_exact_repeats_are_merged_and_counted(tmp_path):
    tables = small.tables()
    tables["segments"] += [dict(tables["segments"][0])] * 2
    tables["products"].append(dict(tables["products"][0]))
    report = checked(tmp_path, tables)
    assert report.ok
    assert report.counts["merged"][["segments", "products", "universes"]].tolist() == [2, 1, 0]
    assert len(report.segments) == 11


@pytest.mark.parametrize("weight", ["0.405", "0.4"])
def test_rounding_of_half_a_percent_is_no_error(tmp_path, weight):
    tables = small.tables()
    tables["segments"][1]["weight"] = weight
    tables["segments"][10]["weight"] = "0.705"
    assert checked(tmp_path, tables).ok


def test_touching_spans_and_the_day_of_the_period_end_are_no_error(tmp_path):
    tables = small.tables()
    tables["universes"][0]["valid_to"] = "2021-12-01"
    tables["segments"][5]["announced_on"] = "2020-12-31"
    assert checked(tmp_path, tables).ok


def test_announcements_that_are_all_period_ends_stop_a_load(tmp_path):
    tables = small.tables()
    for row in tables["segments"]:
        if row.get("period_end"):
            row["announced_on"] = row["period_end"]
    report = checked(tmp_path, tables)
    assert not report.ok
    told = report.fatal[report.fatal["reason"] == ALL_PERIOD_ENDS]
    assert set(told["row"]) <= {n for n, row in enumerate(tables["segments"], 1) if row.get("period_end")}
    assert len(told) > 1


def test_some_announcements_on_the_last_day_of_their_period_are_said(tmp_path):
    tables = small.tables()
    tables["segments"][5]["announced_on"] = tables["segments"][5]["period_end"]
    notes = checked(tmp_path, tables).notes
    assert any("reports are announced on the last day of their period" in note for note in notes)
    assert not any(
        "announced on the last day" in note for note in checked(tmp_path / "as_it_was", small.tables()).notes
    )


@pytest.mark.parametrize(("caps", "words"), [("", "none of its rows has"), ("7", None)])
def test_bars_without_market_caps_are_told_by_a_check(tmp_path, caps, words):
    tables = small.tables()
    price = {"open": "1", "high": "1", "low": "1", "close": "1", "volume": "5", "market_cap": caps}
    company = tables["companies"][0]["company_id"]
    tables["bars"] = [{"date": f"2021-03-0{n}", "company_id": company, **price} for n in (1, 2, 3)]
    notes = " ".join(checked(tmp_path, tables).notes)
    assert (words in notes and "equally" in notes) if words else "market_cap" not in notes


def test_the_stored_form_of_an_open_end_is_open(tmp_path):
    tables = small.tables()
    tables["universes"][1]["valid_to"] = "9999-12-31"
    report = checked(tmp_path, tables)
    assert report.ok and report.tables["universes"]["valid_to"].isna()[1]


def test_a_product_that_supplies_itself_is_left_out_and_listed(tmp_path):
    tables = small.tables()
    tables["product_links"][0]["customer_id"] = "cell"
    report = checked(tmp_path, tables)
    assert report.ok
    assert report.rejected[["table", "row", "fatal"]].to_numpy().tolist() == [["product_links", 1, False]]
    assert len(report.tables["product_links"]) == 1


def test_unknown_columns_are_noted(tmp_path):
    tables = small.tables()
    tables["companies"][0]["colour"] = "red"
    assert checked(tmp_path, tables).notes == ("table companies: ignored unknown columns colour",)


def test_missing_tables_are_errors(tmp_path):
    tables = small.tables()
    del tables["companies"]
    with pytest.raises(DatasetError, match="table companies is missing"):
        checked(tmp_path, tables)


BAD_BARS = {
    "close is not above 0": {"close": "0"},
    "open is not above 0": {"open": "-1"},
    "high is infinite": {"high": "inf"},
    "low is empty": {"low": ""},
    "close cannot be read as a number": {"close": "n/a"},
    "high is below low": {"high": "8"},
    "volume is negative": {"volume": "-1"},
    "adj_factor is not above 0": {"adj_factor": "0"},
    "market_cap is not above 0": {"market_cap": "-5"},
    "company_id is not in table companies": {"company_id": "Z"},
    "date cannot be read as an ISO day": {"date": "2021-13-01"},
    "another row has the same date and company_id": {"date": "2021-03-29", "company_id": "B", "close": "9.5"},
}


@pytest.mark.parametrize("reason", BAD_BARS)
def test_bars_that_cannot_be_used_are_listed_and_left_out(tmp_path, reason):
    tables = small.tables()
    tables["bars"][3].update(BAD_BARS[reason])
    dataset = Dataset(small.write(tmp_path, tables))
    report = check(dataset)
    assert report.ok
    rows = [2, 4] if "another" in reason else [4]
    found = report.rejected[report.rejected["reason"] == reason]
    assert found["table"].eq("bars").all() and sorted(found["row"]) == rows
    assert report.counts["rejected"]["bars"] == len(rows)
    if "companies" not in reason:
        assert len(usable_bars(dataset.read("bars"))) == 12 - len(rows)


def test_repeated_bars_are_merged(tmp_path):
    tables = small.tables()
    tables["bars"].append(dict(tables["bars"][0]))
    dataset = Dataset(small.write(tmp_path, tables))
    report = check(dataset)
    assert report.rejected.empty and report.counts["merged"]["bars"] == 1
    assert len(usable_bars(dataset.read("bars"))) == 12


def test_all_unusable_bars_are_counted_and_a_thousand_listed(tmp_path):
    tables = small.tables()
    tables["bars"] = [small.bar(f"{year}-01-01", "A", close="0") for year in range(1000, 2500)]
    report = checked(tmp_path, tables)
    assert report.counts["rejected"]["bars"] == 1500
    assert len(report.rejected) == 1000


def test_benchmark_levels_are_checked(tmp_path):
    tables = small.tables()
    tables["benchmarks"][0]["close"] = "-1"
    tables["benchmarks"].append({"benchmark": "U", "date": "2021-03-30", "close": "7"})
    report = checked(tmp_path, tables)
    assert report.ok
    assert report.rejected["row"].tolist() == [1, 2, 4]


days = st.integers(0, 12)
spans = st.tuples(st.sampled_from("xy"), days, st.none() | days).filter(lambda s: s[2] is None or s[2] > s[1])


def span_frame(rows):
    epoch = pd.Timestamp("2020-01-01")
    return pd.DataFrame(
        {
            "group": pd.Series([r[0] for r in rows], dtype="str"),
            "valid_from": pd.Series([epoch + pd.Timedelta(days=r[1]) for r in rows], dtype="datetime64[s]"),
            "valid_to": pd.Series(
                [pd.NaT if r[2] is None else epoch + pd.Timedelta(days=r[2]) for r in rows],
                dtype="datetime64[s]",
            ),
        }
    )


def holds(row, day):
    return row[1] <= day and (row[2] is None or day < row[2])


@settings(max_examples=150, deadline=None)
@given(st.lists(spans, max_size=9))
def test_overlaps_are_those_that_share_a_day(rows):
    other = overlapping(span_frame(rows), ["group"])
    for i, one in enumerate(rows):
        partners = [
            j
            for j, two in enumerate(rows)
            if j != i and one[0] == two[0] and any(holds(one, d) and holds(two, d) for d in range(14))
        ]
        assert (other[i] in partners) if partners else other[i] == -1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(spans, st.floats(0, 1)), min_size=1, max_size=9))
def test_the_heaviest_day_is_the_greatest_daily_sum(rows):
    frame = span_frame([row for row, _ in rows])
    found = heaviest_day(frame, "group", np.array([w for _, w in rows])).set_index("group")
    for group in set(frame["group"]):
        sums = [sum(w for row, w in rows if row[0] == group and holds(row, d)) for d in range(14)]
        assert found.loc[group, "total"] == pytest.approx(max(sums), abs=1e-12)
        day = (found.loc[group, "day"] - pd.Timestamp("2020-01-01")).days
        assert sums[day] == pytest.approx(max(sums), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), days, st.none() | days), max_size=8
    ).map(lambda rows: [r for r in rows if r[3] is None or r[3] > r[2]])
)
def test_cycles_are_found_exactly_when_a_walk_up_on_some_day_returns(rows):
    frame = span_frame([(child, begin, end) for child, _, begin, end in rows])
    tree = frame.rename(columns={"group": "child"}).assign(
        parent=pd.Series([r[1] for r in rows], dtype="str")
    )
    found = {int(p) for positions, _ in cycles(tree) for p in positions}
    expected = set()
    for day in range(14):
        alive = [i for i, (_, _, begin, end) in enumerate(rows) if holds((None, begin, end), day)]
        for i in alive:  # is the child of row i reachable from its parent?
            seen, todo = set(), [rows[i][1]]
            while todo:
                node = todo.pop()
                if node not in seen:
                    seen.add(node)
                    todo += [rows[j][1] for j in alive if rows[j][0] == node]
            if rows[i][0] in seen:
                expected.add(i)
    assert found == expected


def test_levels_and_paths_are_those_of_the_newest_taxonomy_of_each_product():
    rows = pd.DataFrame(
        {
            "child": ["a", "b", "c", "c", "gone", "d"],
            "parent": [None, "a", "a", "b", "b", None],
            "valid_from": pd.to_datetime(
                ["2000-01-01", "2000-01-01", "2000-01-01", "2010-01-01", "2000-01-01", "2000-01-01"]
            ).astype("datetime64[s]"),
            "valid_to": pd.to_datetime([None, None, "2010-01-01", None, "2005-01-01", None]).astype(
                "datetime64[s]"
            ),
        }
    )
    found = levels_and_paths(rows, ["a", "b", "c", "d", "gone", "alone"])
    assert found["level"].tolist() == [1, 2, 3, 1, 3, 1]
    assert found["path"].tolist() == ["/a", "/a/b", "/a/b/c", "/d", "/a/b/gone", "/alone"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_prices_read_in_parts_are_found_wrong_as_in_one_piece(tmp_path, monkeypatch, form):
    rng = np.random.default_rng(5)
    days = rng.choice(pd.date_range("2020-01-01", periods=30).strftime("%Y-%m-%d").to_numpy(), 400)
    close = rng.choice(["10", "0", "-1", "", "inf", "x"], 400, p=[0.7, 0.06, 0.06, 0.06, 0.06, 0.06])
    bars = pd.DataFrame(
        {
            "date": np.where(rng.random(400) < 0.03, "soon", days),
            "company_id": rng.choice(["A", "B", "unknown", ""], 400, p=[0.45, 0.45, 0.05, 0.05]),
            "open": "10", "high": "11", "low": rng.choice(["9", "12"], 400, p=[0.9, 0.1]),
            "close": close, "volume": rng.choice(["1", "-1"], 400, p=[0.9, 0.1]), "market_cap": "1", "extra": "1",
        }
    )  # fmt: skip
    folder = small.write(tmp_path, small.tables())
    for old in folder.glob("bars*"):
        old.unlink()
    if form == "csv":
        bars.to_csv(folder / "bars.csv", index=False)
        monkeypatch.setattr("samgraph.graph.dataset.files._BLOCK", 2_000)
    else:
        bars.to_parquet(folder / "bars.parquet", index=False)
    whole = check(Dataset(folder))
    monkeypatch.setattr("samgraph.graph.dataset.files.PART_ROWS", 7)
    monkeypatch.setattr("samgraph.graph.check.groups.KEPT_ROWS", 50)
    monkeypatch.setattr("samgraph.graph.check.groups.AT_ONCE", 20)
    assert sum(1 for _ in Dataset(folder).parse_parts("bars")) > 50
    parts = check(Dataset(folder))
    pd.testing.assert_frame_equal(parts.rejected, whole.rejected)
    pd.testing.assert_frame_equal(parts.counts, whole.counts)
    assert parts.notes == whole.notes
    # By hand: exact repeats of an earlier row are merged, and not held against it; what cannot be read is empty.
    repeats = bars.replace({"close": {"x": ""}}).duplicated()
    assert parts.counts.loc["bars", "merged"] == repeats.sum() > 0
    kept = bars[~repeats & (bars["date"] != "soon") & (bars["company_id"] != "")]
    twice = kept.index[kept.duplicated(["date", "company_id"], keep=False)] + 1
    found = parts.rejected[parts.rejected["reason"].str.startswith("another row has the same date")]
    assert sorted(found["row"]) == sorted(twice)
