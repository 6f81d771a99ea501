"""The two operators that every concept module is made of: a weighted sum and a softmax along edges.

PyTorch Geometric is imported here only.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

with warnings.catch_warnings():
    # torch 2.10 and later deprecate torch.jit.script, which PyG still calls while it is imported.
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import MessagePassing
    from torch_geometric.utils import softmax


class WeightedSum(MessagePassing):  # type: ignore[misc]  # PyG ships no types
    """out_j = sum over edges (i, j) of alpha_ij x_i; a target without edges gets 0.

    Shapes:
        x: [n_sources, d]; edge_index: int64 [2, n_edges] (source, target); alpha: [n_edges]
        size: (n_sources, n_targets), explicit because targets may have no edge; output: [n_targets, d]
    """

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, x: Tensor, edge_index: Tensor, alpha: Tensor, size: tuple[int, int]) -> Tensor:
        out: Tensor = self.propagate(edge_index, x=(x, None), alpha=alpha, size=size)
        return out

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha.unsqueeze(-1) * x_j


def edge_softmax(logits: Tensor, index: Tensor, n_groups: int) -> Tensor:
    """Softmax of [n_edges] logits within the edges of each group."""
    out: Tensor = softmax(logits, index, num_nodes=n_groups)
    return out


def edge_dot(a: Tensor, b: Tensor, edge_index: Tensor) -> Tensor:
    """Inner product of both ends of each edge: [n_a, d], [n_b, d], [2, n_edges] -> [n_edges]."""
    return (a.index_select(0, edge_index[0]) * b.index_select(0, edge_index[1])).sum(dim=-1)


def unit(x: Tensor) -> Tensor:
    """Rows scaled to length 1; a row of zeros stays zero, with finite gradients."""
    square = (x * x).sum(dim=-1, keepdim=True)
    return x * torch.where(square > 0, square, 1.0).rsqrt()


def cosine_attention(queries: Tensor, keys: Tensor, eps: float) -> Tensor:
    """Softmax over keys of the cosine of each query and key, applied to the keys: [n, d], [m, d] -> [n, d].

    With `eps` it is added to the product of the norms, as in qlib. No keys give zeros.
    """
    if len(keys) == 0:
        return torch.zeros_like(queries)
    if eps == 0:
        return attend(unit(queries), unit(keys), keys)
    norms = torch.outer(queries.norm(dim=1), keys.norm(dim=1))
    return torch.softmax(queries @ keys.T / (norms + eps), dim=1) @ keys


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(queries keys^T) values, without holding the [n_queries, n_keys] matrix."""
    out = torch.nn.functional.scaled_dot_product_attention(
        queries[None, None], keys[None, None], values[None, None], scale=1.0
    )
    return out[0, 0]
