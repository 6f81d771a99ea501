"""Dated revenue by segment: columns, dates, renamed and vanishing segments, mapping files, the real files."""

from __future__ import annotations

import pandas as pd
import pytest
from oracles.answers import causes, checked

from samgraph.errors import DatasetError
from samgraph.importers.segments import SegmentOptions, import_segments
from samgraph.importers.taxonomy import read_mapping

HEADER = "symbol,company_name,fiscal_year,end_date,segment_name,segment_type,revenue,filing_date,currency\n"
ROWS = """AA,Alpha,2020,2020-12-31,Cameras,product,60,2021-02-15,USD
AA,Alpha,2020,2020-12-31,Lenses,product,40,2021-02-15,USD
AA,Alpha,2020,2020-12-31,Americas,geography,100,2021-02-15,USD
AA,Alpha,2021,2021-12-31,cameras,product,30,2022-02-15,USD
AA,Alpha,2021,2021-12-31,Robots,product,60,2022-02-15,USD
AA,Alpha,2021,2021-12-31,All Other,product,10,2022-02-15,USD
AA,Alpha,2021,2021-12-31,Eliminations,product,-5,2022-02-15,USD
AA,Alpha,2021,2021-12-31,Adjusted EBITDA,product,50,2022-02-15,USD
BB,Beta,2021,2021-12-31,Robots,product,7,2022-03-01,USD
BB,Beta,2021,2024-02-20,Robots,product,7,2024-02-20,USD
BB,Beta,2021,,Robots,product,7,2024-02-20,USD
BB,Beta,2021,2021-12-31,Robots,product,7,2022-03-01,USD
CC,Gamma,2021,2021-12-31,Robots,product,7,2022-03-01,USD
CC,Gamma,2021,2021-12-31,Drones,product,7,2022-03-01,EUR
CC,Gamma,2022,2022-12-31,Drones,product,7,2022-03-01,EUR
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "segments.csv"
    path.write_text(HEADER + ROWS)
    return path


def rows_of(made):
    return {tuple(row) for row in made.tables["segments"].round(6).itertuples(index=False)}


def test_reports_stand_for_themselves_and_every_row_ends_in_a_cause(file, tmp_path):
    made = import_segments([file], SegmentOptions(columns={}))
    checked(made, tmp_path / "out")
    assert rows_of(made) == {
        ("AA", "AA > Cameras", "2020-12-31", "2021-02-15", 0.6),
        ("AA", "AA > Lenses", "2020-12-31", "2021-02-15", 0.4),
        ("AA", "AA > Cameras", "2021-12-31", "2022-02-15", 0.3),
        ("AA", "AA > Robots", "2021-12-31", "2022-02-15", 0.6),
        ("BB", "BB > Robots", "2021-12-31", "2022-03-01", 1.0),
    }
    assert causes(made, "segments.csv") == {
        "used as it is": 5,
        "the same row again": 1,
        "segment_type is not product": 1,
        "names no product: counts in the total, goes to no product": 1,
        "elimination, plug or adjustment, by its name": 1,
        "an item that is not revenue, by its name": 1,
        "period end lies outside its fiscal year: a filing's date, it seems": 1,
        "no period end": 1,
        "its report is in several currencies": 2,
        "published before its period ended": 1,
    }
    products = made.tables["products"].set_index("product_id")
    assert products.loc["AA > Cameras"].to_list() == ["Cameras", "AA"]


def test_a_mapping_file_renames_joins_and_leaves_out(file, tmp_path):
    mapping = tmp_path / "map.csv"
    mapping.write_text(
        "segment,product,parent,company\nCameras,imaging,electronics,\nLenses,imaging,electronics,\n"
        "Robots,machines,,\nAll Other,,,\nRobots,,,BB\n"
    )
    made = import_segments([file], SegmentOptions(columns={}, mapping=read_mapping(mapping)))
    checked(made, tmp_path / "out")
    assert rows_of(made) == {
        ("AA", "imaging", "2020-12-31", "2021-02-15", 1.0),
        ("AA", "imaging", "2021-12-31", "2022-02-15", 0.333333),
        ("AA", "machines", "2021-12-31", "2022-02-15", 0.666667),
    }
    assert causes(made, "segments.csv")["added to the product that the mapping file makes of it"] == 1
    assert made.tables["products"].set_index("product_id").loc["imaging", "parent_id"] == "electronics"


def test_a_lag_is_said_to_be_an_assumption_and_nothing_is_guessed_without_it(file, tmp_path):
    text = pd.read_csv(file).drop(columns="filing_date")
    bare = tmp_path / "bare.csv"
    text.to_csv(bare, index=False)
    with pytest.raises(DatasetError, match="--reporting-lag"):
        import_segments([bare], SegmentOptions(columns={}))
    made = import_segments([bare], SegmentOptions(columns={}, reporting_lag=90))
    assert made.notes[0].startswith("ASSUMPTION: every report came out 90 days")
    assert {row[3] for row in rows_of(made) if row[2] == "2020-12-31"} == {"2021-03-31"}


def test_the_file_named_first_counts_and_own_columns_are_named(file, tmp_path):
    other = tmp_path / "other.csv"
    pd.read_csv(file).rename(columns={"symbol": "sym", "revenue": "rev"}).assign(rev=1).to_csv(
        other, index=False
    )
    with pytest.raises(DatasetError, match="name it with --company"):
        import_segments([other], SegmentOptions(columns={}))
    made = import_segments([other], SegmentOptions(columns={"company": "sym", "revenue": "rev"}))
    assert len(made.tables["segments"]) == 5
    both = import_segments([file, file], SegmentOptions(columns={}))
    assert rows_of(both) == rows_of(import_segments([file], SegmentOptions(columns={})))
    again = both.coverage[both.coverage["cause"] == "a file named before has this company and period"]
    assert again["rows"].sum() == 7  # five used ones, the repeat, and All Other


@pytest.mark.realdata
def test_the_real_files_become_a_dataset_without_error(shared_data, tmp_path):
    raw = shared_data / "raw" / "us_dated_segments"
    files = [raw / "quarterly_product_segments.csv", raw / "annual_revenue_segments.csv"]
    made = import_segments(files, SegmentOptions(columns={}, reporting_lag=90))
    checked(made, tmp_path / "out")
    assert made.coverage.groupby("table")["rows"].sum().to_dict() == {files[0].name: 741, files[1].name: 1482}
    assert causes(made, files[1].name)["segment_type is not product"] == 579
    annual = import_segments(files[1:], SegmentOptions(columns={}, reporting_lag=90, where={"source": "FMP"}))
    frame = pd.read_csv(files[1]).query(
        "symbol == 'NVDA' and fiscal_year == 2017 and segment_type == 'product'"
    )
    frame = frame[frame["source"] == "FMP"].set_index("segment_name")["revenue"]
    got = annual.tables["segments"].query("company_id == 'NVDA' and period_end == '2017-01-29'")
    # One spelling for "Tegra processor" and "Tegra Processor".
    assert dict(zip(got["product_id"].str.casefold(), got["weight"], strict=True)) == pytest.approx(
        {
            f"nvda > {name.casefold()}": frame[name] / frame.sum()
            for name in frame.index
            if name != "All Other"
        }
    )
