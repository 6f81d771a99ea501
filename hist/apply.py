"""Scores of given days with given parameters. The stream runs over history only: day t's state is causal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from samgraph.hist.batch import Batch
from samgraph.hist.data import WindowData
from samgraph.hist.encoder import StreamEncoder, WindowEncoder, ratios
from samgraph.hist.model import PARTS, Hist, Scores
from samgraph.hist.yesterday import Yesterday

COLUMNS = (*PARTS, "score")


def windows_of(data: WindowData, days: Sequence[int]) -> Tensor:
    """Windows of all rows of some days as ratios [n_rows, n_steps, 6], NaN before the data starts."""
    length = data.config.window_length
    history = data.inputs.features
    blocks = []
    for day in days:
        t = data.start + day
        rows = data.columns[data.rows[day]]
        block = np.full((len(rows), length, history.shape[2]), np.nan, dtype=np.float32)
        first = max(0, t + 1 - length)
        block[:, length - (t + 1 - first) :] = history[first : t + 1][:, rows].transpose(1, 0, 2)
        blocks.append(block)
    return ratios(torch.from_numpy(np.concatenate(blocks)).to(data.device))


def encode_rows(
    model: Hist, data: WindowData, days: Sequence[int], state: Tensor
) -> tuple[Tensor, Tensor, Batch]:
    """Encoder states of all rows of consecutive days, the stream's new state, and the days' graph.

    A window encoder takes days in any order. Where the model hears the value chain, the graph carries the days before.
    """
    batch, place, stock = data.batch(days)
    hears = model.head.chain is not None and data.hears_chain
    if isinstance(model.encoder, WindowEncoder):
        x = model.encoder.encode(windows_of(data, days))
        if hears:
            earlier, *_, (up, down) = data.before(days)
            known = [day - 1 for day in days if day > 0]
            x_before = model.encoder.encode(windows_of(data, known)) if known else x[:0]
            batch = replace(batch, yesterday=Yesterday(earlier, x_before, up, down))
        return x, state, batch
    span = slice(days[0], days[-1] + 1)
    top, after = model.encoder.run(data.features[span], data.mask[span], state)
    if hears:
        earlier, later, whose, (up, down) = data.before(days)
        states = torch.cat([state[-1:], top[:-1]])  # before each of the days
        batch = replace(batch, yesterday=Yesterday(earlier, states[later, whose], up, down))
    return top[place, stock], after, batch


@torch.no_grad()
def score_days(model: Hist, data: WindowData, days: range) -> npt.NDArray[np.float32]:
    """Scores and their parts [n_days, n_stocks of the window, 4], in the order of COLUMNS, NaN elsewhere."""
    model.eval()
    result = np.full((len(days), len(data.stocks), len(COLUMNS)), np.nan, dtype=np.float32)
    state = run_until(model, data, days.start)
    step = max(model.config.chunk, 10)
    for first in range(days.start, days.stop, step):
        chunk = range(first, min(first + step, days.stop))
        x, state, batch = encode_rows(model, data, chunk, state)
        if batch.n_rows == 0:
            continue
        scores: Scores = model.head(x, batch)
        values = torch.stack([getattr(scores, name) for name in COLUMNS], dim=1).cpu().numpy()
        start = 0
        for day, size in zip(chunk, batch.row_sizes, strict=True):
            result[day - days.start, data.rows[day]] = values[start : start + size]
            start += size
    return result


@torch.no_grad()
def run_until(model: Hist, data: WindowData, day: int) -> Tensor:
    """The stream's state before `day`, from the window's first day; without meaning for a window encoder."""
    encoder = model.encoder
    if not isinstance(encoder, StreamEncoder):
        return data.features.new_zeros(0)
    state = encoder.start(len(data.stocks), data.features)
    for first in range(0, day, 20):
        last = min(first + 20, day)
        _, state = encoder.run(data.features[first:last], data.mask[first:last], state)
    return state


def as_frame(data: WindowData, days: range, values: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Long form: date, company_id, concept, hidden, individual, score; by date, then in the stocks' order."""
    day, stock = np.nonzero(np.isfinite(values[:, :, -1]))
    dates = data.inputs.market.dates[data.start + days.start : data.start + days.stop]
    frame = pd.DataFrame({"date": dates[day], "company_id": np.array(data.stocks, dtype=object)[stock]})
    for column, name in enumerate(COLUMNS):
        frame[name] = values[day, stock, column].astype(np.float64)
    return frame
