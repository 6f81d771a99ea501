"""Frames that are held on the disk come back as they were, in their order, as often as they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from samgraph.graph.dataset import files
from samgraph.graph.dataset.parts import Parts
from samgraph.graph.dataset.tables import TABLES


def frame(begin: int, rows: int) -> pd.DataFrame:
    number = np.arange(begin, begin + rows)
    weight = np.where(number % 3 == 0, np.nan, number / 7)
    names = pd.Series([f"公司 {one}" for one in number], dtype="str")
    return pd.DataFrame({"start": names, "weight": weight, "valid_from": number - 2**40})


def test_frames_beyond_the_rows_in_memory_come_back_unchanged():
    given = [frame(0, 4), frame(4, 6), frame(10, 1), frame(11, 0), frame(11, 30)]
    held = Parts(10)
    for part in given:
        held.append(part)
    assert len(held) == 5 and held.rows == 41
    first, second = iter(held), iter(held)  # two readers at once, as two lanes are
    for expected in given:
        for reader in (first, second):
            pd.testing.assert_frame_equal(next(reader), expected)
    assert sum(isinstance(part, pd.DataFrame) for part in held._parts) == 2


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_table_in_parts_is_whole_and_holds_no_more_memory_the_more_rows_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(files, "PART_ROWS", 1_000)
    monkeypatch.setattr(files, "_BLOCK", 1 << 14)
    rng, held = np.random.default_rng(0), {}
    for rows in (20_000, 160_000):
        bars = {name: rng.random(rows) for name in ("open", "high", "low", "close", "volume", "market_cap")}
        bars["company_id"] = np.array([f"{one:06d}.SZ" for one in range(rows)])
        bars["date"] = np.full(rows, np.datetime64("2024-01-02", "s"))
        table, file = pa.table(bars), tmp_path / f"bars-{rows}.{kind}"
        if kind == "csv":
            pyarrow.csv.write_csv(table, file)
        else:
            pyarrow.parquet.write_table(table, file, row_group_size=300)
        found = files.read_parts(TABLES["bars"], [file], None)
        assert found is not None
        before, peak, ids = pa.total_allocated_bytes(), 0, []
        for part in found:
            peak = max(peak, pa.total_allocated_bytes() - before)
            assert part.num_rows <= 1_000 or kind == "parquet"
            ids.extend(part.column("company_id").to_pylist())
        assert ids == bars["company_id"].tolist()
        held[rows] = peak
    assert held[160_000] < 1.5 * held[20_000]
