"""Edges between two sets of nodes, arranged for sparse matrix products in both directions.

Message passing needs three sums over edges: to the targets, to the sources, and the inner product of both ends.
As scatter operations each writes an [n_edges, d] array; as weighted bags of embeddings and as a sampled sparse product
(torch.sparse, CSR) none does, which is many times faster on a CPU. Gradients are given here because autograd would go
through dense arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

with warnings.catch_warnings():
    # Once a process torch says that CSR tensors are in beta; the operations used here are tested against dense.
    warnings.simplefilter("ignore", UserWarning)
    torch.sparse_csr_tensor(
        torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.tensor([]), (1, 1)
    )


@dataclass(frozen=True, eq=False)
class Links:
    """Edges from sources to targets, each pair at most once, sorted by (source, target).

    Shapes:
        source, target: int64 [n_edges]; source_ptr: int64 [n_sources + 1], first edge of each source
        order: int64 [n_edges], the edges sorted by (target, source); target_ptr: int64 [n_targets + 1]
    """

    source: Tensor
    target: Tensor
    source_ptr: Tensor
    order: Tensor
    target_ptr: Tensor

    @classmethod
    def of(cls, source: Tensor, target: Tensor, n_sources: int, n_targets: int) -> Links:
        """Arrange edges that are sorted by (source, target)."""
        order = torch.argsort(target, stable=True)
        return cls(source, target, _ptr(source, n_sources), order, _ptr(target, n_targets))

    @classmethod
    def block_diagonal(cls, parts: Sequence[Links]) -> Links:
        """Several graphs as one, their nodes numbered one after another."""
        sources, targets, edges = 0, 0, 0
        columns: list[list[Tensor]] = [[], [], [parts[0].source_ptr[:1]], [], [parts[0].target_ptr[:1]]]
        for part in parts:
            columns[0].append(part.source + sources)
            columns[1].append(part.target + targets)
            columns[2].append(part.source_ptr[1:] + edges)
            columns[3].append(part.order + edges)
            columns[4].append(part.target_ptr[1:] + edges)
            sources += part.size[0]
            targets += part.size[1]
            edges += len(part.source)
        return cls(*(torch.cat(column) for column in columns))

    @cached_property
    def senders(self) -> Tensor:
        """The sources of the edges in `order`."""
        return self.source.index_select(0, self.order)

    @property
    def size(self) -> tuple[int, int]:
        """(n_sources, n_targets)."""
        return len(self.source_ptr) - 1, len(self.target_ptr) - 1

    def to_targets(self, alpha: Tensor, x: Tensor) -> Tensor:
        """Sum over edges (i, j) of alpha_ij x_i: [n_edges], [n_sources, d] -> [n_targets, d], 0 without edges."""
        out: Tensor = _ToTargets.apply(alpha, x, self)
        return out

    def to_sources(self, alpha: Tensor, y: Tensor) -> Tensor:
        """Sum over edges (i, j) of alpha_ij y_j: [n_edges], [n_targets, d] -> [n_sources, d], 0 without edges."""
        out: Tensor = _ToSources.apply(alpha, y, self)
        return out

    def dot(self, x: Tensor, y: Tensor) -> Tensor:
        """x_i . y_j for each edge (i, j): [n_sources, d], [n_targets, d] -> [n_edges]."""
        out: Tensor = _Dot.apply(x, y, self)
        return out

    def by_source(self, alpha: Tensor) -> Tensor:
        """The sparse matrix [n_sources, n_targets] with a value an edge."""
        return _csr(self.source_ptr, self.target, alpha, self.size)

    def by_target(self, alpha: Tensor) -> Tensor:
        """Its transpose [n_targets, n_sources]."""
        return _csr(self.target_ptr, self.senders, alpha.index_select(0, self.order), self.size[::-1])


def _ptr(index: Tensor, n: int) -> Tensor:
    return torch.nn.functional.pad(torch.bincount(index, minlength=n).cumsum(0), (1, 0))


def _csr(ptr: Tensor, index: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(ptr, index, values, size, check_invariants=False)


def _to_targets(links: Links, alpha: Tensor, x: Tensor) -> Tensor:
    return _sums(links.target_ptr, links.senders, alpha.index_select(0, links.order), x)


def _to_sources(links: Links, alpha: Tensor, y: Tensor) -> Tensor:
    return _sums(links.source_ptr, links.target, alpha, y)


def _sums(ptr: Tensor, index: Tensor, alpha: Tensor, x: Tensor) -> Tensor:
    """Sum over each node's edges of alpha x[index]; as bags of embeddings it takes a third of a sparse product."""
    if len(index) == 0:
        return x.new_zeros(len(ptr) - 1, x.shape[1])
    return torch.nn.functional.embedding_bag(
        index,
        x.detach().contiguous(),  # one with a gradient would be summed the slow way, which prepares one
        ptr,
        mode="sum",
        per_sample_weights=alpha.detach(),
        include_last_offset=True,
    )


def _dot(links: Links, x: Tensor, y: Tensor) -> Tensor:
    if len(links.source) == 0:
        return x.new_zeros(0)
    pattern = links.by_source(x.new_zeros(len(links.source)))
    out: Tensor = torch.sparse.sampled_addmm(pattern, x.contiguous(), y.contiguous().T, beta=0.0).values()
    return out


class _ToTargets(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alpha: Tensor, x: Tensor, links: Links) -> Tensor:
        ctx.save_for_backward(alpha, x)
        ctx.links = links
        return _to_targets(links, alpha, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        alpha, x = ctx.saved_tensors
        to_alpha = _dot(ctx.links, x, grad) if ctx.needs_input_grad[0] else None
        to_x = _to_sources(ctx.links, alpha, grad) if ctx.needs_input_grad[1] else None
        return to_alpha, to_x, None


class _ToSources(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alpha: Tensor, y: Tensor, links: Links) -> Tensor:
        ctx.save_for_backward(alpha, y)
        ctx.links = links
        return _to_sources(links, alpha, y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        alpha, y = ctx.saved_tensors
        to_alpha = _dot(ctx.links, grad, y) if ctx.needs_input_grad[0] else None
        to_y = _to_targets(ctx.links, alpha, grad) if ctx.needs_input_grad[1] else None
        return to_alpha, to_y, None


class _Dot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, links: Links) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.links = links
        return _dot(links, x, y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, y = ctx.saved_tensors
        to_x = _to_sources(ctx.links, grad, y) if ctx.needs_input_grad[0] else None
        to_y = _to_targets(ctx.links, grad, x) if ctx.needs_input_grad[1] else None
        return to_x, to_y, None
