"""Tricks with paths and packing in a dataset's folder: refused before anything is opened, in one sentence."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from oracles import small

from samgraph.errors import DatasetError
from samgraph.graph.check.dataset import check
from samgraph.graph.dataset import paths as table_paths
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers import reading


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small.write(tmp_path / "data", small.tables())


@pytest.mark.parametrize("name", ["companies.csv", "companies.parquet", "companies"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside" / name
    outside.parent.mkdir()
    table = pd.DataFrame(small.tables()["companies"])
    if name == "companies":
        outside.mkdir()
        table.to_parquet(outside / "a.parquet")
    else:
        table.to_csv(outside) if name.endswith("csv") else table.to_parquet(outside)
    (folder / "companies.csv").unlink()
    (folder / name).symlink_to(outside)
    with pytest.raises(
        DatasetError, match=rf"table companies: .*{name} is a link out of the dataset's folder"
    ):
        Dataset(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("../outside/" + name)
    with pytest.raises(DatasetError, match="is a link out of"):
        Dataset(folder)


@pytest.mark.parametrize("target", ["nothing.csv", "companies.csv"])
def test_a_link_to_nothing_or_to_itself_is_refused_not_passed_over(folder: Path, target: str) -> None:
    (folder / "companies.csv").unlink()
    (folder / "companies.csv").symlink_to(target)
    with pytest.raises(DatasetError, match=r"companies\.csv is a link that leads nowhere"):
        Dataset(folder)


def test_a_link_inside_the_folder_and_a_linked_folder_are_read(folder: Path, tmp_path: Path) -> None:
    (folder / "companies.csv").rename(folder / "companies_2024.txt")
    (folder / "companies.csv").symlink_to("companies_2024.txt")
    (tmp_path / "linked").symlink_to(folder)
    assert len(Dataset(tmp_path / "linked").read("companies")) == 3


def test_a_part_that_is_a_link_out_or_a_linked_folder_of_parts_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "companies.csv").unlink()
    (folder / "companies").mkdir()
    table = pd.DataFrame(small.tables()["companies"])
    table.to_parquet(folder / "companies" / "a.parquet")
    table.to_parquet(tmp_path / "b.parquet")
    (folder / "companies" / "b.parquet").symlink_to(tmp_path / "b.parquet")
    with pytest.raises(DatasetError, match=r"b\.parquet is a link out of"):
        Dataset(folder)
    (folder / "companies" / "b.parquet").unlink()
    (tmp_path / "more").mkdir()
    table.to_parquet(tmp_path / "more" / "c.parquet")
    (folder / "companies" / "more").symlink_to(tmp_path / "more")
    with pytest.raises(DatasetError, match="more is a link to a folder"):
        Dataset(folder)


def test_a_pipe_or_a_folder_in_place_of_a_file_is_refused_at_once(folder: Path) -> None:
    path = folder / "companies.csv"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetError, match=r"companies\.csv is no regular file"):
        Dataset(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(DatasetError, match=r"companies\.csv is no regular file"):
        Dataset(folder)
    path.rmdir()
    (folder / "companies").write_bytes(b"")
    with pytest.raises(DatasetError, match="is not a folder"):
        Dataset(folder)
    (folder / "companies").unlink()
    (folder / "companies").mkdir()
    os.mkfifo(folder / "companies" / "a.parquet")
    with pytest.raises(DatasetError, match=r"a\.parquet is no regular file"):
        Dataset(folder)


def test_a_device_is_refused(folder: Path) -> None:
    (folder / "companies.csv").unlink()
    (folder / "companies.csv").symlink_to("/dev/zero")
    with pytest.raises(DatasetError, match="is a link out of"):
        Dataset(folder)


def test_archives_and_other_names_beside_the_tables_are_never_opened(folder: Path) -> None:
    for name in ("products.csv.gz", "products.zip", "bars.tar", "..csv", "import.py", "x.pkl"):
        os.mkfifo(folder / name)  # whoever opened one would wait for ever
    assert len(Dataset(folder).read("products")) == 7


def test_few_bytes_that_unpack_to_more_than_the_memory_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bars.csv").unlink()
    table = pa.table(
        {"date": pa.array(["2021-03-29"] * 500_000).dictionary_encode(), "close": np.zeros(500_000)}
    )
    pyarrow.parquet.write_table(table, folder / "bars.parquet", compression="zstd")
    assert (folder / "bars.parquet").stat().st_size < 5_000
    monkeypatch.setattr(table_paths, "room", lambda: 900_000)
    with pytest.raises(
        DatasetError, match=r"bars\.parquet of .* bytes says that it holds 500,000 rows.*memory"
    ):
        Dataset(folder).parse("bars")


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_a_long_text_that_a_dictionary_repeats_is_refused_before_it_is_unpacked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, as_dictionary: bool
) -> None:
    """600 bytes of file that become 6 GB: Arrow reads a text as often as there are rows, said to be one or not."""
    (folder / "companies.csv").unlink()
    text = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(3_000, dtype=np.int32)), pa.array(["x" * 2_000_000])
    )
    path = folder / "companies.parquet"
    table = pa.table({"company_id": text, "name": text})
    pyarrow.parquet.write_table(table, path, compression="zstd", store_schema=as_dictionary)
    assert path.stat().st_size < 1_500
    monkeypatch.setattr(table_paths, "room", lambda: 2**30)
    for read in (
        lambda: Dataset(folder).parse("companies"),
        lambda: list(Dataset(folder).parse_parts("companies")),
    ):
        with pytest.raises(
            DatasetError, match=r"companies\.parquet of [\d,]+ bytes unpacks to texts of more than half"
        ):
            read()
    monkeypatch.setattr(table_paths, "room", lambda: 2**35)
    table_paths.require_room("companies", path, pyarrow.parquet.read_metadata(path))  # 12 GB: there is room


def test_values_within_one_row_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bars.csv").unlink()
    zeros = pa.ListArray.from_arrays(pa.array([0, 2_000_000], pa.int32()), pa.array(np.zeros(2_000_000)))
    pyarrow.parquet.write_table(pa.table({"close": zeros}), folder / "bars.parquet", compression="zstd")
    monkeypatch.setattr(table_paths, "room", lambda: 1_500_000)
    with pytest.raises(
        DatasetError, match=r"bars\.parquet of [\d,]+ bytes says that it holds 1 rows.*memory"
    ):
        Dataset(folder).parse("bars")


@pytest.mark.parametrize(
    "name", ["daily.csv.gz", "daily.json.gz", "daily.csv", "daily.json", "daily.parquet"]
)
def test_a_vendor_s_file_that_unpacks_to_more_than_half_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Two members of zeros in one gzip file, each small enough by itself."""
    path = tmp_path / name
    half = b'{"ts_code": "1"}\n' * 20_000 if "json" in name else b"ts_code\n" + b"1\n" * 200_000
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(half) + gzip.compress(half))
        assert path.stat().st_size < 5_000
    elif name.endswith("parquet"):
        table = pa.table(
            {"date": pa.array(["2021-03-29"] * 500_000).dictionary_encode(), "x": np.zeros(500_000)}
        )
        pyarrow.parquet.write_table(table, path, compression="zstd")
    else:
        path.write_bytes(half + half)
    monkeypatch.setattr(table_paths, "room", lambda: 3_000_000)
    if not name.endswith("parquet"):  # it says itself what it unpacks to
        assert len(reading.read("daily", [path])) > 30_000
    monkeypatch.setattr(table_paths, "room", lambda: 900_000)
    for reader in ("decompress", "loads"):
        monkeypatch.setattr(gzip if reader == "decompress" else json, reader, None)
    with pytest.raises(DatasetError, match=rf"{name} of [\d,]+ bytes .*memory"):
        reading.read("daily", [path])


