"""Reading a dataset: the three forms say the same, cells become typed values, faults are named."""

from __future__ import annotations

import datetime as dt
import hashlib

import numpy as np
import pandas as pd
import pytest

from samgraph.errors import DatasetError
from samgraph.graph.dataset.folder import Dataset

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["1001", "NA", "x\ny"],
        "name": ["电池, 锂", 'says "hi"', "ünïcode"],
        "parent_id": [None, "1001", "1001"],
        "valid_from": [dt.date(2020, 1, 31), None, dt.date(1, 1, 1)],
        "valid_to": [None, dt.date(9999, 12, 31), dt.date(2021, 1, 1)],
    }
)


def write(frame: pd.DataFrame, root, form: str, name: str = "products") -> Dataset:
    root.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        frame.to_csv(root / f"{name}.csv", index=False)
    elif form == "parquet":
        frame.to_parquet(root / f"{name}.parquet", index=False)
    else:
        (root / name).mkdir()
        for number in range(len(frame)):
            frame.iloc[number : number + 1].to_parquet(root / name / f"part-{number}.parquet", index=False)
    return Dataset(root)


@pytest.mark.parametrize("form", ["csv", "parquet", "parts"])
def test_every_form_reads_the_same_typed_table(tmp_path, form):
    read = write(PRODUCTS, tmp_path, form).read("products")
    assert read["product_id"].tolist() == ["1001", "NA", "x\ny"]
    assert read["name"].tolist() == PRODUCTS["name"].tolist()
    assert read["parent_id"].isna().tolist() == [True, False, False]
    assert read["valid_from"].dtype == read["valid_to"].dtype == np.dtype("datetime64[s]")
    assert read["valid_from"].isna().tolist() == [False, True, False]
    assert read["valid_from"][2] == pd.Timestamp(1, 1, 1)
    assert read["valid_to"][1] == pd.Timestamp(9999, 12, 31)


@pytest.mark.parametrize("stored", [[110000, 110100], [110000.0, 110100.0], ["110000", "110100"]])
def test_ids_stored_as_numbers_are_their_digits(tmp_path, stored):
    frame = pd.DataFrame({"industry_id": stored, "name": ["a", "b"], "parent_id": [np.nan, 110000.0]})
    read = write(frame, tmp_path, "parquet", "industries").read("industries")
    assert read["industry_id"].tolist() == ["110000", "110100"]
    assert read["parent_id"][1] == "110000"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", "2024-02-29"),
        (" 2024-02-29 ", "2024-02-29"),
        ("2024-02-29 00:00:00", "2024-02-29"),
        ("2024-02-29T00:00:00.000", "2024-02-29"),
        ("2023-02-29", None),
        ("2024-2-29", None),
        ("20240229", None),
        ("2024-W09-4", None),
        ("2024-02-29 10:00:00", None),
        ("29/02/2024", None),
        ("tomorrow", None),
    ],
)
def test_days_are_iso_days_and_nothing_else(tmp_path, text, day):
    (tmp_path / "benchmarks.csv").write_text(f"benchmark,date,close\nI,{text},1\n")
    parsed = Dataset(tmp_path).parse("benchmarks")
    found = parsed.frame["date"][0]
    assert (None if found is pd.NaT else found.date().isoformat()) == day
    assert len(parsed.unreadable) == (day is None)


def test_times_of_day_in_a_parquet_column_of_days_are_unreadable(tmp_path):
    frame = pd.DataFrame(
        {
            "benchmark": "I",
            "date": pd.DatetimeIndex(["2024-01-02 00:00", "2024-01-03 15:00"]),
            "close": [1.0, 2.0],
        }
    )
    parsed = write(frame, tmp_path, "parquet", "benchmarks").parse("benchmarks")
    assert parsed.unreadable["row"].tolist() == [1]


@pytest.mark.parametrize(
    ("text", "value", "readable"),
    [("1.5", 1.5, True), (" 2 ", 2.0, True), ("1e-3", 0.001, True), ("", np.nan, True), ("  ", np.nan, True)]
    + [(text, np.nan, False) for text in ("1,000", "abc", "nan", "12%")],
)
def test_numbers_are_numbers_or_unreadable(tmp_path, text, value, readable):
    (tmp_path / "benchmarks.csv").write_text(f'benchmark,date,close\nI,2024-01-02,"{text}"\nI,2024-01-03,7\n')
    parsed = Dataset(tmp_path).parse("benchmarks")
    np.testing.assert_equal(parsed.frame["close"].tolist(), [value, 7.0])
    assert (len(parsed.unreadable) == 0) == readable


def test_flags_in_words_and_digits(tmp_path):
    words = ["true", "False", "1", "0", "", "maybe"]
    lines = [f"2024-01-0{i + 1},A,1,1,1,1,1,1,{word}\n" for i, word in enumerate(words)]
    head = "date,company_id,open,high,low,close,volume,market_cap,tradable\n"
    (tmp_path / "bars.csv").write_text(head + "".join(lines))
    parsed = Dataset(tmp_path).parse("bars")
    assert parsed.frame["tradable"].tolist() == [True, False, True, False, pd.NA, pd.NA]
    assert parsed.unreadable["row"].tolist() == [5]


