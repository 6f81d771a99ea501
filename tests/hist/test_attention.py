"""Attention in parts is softmax(queries keys^T) values, with its gradients, however far its logits lie apart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from samgraph.hist import attention
from samgraph.hist.attention import attend


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "DENSE_CELLS", 0)
    monkeypatch.setattr(attention, "PART_CELLS", 40)  # of 11 keys: three queries a part, the last part one


def inputs(scale: float = 1.0) -> list[Tensor]:
    made = torch.Generator().manual_seed(3)
    sizes = ((10, 4), (11, 4), (11, 5))
    drawn = [torch.randn(size, dtype=torch.float64, generator=made) for size in sizes]
    return [(scale * one).requires_grad_() for one in drawn]


def plain(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return torch.softmax(queries @ keys.T, dim=1) @ values


def results(form: object, given: list[Tensor]) -> list[Tensor]:
    out = form(*given)  # type: ignore[operator]
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), given)]


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_it_equals_whole_matrices_also_where_most_weights_are_next_to_nothing(scale: float) -> None:
    given = inputs(scale)
    if scale > 1:
        logits = given[0] @ given[1].T
        weights = torch.softmax(logits, dim=1).float()
        assert (weights == 0).any() and logits.abs().max() > 1_000  # float32 would overflow without care
    for ours, whole in zip(results(attend, given), results(plain, given), strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-12, atol=1e-12)
    single = [one.detach().float().requires_grad_() for one in given]
    for ours, whole in zip(results(attend, single), results(plain, single), strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-5, atol=1e-5 * scale)


def test_its_gradient_is_that_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(attend, inputs())


def test_keys_that_are_values_and_queries_at_once_get_all_three_gradients() -> None:
    (x, *_) = inputs()
    ours = torch.autograd.grad(attend(x, x, x).square().sum(), x)[0]
    whole = torch.autograd.grad(plain(x, x, x).square().sum(), x)[0]
    torch.testing.assert_close(ours, whole, rtol=1e-12, atol=1e-12)


def test_parts_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = inputs()
    few = results(attend, given)
    for cells in (1, 11, 10_000):
        monkeypatch.setattr(attention, "PART_CELLS", cells)
        for one, other in zip(results(attend, given), few, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