@pytest.mark.parametrize("packing", ["zip", "bz2", "xz", "tar"])
def test_no_vendor_s_file_is_unpacked_but_gzip(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"segments.csv.{packing}"
    pd.DataFrame({"symbol": ["A"]}).to_csv(path, index=False)
    assert path.read_bytes()[:6] != b"symbol"
    with pytest.raises(DatasetError, match=r"segments\.csv\.\w+ .*(UTF-8|cannot be read|lacks)"):
        reading.read("segments", [path]).require("symbol")


def test_a_pipe_among_a_vendor_s_files_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    os.mkfifo(tmp_path / "daily" / "a.csv")
    with pytest.raises(DatasetError, match=r"a\.csv is no regular file"):
        reading.needed(tmp_path, "daily")


@pytest.mark.parametrize(
    "days",
    [pa.array([2**31 - 1] * 12, pa.int32()).cast(pa.date32()), pa.array([2**62] * 12, pa.timestamp("ms"))],
)
def test_days_beyond_the_calendar_are_listed_as_they_are(folder: Path, days: pa.Array) -> None:
    (folder / "bars.csv").unlink()
    table = pa.Table.from_pylist(small.tables()["bars"])
    table = table.set_column(table.column_names.index("date"), "date", days)
    pyarrow.parquet.write_table(table, folder / "bars.parquet")
    report = check(Dataset(folder))
    assert len(report.rejected) == 12 and report.rejected["reason"].str.contains("date").all()
    assert "out of range" in str(Dataset(folder).parse("bars").values(0)["date"])
