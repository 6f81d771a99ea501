"""Why a stock scored as it did: the forward pass of one day with kept parameters, and the attention inside it.

The days up to it are scored as they were when the window was fitted, day by day and with as many threads, so the
numbers are those of its predictions, bit for bit where they were made on the same machine's processor.
Attention is then read off plainly, equation by equation (samgraph.hist.concepts and .hidden):

    concept -> its stocks    what the concept was formed from: its second softmax, or equation 3 without one
    stock -> its concepts    what the stock heard: the softmax of its cosines with the concepts' states
    stock -> hidden          the stocks whose hidden concepts it links to, their cosine, and how much it heard of each
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from samgraph.errors import ModelError
from samgraph.hist.apply import walk
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, WindowData
from samgraph.hist.day_graph import Batch
from samgraph.hist.hidden import hidden_links
from samgraph.hist.kernels import fixed_kernels
from samgraph.hist.messages import edge_cosine, edge_softmax, unit
from samgraph.hist.model import PARTS, Hist, Scores
from samgraph.hist.windows import Window
from samgraph.rounding import to_digits


@dataclass(frozen=True, eq=False)
class StockReading:
    """One stock on one day.

    Attributes:
        parts: score, concept, hidden, individual
        concepts: concept_id, attention (sums to 1 over what the stock attends to), revenue (its edge's weight, 0
            without one)
        members: concept_id, company_id, attention (of the concept to the stock), revenue; for concepts that the
            stock has an edge to
        neighbours: company_id, similarity (cosine), attention
    """

    parts: dict[str, float]
    concepts: pd.DataFrame
    members: pd.DataFrame
    neighbours: pd.DataFrame


class DayReading:
    """A window's model on one of its test days, for all stocks of that day."""

    def __init__(
        self,
        inputs: TrainingInputs,
        window: Window,
        config: HistConfig,
        parameters: Mapping[str, Tensor],
        day: int,
    ) -> None:
        """Run the model up to `day`, a position in the market's dates within `window.test`."""
        device = torch.device("cpu")
        self.config, self.inputs = config, inputs
        self.data = WindowData(inputs, window, config, device)
        self.model = Hist(config, inputs.n_features, seed=0, concepts=inputs.series is not None)
        self.model.load_state_dict(dict(parameters))
        self.model.eval()
        self.day = day - self.data.start
        with fixed_kernels(config.threads, device), torch.no_grad():
            self._read()

    @property
    def stocks(self) -> list[str]:
        """Who has a score that day, in the order of the rows."""
        return [self.data.stocks[i] for i in self.data.rows[self.day]]

    def _read(self) -> None:
        data, model = self.data, self.model
        days = data.days(data.window.test)
        ((_, x, batch),) = deque(walk(model, data, range(days.start, self.day + 1)), maxlen=1)
        scores: Scores = model.head(x, batch)
        self.scores = {name: getattr(scores, name).numpy() for name in (*PARTS, "score")}
        self.x: Tensor = x
        self.received: Tensor | None = (
            None  # from predefined concepts, and along the value chain if it is heard
        )
        if model.head.predefined is not None:
            self.received = model.head.received(x, batch)
        self.batch: Batch = batch

    @torch.no_grad()
    def stock(self, company_id: str) -> StockReading:
        """What the model made of one stock.

        Raises:
            ModelError: it has no score that day
        """
        if company_id not in self.stocks:
            raise ModelError(
                f"company {company_id} has no score on {self.data.date(self.day)}: it was no member of the universe, "
                "or had too little history"
            )
        i = self.stocks.index(company_id)
        parts = {name: float(values[i]) for name, values in self.scores.items()}
        if self.model.head.predefined is None:
            nothing = pd.DataFrame()
            return StockReading(parts, nothing, nothing, nothing)
        with fixed_kernels(self.config.threads, self.x.device):
            return StockReading(parts, self._concepts(i), self._members(i), self._neighbours(i))

    def _formed(self) -> tuple[Tensor, Tensor]:
        """The concepts' states [n_concepts, d], and their attention to the stocks that have an edge [n_edges]."""
        predefined, links, x = self.model.head.predefined, self.batch.links, self.x
        assert predefined is not None
        states = predefined.initial(x, self.batch)
        if not self.config.correction:
            return states, self._initial_weights()
        if self.config.attention == "edges":
            attention = edge_softmax(
                (x[links.source] * states[links.target]).sum(1), links.target, len(states)
            )
            formed = torch.zeros_like(states).index_add(0, links.target, attention[:, None] * x[links.source])
            return formed, attention
        every = torch.softmax(states @ x.T, dim=1)
        return every @ x, every[links.target, links.source]

    def _initial_weights(self) -> Tensor:
        """Equation 3's weights of the edges."""
        batch, config = self.batch, self.config
        mass = torch.ones_like(batch.weight) if config.binary_edges else batch.weight
        weight = mass
        if config.cap_weighted:
            mass = mass * batch.cap[batch.links.source]
        total = mass.new_zeros(batch.n_concepts).index_add(0, batch.links.target, mass)[batch.links.target]
        return mass / (config.eps + (total * weight if config.published_denominator else total))

    def _concepts(self, i: int) -> pd.DataFrame:
        states, _ = self._formed()
        own = self.batch.links.source == i
        concept = self.batch.links.target[own]
        revenue = torch.zeros(len(states)).index_add(0, concept, self.batch.weight[own])
        heard = concept if self.config.attention == "edges" else torch.arange(len(states))
        attention = torch.softmax(self._cosines(self.x[i], states[heard]), dim=0)
        frame = pd.DataFrame(
            {
                "concept_id": [self._concept_id(int(k)) for k in heard],
                "attention": attention.double().numpy(),
                "revenue": revenue[heard].double().numpy(),
            }
        )
        return frame.sort_values(
            ["attention", "concept_id"], ascending=[False, True], ignore_index=True, key=to_digits(6)
        )

    def _members(self, i: int) -> pd.DataFrame:
        _, attention = self._formed()
        links = self.batch.links
        own = links.target[links.source == i]
        edge = torch.isin(links.target, own)
        frame = pd.DataFrame(
            {
                "concept_id": [self._concept_id(int(k)) for k in links.target[edge]],
                "company_id": [self.stocks[int(j)] for j in links.source[edge]],
                "attention": attention[edge].double().numpy(),
                "revenue": self.batch.weight[edge].double().numpy(),
            }
        )
        order = ["concept_id", "attention", "company_id"]
        return frame.sort_values(order, ascending=[True, False, True], ignore_index=True, key=to_digits(6))

    def _neighbours(self, i: int) -> pd.DataFrame:
        head = self.model.head
        assert head.predefined is not None and head.predefined_part is not None
        backcast, _ = head.predefined_part(self.received)
        r = self.x - backcast
        links = hidden_links(r, self.batch.row_sizes, self.config.neighbours)
        weight = edge_cosine(r, r, links, self.config.cosine_eps)
        states = torch.zeros_like(r).index_add(0, links.target, weight[:, None] * r[links.source])
        linked = links.target[links.source == i]
        heard = linked if self.config.attention == "edges" else torch.unique(links.target)
        attention = torch.zeros(len(r))
        attention[heard] = torch.softmax(self._cosines(r[i], states[heard]), dim=0)
        others = linked[linked != i]
        similarity = (unit(r[others]) * unit(r[i : i + 1])).sum(1)
        frame = pd.DataFrame(
            {
                "company_id": [self.stocks[int(j)] for j in others],
                "similarity": similarity.double().numpy(),
                "attention": attention[others].double().numpy(),
            }
        )
        return frame.sort_values(
            ["similarity", "company_id"], ascending=[False, True], ignore_index=True, key=to_digits(6)
        )

    def _cosines(self, one: Tensor, states: Tensor) -> Tensor:
        if self.config.cosine_eps == 0:
            alike: Tensor = unit(states) @ unit(one[None])[0]
            return alike
        guarded: Tensor = states @ one / (states.norm(dim=1) * one.norm() + self.config.cosine_eps)
        return guarded

    def _concept_id(self, k: int) -> str:
        series = self.inputs.series
        assert series is not None
        date = int(self.data.inputs.market.dates.as_unit("s").asi8[self.data.start + self.day])
        rows = np.asarray(self.data.rows[self.day])
        return series.concepts[int(self.data.graphs.graph(date, rows).concept_ids[k])]
