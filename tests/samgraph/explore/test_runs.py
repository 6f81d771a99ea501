"""What the pages say of a company's scores in a run."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from samgraph.explore.runs import RunAnswers
from samgraph.graph.db.asof import AsOf

DAYS = pd.to_datetime(["2021-06-29", "2021-06-30"])


def answers_of(split: str) -> RunAnswers:
    rows = [
        (day, variant, "1.SZ", 0.1, 0.2, -0.4, score)
        for variant, score in (("gru", 0.3), ("industry", 0.2), ("product", 0.5))
        for day in DAYS
    ]
    columns = ["date", "variant", "company_id", "concept", "hidden", "individual", "score"]
    model: Any = SimpleNamespace(hist=lambda trading: SimpleNamespace(split=split))
    answers = RunAnswers.__new__(RunAnswers)
    answers.run = SimpleNamespace(  # type: ignore[assignment]
        table={"predictions": pd.DataFrame(rows, columns=columns)}.__getitem__,
        config=SimpleNamespace(variants=["product", "industry", "gru"], model=model, trading=None),
    )
    return answers


@pytest.mark.parametrize("split", ["exact", "heads"])
def test_last_scores_stand_in_the_runs_order_and_say_when_parts_leave_a_constant(split: str) -> None:
    found = answers_of(split).scores("1.SZ", AsOf(dt.date(2021, 6, 30)))["table"]
    assert [row["variant"] for row in found["rows"]] == ["product", "industry", "gru"]
    assert ("constant" in found["note"]) == (split == "exact")
