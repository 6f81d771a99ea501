"""The report's section on the risk contest says who won what, and is left out where there was none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from samgraph.report.contest import MEASURES, risk_contest
from samgraph.run.table_registry import registered


def run_with(frame: pd.DataFrame | None) -> Any:
    return SimpleNamespace(
        has=lambda name: name == "risk_contest" and frame is not None, table=lambda name: frame
    )


def contest_rows() -> pd.DataFrame:
    rows = []
    for place, measure in enumerate(MEASURES):
        rows.append(
            (
                measure,
                "product",
                1.0,
                1.1,
                0.2,
                0.22,
                "industry",
                0.1 * (-1) ** place,
                3.0,
                0.01 if place < 3 else 0.4,
            )
        )
        rows.append((measure, "industry", 1.1, 1.2, 0.2, 0.22, "", float("nan"), float("nan"), float("nan")))
    frame = pd.DataFrame(rows, columns=list(registered("risk_contest").columns[:-2]))
    return frame.assign(n_days=100, n=50.0)


def test_the_section_counts_what_each_is_better_on() -> None:
    page = risk_contest(run_with(contest_rows()))
    assert "Of 7 measures over 100 days" in page
    assert "better than industries on 2, worse on 1, and not told apart on 4" in page
    assert page.count("<tr>") == 15 and "× 10⁴" in page


def test_no_table_no_section() -> None:
    assert risk_contest(run_with(None)) == ""
