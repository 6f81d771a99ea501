"""What the value chain says: yesterday's concept states of the suppliers and the customers of a stock's products.

On day t, with w the stock's revenue shares of that day, A_sk the day's link from supplier concept s to customer
concept k (`samgraph.graph.series.value_chain`), and e'_s the corrected concept states of day t - 1 over that day's own
stocks and edges:

    up_i   = sum_s g_is e'_s / sum_s g_is,   g_is = sum_k w_ik A_sk    (suppliers)
    down_i = sum_s h_is e'_s / sum_s h_is,   h_is = sum_k w_ik A_ks    (customers)

over the concepts that had stocks on day t - 1; 0 where there is none. Both pass a linear map without bias, which
starts at zero, and are added to what the stock receives from its own concepts: at the first step the model is the
one without value chain. The lag of a day is what a shock needs to travel, and nothing of day t reaches a neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from samgraph.graph.series.chain_links import ChainLinks
from samgraph.hist.day_graph import Reach, Yesterday
from samgraph.hist.links import Links
from samgraph.hist.messages import WeightedSum

if TYPE_CHECKING:
    from samgraph.hist.day_graph import DayGraph


class ChainMessages(nn.Module):
    """Adds what suppliers and customers said yesterday to what a stock receives from its concepts.

    Shapes:
        states: [n_concepts of the days before, d]; output: [n_rows, d]
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.zeros(hidden_size, hidden_size))
        self.down = nn.Parameter(torch.zeros(hidden_size, hidden_size))
        self.sum = WeightedSum()

    def forward(self, states: Tensor, yesterday: Yesterday) -> Tensor:
        received = [
            self.sum.reverse(states, reach.links, reach.weight.to(states.dtype)) @ matrix.T
            for reach, matrix in ((yesterday.up, self.up), (yesterday.down, self.down))
        ]
        return received[0] + received[1]


def reach(
    today: DayGraph, before: DayGraph, chain: ChainLinks, n_concepts: int, *, binary: bool
) -> tuple[Reach, Reach]:
    """One day's links up and down the value chain, over its rows and the earlier day's concepts."""
    device = today.weight.device
    source, target = today.links.source.cpu().numpy(), today.links.target.cpu().numpy()
    weight = np.ones(len(source)) if binary else today.weight.cpu().numpy().astype(np.float64)
    sells = sparse.csr_array((weight, (source, today.concept_ids[target])), shape=(today.n_rows, n_concepts))
    supplies = sparse.csr_array(
        (chain.weight.astype(np.float64), (chain.supplier, chain.customer)), shape=(n_concepts, n_concepts)
    )
    return (
        _reach(sells @ supplies.T, before.concept_ids, device),
        _reach(sells @ supplies, before.concept_ids, device),
    )


def _reach(matrix: sparse.csr_array, concepts: npt.NDArray[np.int64], device: torch.device) -> Reach:
    kept = sparse.csr_array(matrix[:, concepts])
    kept.sum_duplicates()
    row = np.repeat(np.arange(kept.shape[0]), np.diff(kept.indptr))
    total = np.bincount(row, weights=kept.data, minlength=kept.shape[0])
    return Reach(
        Links.of(
            torch.from_numpy(row.astype(np.int64)).to(device),
            torch.from_numpy(kept.indices.astype(np.int64)).to(device),
            *kept.shape,
        ),
        torch.from_numpy(kept.data / total[row]).to(device),
    )


def collate_reach(parts: Sequence[Reach]) -> Reach:
    """Several days' links as one block-diagonal graph."""
    return Reach(
        Links.block_diagonal([part.links for part in parts]), torch.cat([part.weight for part in parts])
    )
