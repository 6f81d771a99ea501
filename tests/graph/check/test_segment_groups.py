"""A table of segments of any size is met by groups of companies, and nothing of it is lost or told otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles import small

from samgraph.graph.check import groups as row_groups
from samgraph.graph.check.dataset import check
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.segment_groups import SegmentGroups
from samgraph.graph.dataset.folder import Dataset


@pytest.fixture
def large(tmp_path: Path) -> Dataset:
    """Two hundred companies of five rows, mixed up, with faults that only the whole report shows."""
    rng = np.random.default_rng(4)
    tables = small.tables()
    tables["companies"] = [{"company_id": f"c{number}", "name": "c"} for number in range(200)]
    tables["products"] = [{"product_id": f"p{number}", "name": "p", "parent_id": ""} for number in range(5)]
    tables["segments"] = [
        small.report(f"c{number}", f"p{k}", "2020-12-31", "2021-02-10", 0.25 if number % 50 == 7 else 0.2)
        for number in range(200)
        for k in range(5)
    ]
    tables["segments"] = [tables["segments"][i] for i in rng.permutation(1000)]
    tables["segments"] += [dict(tables["segments"][3]), dict(tables["segments"][5], weight=0.1)]
    for name in ("universes", "company_industries", "industries", "product_links"):
        tables.pop(name, None)
    return Dataset(small.write(tmp_path / "d", tables))


def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "AT_ONCE", 20)
    monkeypatch.setattr(row_groups, "KEPT_ROWS", 64)


def test_every_row_comes_once_in_its_place_and_companies_stay_whole(
    large: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = SegmentGroups.of(large, Findings())
    small_groups(monkeypatch)
    groups = list(SegmentGroups.of(large, Findings()))
    assert len(groups) > 20
    pd.testing.assert_frame_equal(pd.concat(groups).sort_index(), whole)
    assert whole.index.tolist() == list(range(1002))
    companies = [name for group in groups for name in group["company_id"].unique()]
    assert len(companies) == len(set(companies)) == 200
    assert all(group.index.is_monotonic_increasing for group in groups)


def test_checks_by_groups_say_what_the_checks_of_the_whole_say(
    large: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = check(large)
    (rows,) = whole.segments
    small_groups(monkeypatch)
    parted = check(large)
    # four reports of 1.25, an exact repeat, and two rows that contradict each other
    assert len(whole.rejected) >= 4 * 5 + 2 and whole.counts.loc["segments", "merged"] == 1
    pd.testing.assert_frame_equal(parted.rejected, whole.rejected)
    pd.testing.assert_frame_equal(parted.counts, whole.counts)
    pd.testing.assert_frame_equal(pd.concat(list(parted.segments)).sort_index(), rows)
