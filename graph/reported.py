"""The edges of a day or a period as the server answers: by texts, or by its numbers of nodes where there are many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from samgraph.errors import GraphError
from samgraph.graph.connection import Graph

IntArray = npt.NDArray[np.int64]
_NO_DAY = np.iinfo(np.int64).min  # numpy's NaT, seen as an integer


@dataclass(frozen=True, eq=False)
class NodeNumbers:
    """The ids behind the server's numbers of companies and products; numbers [n_nodes] rise, ids [n_nodes]."""

    numbers: IntArray
    ids: npt.NDArray[np.object_]

    @classmethod
    def read(cls, graph: Graph) -> NodeNumbers:
        """Ask the server, beside the answer that they are for: a node that has an edge is never deleted."""
        rows = graph.read("node_numbers")
        numbers = joined(row["numbers"] for row in rows)
        order = np.argsort(numbers)
        return cls(numbers[order], objects(row["ids"] for row in rows)[order])

    def of(self, numbers: IntArray) -> npt.NDArray[np.object_]:
        """The ids of some nodes.

        Raises GraphError: a number that no company or product had.
        """
        place = np.searchsorted(self.numbers, numbers)
        if not np.array_equal(self.numbers.take(place, mode="clip"), numbers):
            raise GraphError(
                "the graph answered with an edge of a company or product that it does not have: nodes were removed "
                "meanwhile by another program; ask again"
            )
        return self.ids[place]


@dataclass(frozen=True, eq=False)
class Reported:
    """Edges as they were reported, in no order.

    Shapes:
        company, product: str [n_edges]; weight: float64 [n_edges]
        days: int64 [n_edges, 3]: period_end, announced_on, valid_from, as numpy counts them
    """

    company: npt.NDArray[np.object_]
    product: npt.NDArray[np.object_]
    weight: npt.NDArray[np.float64]
    days: IntArray

    @classmethod
    def by_numbers(cls, rows: list[dict[str, Any]], nodes: NodeNumbers) -> Reported:
        """Rows of as_of_sells."""
        return cls(
            nodes.of(joined(row["sources"] for row in rows)),
            nodes.of(joined(row["targets"] for row in rows)),
            weights(row["weights"] for row in rows),
            _spread(
                [[row["period_end"], row["announced_on"], row["valid_from"]] for row in rows],
                [len(row["weights"]) for row in rows],
            ),
        )

    @classmethod
    def by_texts(cls, reports: list[list[Any]]) -> Reported:
        """Column `reports` of the other statements as_of_*."""
        sizes = [len(report[4]) for report in reports]
        return cls(
            np.repeat(np.array([report[0] for report in reports], dtype=object), sizes),
            objects(report[4] for report in reports),
            weights(report[5] for report in reports),
            _spread([report[1:4] for report in reports], sizes),
        )


def joined(lists: Iterable[list[int]]) -> IntArray:
    """Lists of whole numbers as one array."""
    return np.array([number for items in lists for number in items], dtype=np.int64)


def objects(lists: Iterable[list[str]]) -> npt.NDArray[np.object_]:
    """Lists of texts as one array."""
    return np.array([item for items in lists for item in items], dtype=object)


def weights(lists: Iterable[list[float]]) -> npt.NDArray[np.float64]:
    """Lists of weights as one array."""
    return np.array([weight for items in lists for weight in items], dtype=np.float64)


def _spread(days: list[list[int | None]], sizes: list[int]) -> IntArray:
    """Days of reports as days of edges."""
    known = [[_NO_DAY if day is None else day for day in row] for row in days]
    return np.repeat(np.array(known, dtype=np.int64).reshape(-1, 3), sizes, axis=0)
