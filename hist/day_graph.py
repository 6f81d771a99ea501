"""The bipartite graph of a day and of a batch of days, and what a batch hears from the days before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from samgraph.hist.links import Links


@dataclass(frozen=True, eq=False)
class DayGraph:
    """One day's bipartite graph over that day's rows.

    Shapes:
        n_rows, n_concepts: sizes; concept_ids: int64 [n_concepts], positions in the series' concepts
        links: from rows to concepts; weight: [n_edges], share of revenue
    """

    n_rows: int
    n_concepts: int
    concept_ids: npt.NDArray[np.int64]
    links: Links
    weight: Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """A chunk of days.

    Shapes:
        row_sizes, concept_sizes: one a day, summing to n_rows and n_concepts
        links: from rows to concepts; weight: [n_edges]; cap: [n_rows], above 0
        yesterday: the days before and the value chain's links to their concepts, where the model hears them
        told: [n_rows, n_half_lives], what the rows' concepts returned lately without them, where the model is told
    """

    row_sizes: tuple[int, ...]
    concept_sizes: tuple[int, ...]
    links: Links
    weight: Tensor
    cap: Tensor
    yesterday: Yesterday | None = None
    told: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """Stocks of all days."""
        return sum(self.row_sizes)

    @property
    def n_concepts(self) -> int:
        """Concepts of all days, each counted on every day that it has an edge."""
        return sum(self.concept_sizes)


@dataclass(frozen=True, eq=False)
class Reach:
    """Links from a day's rows to concepts of the day before, with weights that sum to 1 over a row's links.

    Shapes:
        links: from rows to the earlier day's concepts; weight: float64 [n_links]
    """

    links: Links
    weight: Tensor


@dataclass(frozen=True, eq=False)
class Yesterday:
    """What a batch of days hears from the days before them.

    Shapes:
        batch: the graph of the days before, one for each day of the batch, without rows before the first day
        x: [batch.n_rows, d], the encoder's states of those rows
        up, down: from the batch's rows to `batch`'s concepts
    """

    batch: Batch
    x: Tensor
    up: Reach
    down: Reach
