"""HIST over a batch of days: encoder state -> predefined, hidden and individual information -> score.

Each shared part passes a linear layer; a linear backcast of it is taken out of the state before the next
part, a linear forecast with LeakyReLU is kept (arXiv 2110.13716, sections 3.2 to 3.5). The output layer is
linear in the sum of the three forecasts, so the score is exactly concept + hidden + individual + bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from samgraph.hist.concepts import PredefinedConcepts
from samgraph.hist.config import HistConfig
from samgraph.hist.day_graph import Batch
from samgraph.hist.encoder import StreamEncoder, WindowEncoder
from samgraph.hist.hidden import HiddenConcepts
from samgraph.hist.yesterday import ChainMessages

PARTS = ("concept", "hidden", "individual")


class Scores(NamedTuple):
    """One row per stock and day, each [n_rows]."""

    score: Tensor
    concept: Tensor
    hidden: Tensor
    individual: Tensor


class SharedPart(nn.Module):
    """What both shared parts do with what the stocks receive: linear, then backcast and forecast."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.shared = _linear(hidden_size)
        self.backcast = _linear(hidden_size)
        self.forecast = _linear(hidden_size)

    def forward(self, received: Tensor) -> tuple[Tensor, Tensor]:
        return self._behind(self.backcast, received), nn.functional.leaky_relu(
            self._behind(self.forecast, received)
        )

    def _behind(self, layer: nn.Linear, received: Tensor) -> Tensor:
        """layer(shared(received)) as one product with the rows, which are many more than `hidden_size`."""
        bias = layer(self.shared.bias)
        return nn.functional.linear(received, layer.weight @ self.shared.weight, bias)


class HistHead(nn.Module):
    """Everything after the encoder.

    `concepts=False` makes the plain GRU of the control group: no shared parts, all of the score individual.

    Shapes:
        x: [n_rows, d], the encoder's states of all days; output: four times [n_rows]
    """

    def __init__(self, config: HistConfig, *, concepts: bool = True) -> None:
        super().__init__()
        self.config = config
        d = config.hidden_size
        self.predefined = PredefinedConcepts(config) if concepts else None
        self.hidden = HiddenConcepts(config) if concepts else None
        self.predefined_part = SharedPart(d) if concepts else None
        self.hidden_part = SharedPart(d) if concepts else None
        self.individual = _linear(d)
        self.output = nn.Linear(d, 1)
        self.chain = ChainMessages(d) if concepts and config.value_chain else None
        self.told: nn.Linear | None = None
        if concepts and config.concept_returns:  # silent at first: what it says is learnt
            self.told = nn.Linear(len(config.concept_returns), d, bias=False)
            nn.init.zeros_(self.told.weight)
        self.heads = nn.ModuleList(nn.Linear(d, 1) for _ in PARTS) if config.split == "heads" else None

    def forward(self, x: Tensor, batch: Batch) -> Scores:
        forecasts = self.forecasts(x, batch)
        split = [forecast @ self.output.weight[0] for forecast in forecasts]
        score = split[0] + split[1] + split[2] + self.output.bias
        if self.heads is not None:
            split = [head(part).squeeze(-1) for head, part in zip(self.heads, forecasts, strict=True)]
        return Scores(score, *split)

    def forecasts(self, x: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The three forecasts of predefined, hidden and individual information, each [n_rows, d]."""
        if self.predefined is None or self.predefined_part is None:
            concept = hidden = torch.zeros_like(x)
            residual = x
        else:
            assert self.hidden is not None and self.hidden_part is not None
            backcast, concept = self.predefined_part(self.received(x, batch))
            residual = x - backcast
            backcast, hidden = self.hidden_part(self.hidden(residual, batch))
            residual = residual - backcast
        return concept, hidden, nn.functional.leaky_relu(self.individual(residual))

    def received(self, x: Tensor, batch: Batch) -> Tensor:
        """What the stocks hear from predefined concepts, their own and along the value chain [n_rows, d]."""
        assert self.predefined is not None
        received: Tensor = self.predefined(x, batch)
        if self.told is not None and batch.told is not None:
            received = received + self.told(batch.told)
        if self.chain is None or batch.yesterday is None:
            return received
        before = self.predefined.states(batch.yesterday.x, batch.yesterday.batch)
        messages: Tensor = self.chain(before, batch.yesterday)
        return received + messages

    @property
    def bias(self) -> float:
        """The constant between the score and the sum of its exact parts."""
        return float(self.output.bias.detach()[0])


class Hist(nn.Module):
    """An encoder and the head, with parameters drawn from `seed` alone.

    Linear weights are Xavier uniform, everything else as torch draws it, as published.
    """

    encoder: StreamEncoder | WindowEncoder

    def __init__(self, config: HistConfig, n_features: int, *, seed: int, concepts: bool = True) -> None:
        super().__init__()
        self.config = config
        size, layers, dropout = config.hidden_size, config.n_layers, config.dropout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if config.encoder == "stream":
                self.encoder = StreamEncoder(n_features, size, layers, dropout)
            else:
                self.encoder = WindowEncoder(n_features, size, layers, dropout, config.window_length)
            self.head = HistHead(config, concepts=concepts)

    @torch.no_grad()
    def start_from(self, plain: Mapping[str, Tensor]) -> None:
        """Take over a plain GRU's parameters; the shared parts then say nothing, and the score is the GRU's own."""
        kept = ("encoder.", "head.individual.", "head.output.")
        self.load_state_dict(
            {**self.state_dict(), **{name: value for name, value in plain.items() if name.startswith(kept)}}
        )
        for part in (self.head.predefined_part, self.head.hidden_part):
            if part is not None:
                for layer in (part.forecast, part.backcast):
                    nn.init.zeros_(layer.weight)
                    nn.init.zeros_(layer.bias)


def _linear(size: int) -> nn.Linear:
    layer = nn.Linear(size, size)
    nn.init.xavier_uniform_(layer.weight)
    return layer
