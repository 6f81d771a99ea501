"""The tool that measures the size of a run's tests is run here on the smallest economy it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "tools"


@pytest.mark.slow
def test_an_economy_with_nothing_planted_is_examined_by_the_run_s_own_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    before = list(sys.path)
    try:
        import null_economies

        found = null_economies.examine(0, small=True)
    finally:
        sys.path[:] = before
    assert found["maker"] == "families" and found["days"] == 256
    assert len(found["parts"]) == 8
    p_values = [found["p_value"], found["rank_ic_p_value"], *found["parts"].values()]
    assert all(0.0 < p <= 1.0 for p in p_values)
