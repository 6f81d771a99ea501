"""A GRU layer along days (Cho et al., arXiv 1406.1078, with the reset gate after the product, as PyTorch has it).

    r = s(x W_ir + h W_hr + b_r)        n = tanh(x W_in + b_in + r (h W_hn + b_hn))
    u = 1 - z = s(-(x W_iz + h W_hz + b_z))        h' = h + u (n - h)

A stock without valid features on a day has u = 0, so that its state stays as it was, exactly. The gradients are given
here: those of the weights are one matrix product over all days instead of one a day, and tanh is taken as 2 s(2x) - 1,
which PyTorch makes three times as fast. Weights and results are those of `torch.nn.GRU`, which has no mask.

On a graphics card the loops over days are replayed as CUDA graphs (`samgraph.hist.kernels.in_place`), for starting
their kernels one by one takes longer than running them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from samgraph.hist.kernels import in_place, rooms


def run_layer(layer: nn.GRU, x: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
    """The states after each day.

    Shapes:
        x: [n_days, n, n_features], finite, on days without valid features too; state: [n, d], before the first day
        mask: [n_days, n], 1 where the features are valid; None where all are; output: [n_days, n, d]
    """
    of_input, of_state, bias, inner = (_by_gate(weight) for weight in layer.all_weights[0])
    bias = torch.cat([bias[:2] + inner[:2], bias[2:]])
    n, more = x.shape[1], rooms(x.shape[1], x.device)
    if more:  # stocks that are never told of
        x, state = (nn.functional.pad(part, (0, 0, 0, more)) for part in (x, state))
        mask = None if mask is None else nn.functional.pad(mask, (0, more))
    out: Tensor = _Recurrence.apply(
        x.contiguous(),
        None if mask is None else mask.unsqueeze(-1),
        state,
        of_input,
        of_state,
        bias,
        inner[2],
    )
    return out[:, :n] if more else out


def _by_gate(weight: Tensor) -> Tensor:
    """[3d, ...] as [3, ..., d], so that a sigmoid of each gate's sum gives r, 1 - z and (n + 1) / 2."""
    gates = weight.view(3, -1, *weight.shape[1:])
    sign = weight.new_tensor([1.0, -1.0, 2.0]).view(3, *[1] * weight.dim())
    return (gates * sign).transpose(1, -1).contiguous()


class _Recurrence(torch.autograd.Function):
    """Shapes: of_input [3, n_features, d]; of_state [3, d, d]; bias [3, d]; inner_bias [d]; the rest as `run_layer`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mask: Tensor | None,
        state: Tensor,
        of_input: Tensor,
        of_state: Tensor,
        bias: Tensor,
        inner_bias: Tensor,
    ) -> Tensor:
        n_days, n, n_features = x.shape
        rows = x.view(n_days * n, n_features)
        gates = [torch.addmm(bias[k], rows, of_input[k]).view(n_days, *state.shape) for k in range(3)]
        inner = torch.empty_like(gates[0])
        states = x.new_empty(n_days + 1, *state.shape)
        states[0] = state
        in_place(_forwards, (states, *gates, inner), (mask, of_state, inner_bias))
        ctx.save_for_backward(x, of_input, of_state, inner, states, *gates)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, of_input, of_state, inner, states, reset, update, new = ctx.saved_tensors
        n_days, n, d = gradient.shape
        before = states[:-1]
        # what a unit of the state after a day gives the sums behind its gates, without the gates' common factors
        to_update = (new - before).mul_(update).mul_(1 - update)
        to_new = (1 - new * new).mul_(update).mul_(0.5)
        to_reset = (1 - reset).mul_(reset).mul_(inner)
        kept = 1 - update
        sums = [torch.empty_like(reset) for _ in range(4)]  # of reset, of update, of new, and of new behind r
        flow = torch.zeros_like(before[0])
        in_place(_backwards, (flow, *sums), (gradient, to_reset, to_update, to_new, kept, reset, of_state))
        flat = [part.view(n_days * n, d) for part in sums]
        rows, earlier = x.view(n_days * n, x.shape[2]), before.reshape(n_days * n, d)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = flat[0] @ of_input[0].T
            for k in (1, 2):
                to_x.addmm_(flat[k], of_input[k].T)
            to_x = to_x.view_as(x)
        return (
            to_x,
            None,
            flow,
            torch.stack([rows.T @ flat[k] for k in (0, 1, 2)]),
            torch.stack([earlier.T @ flat[k] for k in (0, 1, 3)]),
            torch.stack([flat[k].sum(dim=0) for k in (0, 1, 2)]),
            flat[3].sum(dim=0),
        )


def _forwards(
    states: Tensor,
    reset: Tensor,
    update: Tensor,
    new: Tensor,
    inner: Tensor,
    mask: Tensor | None,
    of_state: Tensor,
    inner_bias: Tensor,
) -> None:
    """Each day's gates and state, written over what the input gives to the gates."""
    for t, h in enumerate(states[:-1]):
        reset[t].addmm_(h, of_state[0]).sigmoid_()
        update[t].addmm_(h, of_state[1]).sigmoid_()
        if mask is not None:
            update[t].mul_(mask[t])
        torch.addmm(inner_bias, h, of_state[2], out=inner[t])
        new[t].addcmul_(reset[t], inner[t]).sigmoid_().mul_(2.0).sub_(1.0)
        torch.lerp(h, new[t], update[t], out=states[t + 1])


def _backwards(
    flow: Tensor,
    of_reset: Tensor,
    of_update: Tensor,
    of_new: Tensor,
    of_inner: Tensor,
    gradient: Tensor,
    to_reset: Tensor,
    to_update: Tensor,
    to_new: Tensor,
    kept: Tensor,
    reset: Tensor,
    of_state: Tensor,
) -> None:
    """The gradients of the sums behind the gates, last day first; `flow` ends as that of the state before them."""
    turned = of_state.transpose(1, 2)
    for t in range(len(gradient) - 1, -1, -1):
        flow.add_(gradient[t])
        torch.mul(flow, to_new[t], out=of_new[t])
        torch.mul(of_new[t], to_reset[t], out=of_reset[t])
        torch.mul(flow, to_update[t], out=of_update[t])
        torch.mul(of_new[t], reset[t], out=of_inner[t])
        flow.mul_(kept[t])
        for part, weight in zip((of_reset[t], of_update[t], of_inner[t]), turned, strict=True):
            flow.addmm_(part, weight)
