from __future__ import annotations

import pytest

from samgraph.words import many


@pytest.mark.parametrize(
    ("count", "thing", "said"),
    [
        (1, "company", "1 company"),
        (0, "company", "0 companies"),
        (1200, "holding", "1,200 holdings"),
        (2, "test day", "2 test days"),
        (1, "test day", "1 test day"),
    ],
)
def test_a_count_and_its_word_agree(count: int, thing: str, said: str) -> None:
    assert many(count, thing) == said