def test_a_missing_column_is_named_with_what_was_found(tmp_path):
    (tmp_path / "products.csv").write_text("product_id,title\n1,a\n")
    with pytest.raises(
        DatasetError, match=r"table products lacks the column name \(found product_id, title\)"
    ):
        Dataset(tmp_path).read("products")


@pytest.mark.parametrize("missing", ["weight", "announced_on"])
def test_segments_need_one_of_each_choice_of_columns(tmp_path, missing):
    names = [n for n in ("company_id", "product_id", "period_end", "announced_on", "weight") if n != missing]
    (tmp_path / "segments.csv").write_text(",".join(names) + "\n")
    with pytest.raises(
        DatasetError, match=f"table segments lacks the column .* or .*found {', '.join(names)}"
    ):
        Dataset(tmp_path).read("segments")


def test_a_missing_column_of_a_later_part_is_found(tmp_path):
    (tmp_path / "products").mkdir()
    PRODUCTS.to_parquet(tmp_path / "products" / "a.parquet")
    PRODUCTS.drop(columns="parent_id").to_parquet(tmp_path / "products" / "b.parquet")
    with pytest.raises(DatasetError, match="lacks the column parent_id"):
        Dataset(tmp_path).read("products")


def test_a_missing_table_is_named_with_what_was_found(tmp_path):
    dataset = write(PRODUCTS, tmp_path, "csv")
    with pytest.raises(DatasetError, match=r"table segments is missing .*found products"):
        dataset.read("segments")
    with pytest.raises(DatasetError, match="no table 'segmens'"):
        dataset.read("segmens")


def test_a_table_in_two_forms_is_refused(tmp_path):
    write(PRODUCTS, tmp_path, "csv")
    with pytest.raises(DatasetError, match=r"products\.parquet and products\.csv"):
        write(PRODUCTS, tmp_path, "parquet")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), ("product_id,name,parent_id\n1,电池,\n".encode("gb18030"), "UTF-8")],
)
def test_files_that_are_no_tables_are_refused_with_the_file(tmp_path, content, why):
    (tmp_path / "products.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"table products: .*products\.csv .*{why}"):
        Dataset(tmp_path).read("products")


def test_a_broken_parquet_file_is_refused_with_the_file(tmp_path):
    (tmp_path / "products.parquet").write_bytes(b"PAR1 this is no parquet file PAR1")
    with pytest.raises(DatasetError, match=r"products\.parquet cannot be read as Parquet"):
        Dataset(tmp_path).read("products")


def test_folders_without_tables_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no table"):
        Dataset(tmp_path)
    with pytest.raises(DatasetError, match="is not a directory"):
        Dataset(tmp_path / "absent")
    (tmp_path / "products").mkdir()
    with pytest.raises(DatasetError, match="holds no Parquet part"):
        Dataset(tmp_path)


def test_columns_are_chosen_and_absent_optional_ones_are_empty(tmp_path):
    dataset = write(PRODUCTS[["product_id", "name", "parent_id"]], tmp_path, "parquet")
    read = dataset.read("products", ["product_id", "valid_from"])
    assert list(read.columns) == ["product_id", "valid_from"]
    assert read["valid_from"].isna().all()
    assert list(dataset.read("products").columns) == ["product_id", "name", "parent_id"]
    with pytest.raises(DatasetError, match="no column 'colour'"):
        dataset.read("products", ["colour"])


def test_unknown_columns_are_named_and_ignored(tmp_path):
    for form in ("csv", "parquet"):
        dataset = write(PRODUCTS.assign(colour="red"), tmp_path / form, form)
        assert dataset.parse("products").unknown_columns == ("colour",)
        assert "colour" not in dataset.read("products")


def test_lines_with_a_wrong_number_of_cells_keep_the_numbers_of_the_others(tmp_path):
    text = 'product_id,name,parent_id\na,"line\nbreak",\nb,x\nc,y,\nd,z,,\ne,w,\n'
    (tmp_path / "products.csv").write_text(text)
    parsed = Dataset(tmp_path).parse("products")
    assert parsed.frame["product_id"].tolist() == ["a", "c", "e"]
    assert parsed.numbers.tolist() == [1, 3, 5]
    assert [number for number, _ in parsed.ragged] == [2, 4]
    with pytest.raises(DatasetError, match="table products, row 2: a wrong number of cells"):
        Dataset(tmp_path).read("products")


def test_reading_names_the_first_unreadable_cell(tmp_path):
    (tmp_path / "products.csv").write_text(
        "product_id,name,parent_id,valid_from\na,x,,2020-01-01\nb,y,,soon\nc,z,,never\n"
    )
    with pytest.raises(
        DatasetError, match=r"table products, row 2, column valid_from: 'soon' .*\(2 such cells\)"
    ):
        Dataset(tmp_path).read("products")


def test_the_fingerprint_is_that_of_the_bytes(tmp_path):
    dataset = write(PRODUCTS, tmp_path, "parts")
    expected = hashlib.sha256()
    for part in sorted((tmp_path / "products").iterdir()):
        expected.update(part.read_bytes())
    assert dataset.fingerprint() == {"products": expected.hexdigest()}
