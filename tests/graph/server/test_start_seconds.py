"""How long a local server may take to start is a setting."""

from __future__ import annotations

import pytest

from samgraph.errors import GraphError
from samgraph.graph.server.local import START_SECONDS, start_seconds


def test_a_start_may_take_as_long_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMGRAPH_NEO4J_START_SECONDS", raising=False)
    assert start_seconds() == START_SECONDS
    monkeypatch.setenv("SAMGRAPH_NEO4J_START_SECONDS", "600")
    assert start_seconds() == 600.0
    for wrong in ("soon", "0", "-1", "inf", "nan"):
        monkeypatch.setenv("SAMGRAPH_NEO4J_START_SECONDS", wrong)
        with pytest.raises(GraphError, match="give a number of seconds"):
            start_seconds()
