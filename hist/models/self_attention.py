"""Self-attention of many groups of tokens, and dropout, as fast as one thread of a processor goes.

PyTorch's own are slow there: dropout draws one cell at a time, attention looks for rows without any key, and a softmax
over a last axis of eight tokens takes ten times as long as over a first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Weights at once, which stay in the processor's cache; measured: a tenth less time than with all of them at once.
PART_CELLS = 200_000
_FEW = 16  # tokens; the softmax of more is no faster along the first axis


def attend_to_all(packed: Tensor, heads: int, rate: float) -> Tensor:
    """softmax(queries keys^T / sqrt(d)) values for each head, weights dropped at `rate`.

    Shapes:
        packed: [n_groups, n_tokens, 3 width], queries, keys and values, heads side by side in each; d = width / heads
        output: [n_groups, n_tokens, width]
    """
    out: Tensor = _SelfAttention.apply(packed, heads, rate)
    return out


def dropout(x: Tensor, rate: float) -> Tensor:
    """Zeros with probability `rate` (to 1/65,536), the other cells divided by 1 - rate."""
    return x * keep_mask(x.shape, rate, x) if rate else x


def keep_mask(shape: Sequence[int], rate: float, like: Tensor) -> Tensor:
    """The factors of dropout, of the type and device of `like`."""
    return _halves(shape, rate, like).clamp_min_(0.0).mul_(2.0 / (1.0 - rate))


def _halves(shape: Sequence[int], rate: float, like: Tensor) -> Tensor:
    """-1/2 with probability `rate`, else 1/2.

    A cell has 8 or 16 of 64 random bits, as the rate needs: a whole number, half of them below 0.
    """
    kind, levels = (torch.int8, 2**8) if (rate * 2**8).is_integer() else (torch.int16, 2**16)
    count, each = torch.Size(shape).numel(), 8 // kind.itemsize
    drawn = torch.empty(-(-count // each), dtype=torch.int64, device=like.device).random_(-(2**63), None)
    cells = drawn.view(kind)[:count].view(shape).to(like.dtype)
    # no whole number is cut between -1/2 and 1/2; a comparison takes ten times as long
    return cells.add_(levels / 2 + 0.5 - round(rate * levels)).clamp_(-0.5, 0.5)


class _SelfAttention(torch.autograd.Function):
    """A few groups at a time. One matrix is kept for the gradient: the weights' halves, negative where dropped.

    Shapes:
        weights: [n_groups, heads, n_tokens, n_tokens]; not halved where nothing is dropped
    """

    @staticmethod
    def forward(ctx: Any, packed: Tensor, heads: int, rate: float) -> Tensor:
        groups, tokens, width = packed.shape
        learns = ctx.needs_input_grad[0]
        ctx.heads, ctx.scale = heads, (width / 3 / heads) ** -0.5
        ctx.whole = 2.0 if rate else 1.0
        ctx.factor = ctx.whole / (1.0 - rate)
        weights = packed.new_empty(groups if learns else 0, heads, tokens, tokens)
        out = packed.new_empty(groups, tokens, width // 3)
        for part, (kept,) in _parts(packed, heads, 1):
            queries, keys, values = _by_head(packed[part], 3, heads)
            torch.baddbmm(kept, queries, keys.transpose(1, 2), beta=0, alpha=ctx.scale, out=kept)
            _softmax_(kept)
            if rate:
                kept.mul_(_halves(kept.shape, rate, kept))
            if learns:
                weights[part] = kept.view_as(weights[part])
            if rate:
                kept.clamp_min_(0.0)
            out[part] = _side_by_side((kept @ values).mul_(ctx.factor).unsqueeze(0), heads)
        ctx.save_for_backward(packed, weights, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        packed, weights, out = ctx.saved_tensors
        found = torch.empty_like(packed)
        for part, (kept, inner) in _parts(packed, ctx.heads, 2):
            queries, keys, values = _by_head(packed[part], 3, ctx.heads)
            of_out, result = (_by_head(each[part], 1, ctx.heads)[0] for each in (gradient, out))
            mean = (of_out * result).sum(dim=-1, keepdim=True)
            of_out = of_out * ctx.factor
            signed = weights[part].view_as(kept)
            torch.clamp_min(signed, 0.0, out=kept)
            of_queries, of_keys, of_values = of_packed = packed.new_empty(3, *values.shape)
            torch.bmm(kept.transpose(1, 2), of_out, out=of_values)
            torch.bmm(of_out, values.transpose(1, 2), out=inner).mul_(kept)
            inner.addcmul_(torch.abs(signed, out=kept), mean, value=-ctx.whole)
            torch.bmm(inner, keys, out=of_queries).mul_(ctx.scale)
            torch.bmm(inner.transpose(1, 2), queries, out=of_keys).mul_(ctx.scale)
            found[part] = _side_by_side(of_packed, ctx.heads)
        return found, None, None


def _parts(packed: Tensor, heads: int, count: int) -> Iterator[tuple[slice, list[Tensor]]]:
    """Some groups, and `count` tensors [n heads, n_tokens, n_tokens] to write into, the same memory for all."""
    groups, tokens, _ = packed.shape
    step = min(groups, max(1, PART_CELLS // (heads * tokens**2)))
    room = [packed.new_empty(step * heads, tokens, tokens) for _ in range(count)]
    for first in range(0, groups, step):
        part = slice(first, min(first + step, groups))
        yield part, [cells[: (part.stop - first) * heads] for cells in room]


def _softmax_(logits: Tensor) -> None:
    """Over the last axis, in place."""
    if logits.shape[-1] > _FEW:
        torch.softmax(logits, dim=-1, out=logits)
    else:
        logits.copy_(torch.softmax(logits.permute(2, 0, 1), dim=0).permute(1, 2, 0))


def _by_head(packed: Tensor, parts: int, heads: int) -> Tensor:
    """[n_groups, n_tokens, parts width] -> [parts, n_groups heads, n_tokens, d]; no copy of a single group."""
    groups, tokens, _ = packed.shape
    split = packed.reshape(groups, tokens, parts, heads, -1).permute(2, 0, 3, 1, 4)
    return split.reshape(parts, groups * heads, tokens, -1)


def _side_by_side(split: Tensor, heads: int) -> Tensor:
    """What `_by_head` takes apart."""
    parts, _, tokens, d = split.shape
    return (
        split.view(parts, -1, heads, tokens, d).permute(1, 3, 0, 2, 4).reshape(-1, tokens, parts * heads * d)
    )
