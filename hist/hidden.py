"""Hidden concepts: groups of stocks that move alike and that no table names.

HIST (arXiv 2110.13716), section 3.3, on the residual r = x - backcast. One hidden concept starts from each
stock. Stock i links to the K concepts j whose origin is most like it by cosine (its own counts as 0, as the
published code has it: the diagonal is set to zero before the search), weighted by that cosine. A concept that
somebody links to also links to its own stock with weight 1; one that nobody links to drops out. Its state is
the weighted sum of its stocks' residuals; back to the stocks as for predefined concepts.

With attention="edges" a stock hears from the hidden concepts that it is linked to, with "all" from every one
of its day. Equal cosines are taken in the order of the rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samgraph.hist.attention import cosine_attention
from samgraph.hist.batch import by_day
from samgraph.hist.concepts import edges_to_stocks
from samgraph.hist.config import HistConfig
from samgraph.hist.day_graph import Batch
from samgraph.hist.kernels import on_card
from samgraph.hist.links import Links
from samgraph.hist.messages import WeightedSum, edge_cosine, unit

SEARCH_CELLS = 4_000_000  # similarities held at once in the search for neighbours
CARD_CELLS = 64_000_000  # the same on a graphics card


class HiddenConcepts(nn.Module):
    """The shared information of the hidden concepts, before its linear layer.

    Shapes:
        r: [n_rows, d]; output: [n_rows, d]
    """

    def __init__(self, config: HistConfig) -> None:
        super().__init__()
        self.config = config
        self.sum = WeightedSum()

    def forward(self, r: Tensor, batch: Batch) -> Tensor:
        links = hidden_links(r, batch.row_sizes, self.config.neighbours)
        eps = self.config.cosine_eps
        states = self.sum(r, links, edge_cosine(r, r, links, eps))
        if self.config.attention == "edges":
            return edges_to_stocks(self.sum, r, states, links, eps=eps)[0]
        linked = links.target_ptr.diff() > 0
        shared = []
        days = zip(*(by_day(part, batch.row_sizes) for part in (r, states, linked)), strict=True)
        for rows, concepts, kept in days:
            shared.append(cosine_attention(rows, concepts[kept], eps))
        return torch.cat(shared)


def hidden_links(r: Tensor, sizes: tuple[int, ...], k: int) -> Links:
    """Links from stocks to hidden concepts, those of each linked concept to its own stock among them.

    A concept's link to its own stock weighs, like every other, the cosine of both: 1.
    """
    n = len(r)
    found = nearest(r, sizes, k)
    linked = torch.zeros(n, dtype=torch.bool, device=r.device).index_fill_(0, found[1], True)
    own = linked.nonzero().squeeze(1)
    key = torch.cat([found[0] * n + found[1], own * n + own]).sort().values
    return Links.of(key // max(n, 1), key % max(n, 1), n, n)


@torch.no_grad()
def nearest(r: Tensor, sizes: tuple[int, ...], k: int) -> Tensor:
    """Links (stock, hidden concept) of each day's k most similar others, those of weight 0 left out.

    Shapes:
        r: [n_rows, d], day after day of `sizes` rows; output: int64 [2, n_links]
    """
    values, start = r.new_zeros(len(r), k), 0
    columns = torch.zeros_like(values, dtype=torch.int64)
    for rows in by_day(unit(r), sizes):
        n = len(rows)
        cells = CARD_CELLS if on_card(r.device) else SEARCH_CELLS
        step = max(1, cells // max(n, 1))
        for first in range(0, n, step):
            similarity = rows[first : first + step] @ rows.T
            similarity.diagonal(first).zero_()
            value, column = _top(similarity, min(k, n))
            part = slice(start + first, start + first + len(value))
            values[part, : value.shape[1]] = value
            torch.add(column, start, out=columns[part, : value.shape[1]])
        start += n
    row, place = values.nonzero(as_tuple=True)
    return torch.stack([row, columns[row, place]])


def _top(similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row; among equals the first. (torch.topk leaves the order of equals open.)"""
    value, column = similarity.topk(min(k + 1, similarity.shape[1]), dim=1)
    tied = (value[:, :-1] == value[:, 1:]).any(dim=1)
    if bool(tied.any()):
        ordered, place = similarity[tied].sort(dim=1, descending=True, stable=True)
        value[tied], column[tied] = ordered[:, : value.shape[1]], place[:, : value.shape[1]]
    return value[:, :k], column[:, :k]
