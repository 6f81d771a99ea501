"""MASTER: Market-Guided Stock Transformer (Li, Liu, Shen, Wang, Chen, Huang, AAAI 2024, arXiv 2312.15235).

Features of the last `days` days are scaled by a gate that hears the market's state (section 3.2), mapped to
tokens, attend to each other along a stock's days (3.3), then across the stocks of each day of the window (3.4), and are
gathered by an attention of the last day over the others (3.5). Numbers in the docstrings are the paper's sections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from samgraph.hist.models.self_attention import attend_to_all, dropout


@dataclass(frozen=True)
class MasterShape:
    """Sizes of the network, the published ones but for the width.

    Attributes:
        width: of a token; published 256
        days: of the window
        heads, stock_heads: of the attention along days and across stocks
        temperature: of the gate (beta); the lower, the harder it chooses
        dropout: in attention and feed-forward layers
    """

    width: int = 64
    days: int = 8
    heads: int = 4
    stock_heads: int = 2
    temperature: float = 5.0
    dropout: float = 0.3


class Attention(nn.Module):
    """Self-attention over one axis with a feed-forward layer, both added to what came in; norms come first.

    Shapes:
        x: [n_groups, n_tokens, width] -> the same
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.packed = nn.Linear(width, 3 * width, bias=False)
        nn.init.xavier_uniform_(self.packed.weight)
        self.joined = nn.Linear(width, width, bias=False)
        self.forward_norm = nn.LayerNorm(width, eps=1e-5)
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rate = self.dropout if self.training else 0.0
        x = self.norm(x)
        x = self.forward_norm(x + self.joined(attend_to_all(self.packed(x), self.heads, rate)))
        return x + dropout(self.outer(torch.relu(dropout(self.inner(x), rate))), rate)


class Gate(nn.Module):
    """Weights of the features, of mean 1, from the market's state (3.2)."""

    def __init__(self, n_state: int, n_features: int, temperature: float) -> None:
        super().__init__()
        self.linear = nn.Linear(n_state, n_features)
        self.temperature = temperature

    def forward(self, state: Tensor) -> Tensor:
        """[n_state] -> [n_features]."""
        weights: Tensor = torch.softmax(self.linear(state) / self.temperature, dim=-1)
        return weights * weights.shape[-1]


class Gather(nn.Module):
    """A stock's tokens weighed by their product with the last day's (3.5).

    Shapes:
        x: [days, n_stocks, width] -> [n_stocks, width]
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        last = self.map(x[-1]) @ self.map.weight  # mapped there and back, so that the other days need no map
        weights = torch.softmax((x * last).sum(dim=-1), dim=0)
        return (weights.unsqueeze(-1) * x).sum(dim=0)


class Master(nn.Module):
    """Scores of one day's stocks, with parameters drawn from `seed` alone.

    Shapes:
        x: [days, n_stocks, n_features], the window's features, the scored day last; state: [n_state]
        output: [n_stocks]
    """

    positions: Tensor

    def __init__(self, n_features: int, n_state: int, shape: MasterShape, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.gate = Gate(n_state, n_features, shape.temperature)
            self.tokens = nn.Linear(n_features, shape.width)
            self.along_days = Attention(shape.width, shape.heads, shape.dropout)
            self.across_stocks = Attention(shape.width, shape.stock_heads, shape.dropout)
            self.gather = Gather(shape.width)
            self.output = nn.Linear(shape.width, 1)
        self.register_buffer("positions", _positions(shape.days, shape.width), persistent=False)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        gated = self.tokens.weight * self.gate(state)  # the same as gated features, and far fewer numbers
        tokens = (x @ gated.T).transpose(0, 1) + (self.tokens.bias + self.positions)
        tokens = self.along_days(tokens)
        tokens = self.across_stocks(tokens.transpose(0, 1))
        score: Tensor = self.output(self.gather(tokens)).squeeze(-1)
        return score


def _positions(days: int, width: int) -> Tensor:
    """Sines and cosines of the day in the window [days, width]."""
    day = torch.arange(days, dtype=torch.float32).unsqueeze(1)
    speed = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    table = torch.zeros(days, width)
    table[:, 0::2], table[:, 1::2] = torch.sin(day * speed), torch.cos(day * speed[: width // 2])
    return table
