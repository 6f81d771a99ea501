"""A question of thousands of words asks the index for no more than it takes, and a name is still found by all of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from samgraph.errors import SnapshotError
from samgraph.graph.ask.search import MOST_WORDS, find_products, named_products
from samgraph.graph.db.driver import Graph


class Asked:
    """A graph that knows one product by its whole name and keeps what the index is asked."""

    def __init__(self, name: str) -> None:
        self.name, self.queries = name, list[str]()

    def read(self, statement: str, /, **params: Any) -> list[dict[str, Any]]:
        if statement == "basket/named":
            return [{"product_id": "p", "name": self.name}] if params["text"] == self.name else []
        if statement == "basket/search":
            self.queries.append(params["query"])
        return []


def test_thousands_of_words_are_too_many_for_the_index_and_no_error() -> None:
    long = " ".join(f"word{n}" for n in range(3000))
    asked = Asked(long)
    assert [match.product_id for match in find_products(cast(Graph, asked), long, {})] == ["p"]
    assert not asked.queries
    stranger = Asked("another name")
    with pytest.raises(SnapshotError, match="no product of"):
        named_products(cast(Graph, stranger), long, {"as_of": "2020-01-01"})
    assert all(query.count(" OR ") < 2 * MOST_WORDS for query in stranger.queries)
