"""Answers by the server's numbers of nodes are turned into ids, or refused; never taken for a neighbour's."""

from __future__ import annotations

import numpy as np
import pytest

from samgraph.errors import GraphError
from samgraph.graph.reported import NodeNumbers

NODES = NodeNumbers(np.array([2, 5, 9]), np.array(["a", "b", "c"], dtype=object))


def test_numbers_become_the_ids_of_their_nodes() -> None:
    assert NODES.of(np.array([9, 2, 9])).tolist() == ["c", "a", "c"]
    assert NODES.of(np.array([], dtype=np.int64)).tolist() == []


@pytest.mark.parametrize("number", [1, 3, 10])
def test_a_number_of_no_node_is_refused(number: int) -> None:
    with pytest.raises(GraphError, match="does not have"):
        NODES.of(np.array([2, number]))
