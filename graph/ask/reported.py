"""The edges of a day or a period as the server answers: by texts, or by its numbers of nodes where there are many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from samgraph.errors import GraphError
from samgraph.graph.db.driver import Graph

IntArray = npt.NDArray[np.int64]
_NO_DAY = np.iinfo(np.int64).min  # numpy's NaT, seen as an integer


@dataclass(frozen=True, eq=False)
class Numbered:
    """The nodes of a label, and the server's numbers of them.

    Shapes:
        ids: [n_nodes], sorted
        numbers: int64 [n_nodes], rising; place: int64 [n_nodes], the position in `ids` of each
    """

    ids: tuple[str, ...]
    numbers: IntArray
    place: IntArray

    @classmethod
    def of(cls, numbers: list[int], ids: list[str]) -> Numbered:
        """From both lists in one order, whatever it is."""
        by_id = sorted(zip(ids, numbers, strict=True))
        in_order = np.array([number for _, number in by_id], dtype=np.int64)
        place = np.argsort(in_order)
        return cls(tuple(name for name, _ in by_id), in_order[place], place)

    def places(self, numbers: IntArray) -> IntArray:
        """The positions in `ids` of some nodes.

        Raises GraphError: a number that no node of the label had.
        """
        found = np.searchsorted(self.numbers, numbers)
        if not np.array_equal(self.numbers.take(found, mode="clip"), numbers):
            raise GraphError(
                "the graph answered with an edge of a company or product that it does not have: nodes were removed "
                "meanwhile by another program; ask again"
            )
        return self.place[found]

    def names(self, numbers: IntArray) -> npt.NDArray[np.object_]:
        """The ids of some nodes; raises as `places` does."""
        return np.array(self.ids, dtype=object)[self.places(numbers)]


@dataclass(frozen=True, eq=False)
class NodeNumbers:
    """The ids behind the server's numbers of companies and products."""

    companies: Numbered
    products: Numbered

    @classmethod
    def read(cls, graph: Graph) -> NodeNumbers:
        """Ask the server, beside the answer that they are for: a node that has an edge is never deleted."""
        row = graph.read("as_of/node_numbers")[0]
        return cls(
            *(Numbered.of(row[f"{kind}_numbers"], row[f"{kind}_ids"]) for kind in ("company", "product"))
        )


@dataclass(frozen=True, eq=False)
class Reported:
    """Edges as they were reported, in no order.

    Shapes:
        companies, products: ids, sorted; those of the edges and perhaps more
        company, product: int64 [n_edges], positions in these; weight: float64 [n_edges]
        days: int64 [n_edges, 3]: period_end, announced_on, valid_from, as numpy counts them
    """

    companies: tuple[str, ...]
    products: tuple[str, ...]
    company: IntArray
    product: IntArray
    weight: npt.NDArray[np.float64]
    days: IntArray

    @classmethod
    def by_numbers(cls, rows: list[dict[str, Any]], nodes: NodeNumbers) -> Reported:
        """Rows of as_of_sells."""
        return cls(
            nodes.companies.ids,
            nodes.products.ids,
            nodes.companies.places(joined(row["sources"] for row in rows)),
            nodes.products.places(joined(row["targets"] for row in rows)),
            weights(row["weights"] for row in rows),
            _spread(
                [[row["period_end"], row["announced_on"], row["valid_from"]] for row in rows],
                [len(row["weights"]) for row in rows],
            ),
        )

    @classmethod
    def by_texts(
        cls, reports: list[list[Any]], companies: Iterable[str], products: Iterable[str]
    ) -> Reported:
        """Column `reports` of the other statements as_of_*; with ids that shall be among those of the edges."""
        sizes = [len(report[4]) for report in reports]
        firms = tuple(sorted({*companies, *(report[0] for report in reports)}))
        goods = tuple(sorted({*products, *chain.from_iterable(report[4] for report in reports)}))
        firm = {name: number for number, name in enumerate(firms)}
        good = {name: number for number, name in enumerate(goods)}
        return cls(
            firms,
            goods,
            np.repeat(np.array([firm[report[0]] for report in reports], dtype=np.int64), sizes),
            joined([good[name] for name in report[4]] for report in reports),
            weights(report[5] for report in reports),
            _spread([report[1:4] for report in reports], sizes),
        )


def joined(lists: Iterable[list[int]]) -> IntArray:
    """Lists of whole numbers as one array."""
    return np.array(list(chain.from_iterable(lists)), dtype=np.int64)


def objects(lists: Iterable[list[str]]) -> npt.NDArray[np.object_]:
    """Lists of texts as one array."""
    return np.array(list(chain.from_iterable(lists)), dtype=object)


def weights(lists: Iterable[list[float]]) -> npt.NDArray[np.float64]:
    """Lists of weights as one array."""
    return np.array(list(chain.from_iterable(lists)), dtype=np.float64)


def _spread(days: list[list[int | None]], sizes: list[int]) -> IntArray:
    """Days of reports as days of edges."""
    known = [[_NO_DAY if day is None else day for day in row] for row in days]
    return np.repeat(np.array(known, dtype=np.int64).reshape(-1, 3), sizes, axis=0)
