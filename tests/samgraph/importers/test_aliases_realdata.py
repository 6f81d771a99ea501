"""The known changes of codes against published lists: one company, first under the old code and then under the new."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from samgraph.importers.aliases import A_SHARE_CHANGES


@pytest.mark.realdata
@pytest.mark.parametrize(("old", "new"), sorted(A_SHARE_CHANGES.items()))
def test_a_changed_code_is_one_company(shared_data: Any, old: str, new: str) -> None:
    """Listed on the day on which Shenwan first classified the old code, within a month; in index lists one after the
    other.
    """
    raw = shared_data / "raw"
    listed = pd.read_csv(raw / "cn_announcements" / "stock_list.csv", header=None, dtype=str).set_index(0)[3]
    assert old not in listed.index  # nothing trades under it any more
    classified = pd.read_csv(raw / "cn_shenwan_history" / "as_published_2026-06-06.csv", dtype=str)
    code, since = classified.columns[:2]
    first = pd.to_datetime(classified.loc[classified[code] == old[:6], since]).min()
    assert abs((pd.Timestamp(listed[new]) - first).days) <= 31
    weights = pd.read_parquet(raw / "cn_index_weights_total_return" / "csi800_weights.parquet")
    days = [weights.loc[weights["con_code"].str[:6] == one[:6], "trade_date"] for one in (old, new)]
    assert len(days[1]) and (not len(days[0]) or days[0].max() < days[1].min())
