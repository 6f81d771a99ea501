"""MASTER's attention and dropout against PyTorch's own, and its network against the published formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from samgraph.hist.models import self_attention
from samgraph.hist.models.master import Attention, Master, MasterShape
from samgraph.hist.models.self_attention import attend_to_all, dropout, keep_mask

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
SHAPE = MasterShape(width=12, days=5, heads=3, stock_heads=2, dropout=0.0)


def published(layer: Attention, x: Tensor, heads: int) -> Tensor:
    """The layer with PyTorch's attention and the layer's weights, which hear the gradients."""
    x = layer.norm(x)
    width = x.shape[-1]
    attended, _ = nn.functional.multi_head_attention_forward(
        *[x.transpose(0, 1)] * 3,
        width,
        heads,
        layer.packed.weight,
        None,
        None,
        None,
        False,
        0.0,
        layer.joined.weight,
        None,
        need_weights=False,
    )
    x = layer.forward_norm(x + attended.transpose(0, 1))
    return x + layer.outer(torch.relu(layer.inner(x)))


def published_scores(model: Master, x: Tensor, state: Tensor, shape: MasterShape) -> Tensor:
    tokens = model.tokens((x * model.gate(state)).transpose(0, 1)) + model.positions
    tokens = published(model.along_days, tokens, shape.heads)
    tokens = published(model.across_stocks, tokens.transpose(0, 1), shape.stock_heads).transpose(0, 1)
    mapped = model.gather.map(tokens)
    weights = torch.softmax((mapped @ mapped[:, -1:].transpose(1, 2)).squeeze(-1), dim=1)
    return model.output((weights.unsqueeze(1) @ tokens).squeeze(1)).squeeze(-1)


@pytest.mark.parametrize("n_stocks", [1, 7, 40])
@pytest.mark.parametrize("part_cells", [1, 500, self_attention.PART_CELLS])
def test_scores_and_gradients_are_those_of_the_published_network(
    n_stocks: int, part_cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_attention, "PART_CELLS", part_cells)
    torch.manual_seed(1)
    model = Master(6, 3, SHAPE, seed=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x, state, y = torch.randn(5, n_stocks, 6), torch.randn(3), torch.randn(n_stocks)
    found, expected = model(x, state), published_scores(model, x, state, SHAPE)
    torch.testing.assert_close(found, expected, **CLOSE)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x, state), expected, **CLOSE)
    parameters = tuple(model.parameters())
    pairs = (torch.autograd.grad(((scores - y) ** 2).mean(), parameters) for scores in (found, expected))
    for (name, _), ours, theirs in zip(model.named_parameters(), *pairs, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("tokens", [3, 16, 17])
@pytest.mark.parametrize("rate", [0.0, 0.5, 0.3])
def test_the_gradient_is_that_of_finite_differences(tokens: int, rate: float) -> None:
    """With the same draws for every evaluation."""
    torch.manual_seed(3)
    packed = torch.randn(2, tokens, 12, dtype=torch.float64, requires_grad=True)

    def attended(x: Tensor) -> Tensor:
        torch.manual_seed(4)
        return attend_to_all(x, 2, rate)

    assert torch.autograd.gradcheck(attended, packed)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_takes_its_share_of_every_cell_and_scales_the_others(rate: float) -> None:
    torch.manual_seed(5)
    draws = torch.stack([keep_mask((41, 13), rate, torch.zeros(())) for _ in range(2000)])
    kept = draws != 0
    torch.testing.assert_close(draws[kept], torch.full_like(draws[kept], 1 / (1 - rate)))
    spread = math.sqrt(rate * (1 - rate))
    for axis, errors in ((None, 4.0), (0, 5.0), ((0, 1), 5.0)):
        share = kept.double().mean(dim=axis)
        error = spread / math.sqrt(kept.numel() / share.numel())
        assert ((share - (1 - rate)).abs() < errors * error).all()
    flat = (kept.double() - (1 - rate)).flatten() / spread
    for lag in (1, 2, 3, 4, 8):  # cells that share a draw, and those of the next one
        assert abs(float((flat[lag:] * flat[:-lag]).mean())) < 4.5 / math.sqrt(len(flat))


def test_dropout_is_that_of_the_weights_after_the_softmax() -> None:
    """Values that are unit vectors show the weights themselves."""
    tokens, rate = 24, 0.25
    torch.manual_seed(6)
    packed = torch.randn(30, tokens, 3 * tokens)
    packed[..., 2 * tokens :] = torch.eye(tokens)
    queries, keys, _ = packed.chunk(3, dim=-1)
    weights = torch.softmax(queries @ keys.transpose(1, 2) / math.sqrt(tokens), dim=-1)
    torch.testing.assert_close(attend_to_all(packed, 1, 0.0), weights)
    dropped = attend_to_all(packed, 1, rate)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], weights[kept] / (1 - rate))
    assert float(kept.float().mean()) == pytest.approx(1 - rate, abs=4 * math.sqrt(0.19 / kept.numel()))


def test_the_same_seed_drops_the_same_and_evaluation_nothing() -> None:
    x = torch.randn(300, 7)
    assert dropout(x, 0.0) is x
    model = Master(6, 3, MasterShape(width=12, days=5, heads=3, stock_heads=2), seed=2)
    features, state = torch.randn(5, 9, 6), torch.randn(3)

    def gradients(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return list(torch.autograd.grad(model(features, state).square().sum(), list(model.parameters())))

    first, again, other = gradients(1), gradients(1), gradients(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    model.eval()
    assert torch.equal(model(features, state), model(features, state))
