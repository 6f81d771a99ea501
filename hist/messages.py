"""The operators that every concept module is made of: weighted sums, softmax and cosine along edges.

PyTorch Geometric is imported here only.
"""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from samgraph.hist.links import Links

with warnings.catch_warnings():
    # torch 2.10 and later deprecate torch.jit.script, which PyG still calls while it is imported.
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import MessagePassing
    from torch_geometric.utils import softmax


class WeightedSum(MessagePassing):  # type: ignore[misc]  # PyG ships no types
    """out_j = sum over edges (i, j) of alpha_ij x_i; a target without edges gets 0.

    `forward` sends along the links, `reverse` against them. PyG's fused step is `Links.to_targets` or `to_sources`;
    with `fuse=False` the messages are made and scattered one by one, which gives the same sums.

    Shapes:
        x: [n_sources, d]; alpha: [n_edges]; output: [n_targets, d] (`reverse`: targets to sources)
    """

    def __init__(self, *, fuse: bool = True) -> None:
        super().__init__(aggr="sum")
        self.fuse = fuse

    def forward(self, x: Tensor, links: Links, alpha: Tensor) -> Tensor:
        return self._send(x, links, alpha, links.size, against=False)

    def reverse(self, y: Tensor, links: Links, alpha: Tensor) -> Tensor:
        """The same sums at the sources."""
        return self._send(y, links, alpha, links.size[::-1], against=True)

    def _send(
        self, x: Tensor, links: Links, alpha: Tensor, size: tuple[int, int], *, against: bool
    ) -> Tensor:
        if self.fuse:
            edges = links.by_source(alpha.detach()) if against else links.by_target(alpha.detach())
        else:
            edges = torch.stack([links.target, links.source] if against else [links.source, links.target])
        out: Tensor = self.propagate(edges, x=(x, None), alpha=alpha, links=links, against=against, size=size)
        return out

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha.unsqueeze(-1) * x_j

    def message_and_aggregate(
        self, edge_index: Tensor, x: tuple[Tensor, None], alpha: Tensor, links: Links, against: bool
    ) -> Tensor:
        return links.to_sources(alpha, x[0]) if against else links.to_targets(alpha, x[0])


def _generate() -> None:
    """Let PyG write the module that it makes of a class where it is removed again: it would leave it in /tmp."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            WeightedSum()
        finally:
            tempfile.tempdir = before


_generate()


def edge_softmax(logits: Tensor, index: Tensor, n_groups: int) -> Tensor:
    """Softmax of [n_edges] logits within the edges of each group."""
    out: Tensor = softmax(logits, index, num_nodes=n_groups)
    return out


def edge_cosine(a: Tensor, b: Tensor, links: Links, eps: float) -> Tensor:
    """Cosine of both ends of each edge [n_edges], 0 where one is zero; `eps` is added to the norms' product."""
    if eps == 0:
        directions = unit(a)
        return links.dot(directions, directions if b is a else unit(b))
    norms = a.norm(dim=1).index_select(0, links.source) * b.norm(dim=1).index_select(0, links.target)
    cosine: Tensor = links.dot(a, b) / (norms + eps)
    return cosine


def unit(x: Tensor) -> Tensor:
    """Rows scaled to length 1; a row of zeros stays zero, with finite gradients."""
    out: Tensor = _Unit.apply(x)
    return out


class _Unit(torch.autograd.Function):
    """Its gradient is what stands at right angles to the row, with fewer passes than autograd makes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square = (x * x).sum(dim=-1, keepdim=True)
        scale = torch.where(square > 0, square, 1.0).rsqrt()
        out = x * scale
        ctx.save_for_backward(out, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        out, scale = ctx.saved_tensors
        along = (gradient * out).sum(dim=-1, keepdim=True)
        to_x: Tensor = torch.addcmul(gradient, out, along, value=-1).mul_(scale)
        return to_x
