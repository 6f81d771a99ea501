"""Encoders: from a stock's history of daily features to one state a day (arXiv 2110.13716, section 3.1).

`StreamEncoder` runs a GRU along the calendar, once for every day; `WindowEncoder` runs it over the last L
days anew for every day, as published. Both give the last layer's last state, [n_rows, hidden_size].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samgraph.hist.recurrence import run_layer


class _Layers(nn.Module):
    """A stack of GRU layers whose intermediate states stay visible (torch's own stack hides them)."""

    def __init__(self, n_features: int, hidden_size: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.layers = nn.ModuleList(
            nn.GRU(n_features if level == 0 else hidden_size, hidden_size) for level in range(n_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """[n_steps, n, n_features] and [n_layers, n, d] -> every layer's outputs, each [n_steps, n, d]."""
        outputs: list[Tensor] = []
        for level, layer in enumerate(self.layers):
            assert isinstance(layer, nn.GRU)
            x = run_layer(layer, x if level == 0 else self.dropout(x), state[level], mask)
            outputs.append(x)
        return outputs


class StreamEncoder(_Layers):
    """One recurrence along the calendar, for all stocks at once.

    A day on which a stock's features are not valid leaves its state as it was, exactly.

    Shapes:
        features: [n_days, n_stocks, n_features], finite throughout; mask: bool [n_days, n_stocks]
        state: [n_layers, n_stocks, hidden_size]; output: [n_days, n_stocks, hidden_size] and the new state
    """

    def start(self, n_stocks: int, like: Tensor) -> Tensor:
        """The state before any day: zeros."""
        return like.new_zeros(len(self.layers), n_stocks, self.hidden_size)

    def run(self, features: Tensor, mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Encode consecutive days, going on from `state`."""
        outputs = self(features, state, None if bool(mask.all()) else mask.to(features.dtype))
        return outputs[-1], torch.stack([out[-1] for out in outputs])


class WindowEncoder(_Layers):
    """The published form: the last `n_steps` days anew for each row.

    Windows of adjusted levels are divided by their last close (prices) or last volume, as Alpha360 does, then
    scaled by a median and a median absolute deviation fitted on training days and clipped at 3; what is
    missing becomes 0 (qlib's RobustZScoreNorm and Fillna).

    Shapes:
        windows: [n_rows, n_steps, n_features]; output: [n_rows, hidden_size]
        centre, scale: [n_steps, n_features], fitted by `fit_scale`, kept with the parameters
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self, n_features: int, hidden_size: int, n_layers: int, dropout: float, n_steps: int
    ) -> None:
        super().__init__(n_features, hidden_size, n_layers, dropout)
        self.register_buffer("centre", torch.zeros(n_steps, n_features))
        self.register_buffer("scale", torch.ones(n_steps, n_features))

    def encode(self, windows: Tensor) -> Tensor:
        """The last state of each row's window, whose values are as they come from `ratios`."""
        scaled = ((windows - self.centre) / self.scale).clamp(-3.0, 3.0)
        x = torch.nan_to_num(scaled, nan=0.0).transpose(0, 1)
        state = x.new_zeros(len(self.layers), x.shape[1], self.hidden_size)
        last: Tensor = self(x, state)[-1][-1]
        return last

    def fit_scale(self, windows: Tensor) -> None:
        """Fit the robust scale on training windows; a value that never varies keeps scale 1."""
        centre = torch.nan_to_num(windows.nanmedian(dim=0).values)
        spread = (windows - centre).abs().nanmedian(dim=0).values * 1.4826
        self.centre.copy_(centre)
        self.scale.copy_(torch.where(spread > 0, spread, 1.0))


def ratios(levels: Tensor) -> Tensor:
    """Levels [n_rows, n_steps, 6] of (open, high, low, close, vwap, volume) over the last close or volume."""
    prices = levels[..., :5] / levels[:, -1:, 3:4]
    volume = levels[..., 5:] / levels[:, -1:, 5:]
    return torch.cat([prices, volume], dim=-1)
