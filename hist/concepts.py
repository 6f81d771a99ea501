"""Predefined concepts: stock -> concept -> stock over the edges of an as-of snapshot.

HIST (arXiv 2110.13716), section 3.2, equations 3 to 8. A concept's initial state is the weighted mean of its
stocks,

    e_k = sum_i a_ik x_i,   a_ik = m_i w_ik / (eps + sum_j m_j w_jk),

with market cap m and revenue share w. It is then corrected: a softmax over stocks of x_i . e_k gives b_ik and
e'_k = sum_i b_ik x_i. Back to the stocks: a softmax over concepts of the cosine of x_i and e'_k.

attention="edges" takes both softmaxes over edges: a concept attends to its own stocks, a stock to its own
concepts. attention="all" takes them over all stocks and all concepts of the day, as published. The published
code multiplies the sum in the denominator by w_ik as well (`published_denominator`), so with eps small beside
it the revenue shares cancel; for binary edges both forms are the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samgraph.hist.attention import attend, cosine_attention
from samgraph.hist.batch import by_day
from samgraph.hist.config import HistConfig
from samgraph.hist.day_graph import Batch
from samgraph.hist.links import Links
from samgraph.hist.messages import WeightedSum, edge_cosine, edge_softmax


class PredefinedConcepts(nn.Module):
    """The shared information of the concepts that a stock belongs to, before its linear layer.

    Stocks without an edge receive zeros with "edges". Concepts without an edge are not part of a batch. On a
    day without any concept everyone receives zeros.

    Shapes:
        x: [n_rows, d]; output: [n_rows, d]
    """

    def __init__(self, config: HistConfig) -> None:
        super().__init__()
        self.config = config
        self.sum = WeightedSum()

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        states = self.states(x, batch)
        if self.config.attention == "edges":
            return edges_to_stocks(self.sum, x, states, batch.links, eps=self.config.cosine_eps)[0]
        days = zip(by_day(x, batch.row_sizes), by_day(states, batch.concept_sizes), strict=True)
        return torch.cat(
            [cosine_attention(rows, concepts, self.config.cosine_eps) for rows, concepts in days]
        )

    def states(self, x: Tensor, batch: Batch) -> Tensor:
        """Equations 3 to 5: the concepts' corrected states [n_concepts, d]."""
        states = self.initial(x, batch)
        if self.config.attention == "edges":
            return self.correct(x, states, batch.links)[0]
        if not self.config.correction:
            return states
        days = zip(by_day(x, batch.row_sizes), by_day(states, batch.concept_sizes), strict=True)
        return torch.cat(
            [attend(concepts, rows, rows) if len(concepts) else concepts for rows, concepts in days]
        )

    def initial(self, x: Tensor, batch: Batch) -> Tensor:
        """Equation 3: [n_concepts, d]."""
        links = batch.links
        mass = torch.ones_like(batch.weight) if self.config.binary_edges else batch.weight
        weight = mass
        if self.config.cap_weighted:
            mass = mass * batch.cap.index_select(0, links.source)
        total = mass.new_zeros(batch.n_concepts).index_add(0, links.target, mass)
        total = total.index_select(0, links.target)
        if self.config.published_denominator:
            total = total * weight
        states: Tensor = self.sum(x, links, mass / (self.config.eps + total))
        return states

    def correct(self, x: Tensor, states: Tensor, links: Links) -> tuple[Tensor, Tensor | None]:
        """Equations 4 and 5 over edges: corrected states, and concepts' attention to stocks [n_edges]."""
        if not self.config.correction:
            return states, None
        attention = edge_softmax(links.dot(x, states), links.target, len(states))
        return self.sum(x, links, attention), attention


def edges_to_stocks(
    add: WeightedSum, x: Tensor, states: Tensor, links: Links, *, eps: float
) -> tuple[Tensor, Tensor]:
    """Equations 6 and 7 over edges: each stock's cosine-weighted mean of the concepts that it is linked to.

    Shapes:
        x: [n_rows, d]; states: [n_concepts, d]; links: from rows to concepts
        output: [n_rows, d], and the attention [n_edges], summing to 1 over each stock's edges
    """
    attention = edge_softmax(edge_cosine(x, states, links, eps), links.source, len(x))
    return add.reverse(states, links, attention), attention


def concept_mean(part: Tensor, batch: Batch) -> Tensor:
    """What a part of the score says for a stock's concepts as wholes, [n_rows].

    Each concept's mean over its stocks, weighted by revenue share; each stock's mean over its concepts, weighted the
    same way; 0 for a stock without edges. The gradient flows through both means.
    """
    row, concept, weight = batch.links.source, batch.links.target, batch.weight
    per_concept = part.new_zeros(batch.n_concepts)
    size = per_concept.index_add(0, concept, weight)
    mean = per_concept.index_add(0, concept, weight * part.index_select(0, row)) / size
    per_row = part.new_zeros(batch.n_rows)
    total = per_row.index_add(0, row, weight)
    mean = mean.index_select(0, concept)
    return per_row.index_add(0, row, weight * mean) / torch.where(total > 0, total, 1.0)
