"""Answers by the server's numbers of nodes are turned into ids, or refused; never taken for a neighbour's."""

from __future__ import annotations

import numpy as np
import pytest

from samgraph.errors import GraphError
from samgraph.graph.ask.reported import Numbered

NODES = Numbered.of([9, 2, 5], ["a", "c", "b"])


def test_numbers_become_the_ids_of_their_nodes() -> None:
    assert NODES.ids == ("a", "b", "c")
    assert NODES.places(np.array([9, 2, 9, 5])).tolist() == [0, 2, 0, 1]
    assert NODES.names(np.array([9, 2, 9])).tolist() == ["a", "c", "a"]
    assert NODES.places(np.array([], dtype=np.int64)).tolist() == []


@pytest.mark.parametrize("number", [1, 3, 10])
def test_a_number_of_no_node_is_refused(number: int) -> None:
    with pytest.raises(GraphError, match="does not have"):
        NODES.places(np.array([2, number]))
