"""Which index is the benchmark, and whether it holds dividends: by `kind`, by the name, by the days that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from samgraph.errors import ConfigError, DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.run.indexes import indexes

DATES = pd.bdate_range("2021-01-04", periods=6).as_unit("s")


def dataset(folder: Path, rows: dict[str, tuple[int, str]]) -> Dataset:
    """Of each index its levels from the day of that number on, and its kind."""
    frames = [
        pd.DataFrame({"benchmark": name, "date": DATES[first:].date, "close": 100.0 + first, "kind": kind})
        for name, (first, kind) in rows.items()
    ]
    folder.mkdir(exist_ok=True)
    pd.concat(frames).to_csv(folder / "benchmarks.csv", index=False)
    return Dataset(folder)


def chosen(data: Dataset, named: str | None = None, needed: int = 2) -> list[tuple[str, str]]:
    return [(one.name, one.kind) for one in indexes(data, "X", named, DATES, DATES[needed:])]


def test_the_total_return_index_is_the_benchmark_and_the_price_index_stands_beside_it(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"X": (0, ""), "XTR": (2, ""), "YTR": (0, "")})
    assert chosen(data) == [("XTR", "total_return"), ("X", "price")]
    assert chosen(data, named="X") == [("X", "price"), ("XTR", "total_return")]  # as it was asked for
    assert chosen(data, named="YTR") == [("YTR", "total_return")]
    found = indexes(data, "X", None, DATES, DATES[2:])
    np.testing.assert_array_equal(found[0].level, [np.nan, np.nan, 102, 102, 102, 102])


def test_a_total_return_index_that_lacks_a_day_that_is_needed_is_not_chosen_by_itself(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"X": (0, ""), "XTR": (3, "")})
    assert chosen(data) == [("X", "price"), ("XTR", "total_return")]
    assert chosen(data, named="XTR")[0] == ("XTR", "total_return")


def test_the_kind_stands_above_the_name(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"X": (0, "total_return"), "XTR": (0, "price")})
    assert chosen(data) == [("X", "total_return"), ("XTR", "price")]
    alone = dataset(tmp_path / "alone", {"TR": (0, "")})
    assert [(one.name, one.kind) for one in indexes(alone, "TR", None, DATES, DATES)] == [("TR", "price")]
    for kind in ("gross", "price,total_return"):
        wrong = dataset(tmp_path / "wrong", {"X": (0, "price"), "XTR": (0, kind)})
        with pytest.raises(DatasetError, match="its kind must be total_return or price"):
            chosen(wrong)


def test_no_index_and_an_unknown_one(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("product_id\n", encoding="utf-8")
    assert indexes(Dataset(tmp_path), "X", None, DATES, DATES) == ()
    data = dataset(tmp_path, {"Y": (0, "")})
    assert chosen(data) == []
    with pytest.raises(ConfigError, match=r"benchmark 'Z' is not in table benchmarks \(there: Y\)"):
        chosen(data, named="Z")
