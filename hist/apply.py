"""Scores of given days with given parameters. The stream runs over history only: day t's state is causal.

Day t's scores do not depend, to the last bit, on the days after it nor on who joins the universe later: each day passes
the concept modules by itself, and the recurrence runs over blocks of `BLOCK` stocks, whose matrix products always have
the same shape. A stock that joins takes the next free place of the last block, or opens one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, WindowData
from samgraph.hist.day_graph import Batch, Yesterday
from samgraph.hist.encoder import StreamEncoder, WindowEncoder, ratios
from samgraph.hist.kernels import device_of, fixed_kernels, on_card
from samgraph.hist.model import PARTS, Hist, Scores
from samgraph.hist.windows import Window

COLUMNS = (*PARTS, "score")
BLOCK = 256  # stocks
CARD_BLOCK = 8_192  # the same on a graphics card, where one of these takes as long as one of 256
STRIDE = 20  # days that the recurrence takes at once before the first day that is scored


def windows_of(data: WindowData, days: Sequence[int]) -> Tensor:
    """Windows of all rows of some days [n_rows, n_steps, n_features], levels as ratios; NaN before the data starts."""
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
    windows = torch.from_numpy(np.concatenate(blocks)).to(data.device)
    return ratios(windows) if data.config.reads_levels else windows


def encode_rows(
    model: Hist, data: WindowData, days: Sequence[int], state: Tensor, stocks: Tensor | None = None
) -> tuple[Tensor, Tensor, Batch]:
    """Encoder states of all rows of consecutive days, the stream's new state, and the days' graph.

    A window encoder takes days in any order. Where the model hears the value chain, the graph carries the days before.
    `stocks`: those whose state is carried, in rising order, all of `heard` among them; None: everyone.
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
    features, mask = data.features[days[0] : days[-1] + 1], data.mask[days[0] : days[-1] + 1]
    column = torch.arange(len(data.stocks), device=data.device)
    if stocks is None:
        top, after = run_in_blocks(model.encoder, features, mask, state)
    else:
        top, after = model.encoder.run(features.index_select(1, stocks), mask.index_select(1, stocks), state)
        column[stocks] = torch.arange(len(stocks), device=data.device)
    if hears:
        earlier, later, whose, (up, down) = data.before(days)
        states = torch.cat([state[-1:], top[:-1]])  # before each of the days
        batch = replace(batch, yesterday=Yesterday(earlier, states[later, column[whose]], up, down))
    # one index instead of two: twice as fast with its gradient
    x = top.flatten(0, 1).index_select(0, place * top.shape[1] + column[stock])
    return x, after, batch


def heard(data: WindowData, days: Sequence[int]) -> Tensor:
    """The stocks whose state consecutive days need: theirs, and those of the day before where the chain is heard."""
    first = max(0, days[0] - 1) if data.hears_chain else days[0]
    rows = np.unique(np.concatenate([data.rows[day] for day in range(first, days[-1] + 1)]))
    return torch.from_numpy(rows).to(data.device)


def run_in_blocks(
    encoder: StreamEncoder, features: Tensor, mask: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """As `StreamEncoder.run`, `BLOCK` stocks at a time; the last block is filled up with stocks that never trade."""
    n, size = features.shape[1], CARD_BLOCK if on_card(features.device) else BLOCK
    tops, ends = [], []
    for first in range(0, n, size):
        block = slice(first, min(first + size, n))
        room = size - (block.stop - first)
        x = nn.functional.pad(features[:, block], (0, 0, 0, room)).contiguous()
        before = nn.functional.pad(state[:, block], (0, 0, 0, room)).contiguous()
        top, end = encoder.run(x, nn.functional.pad(mask[:, block], (0, room)), before)
        tops.append(top[:, : size - room])
        ends.append(end[:, : size - room])
    return torch.cat(tops, dim=1), torch.cat(ends, dim=1)


def walk(
    model: Hist, data: WindowData, days: range, step: int = 1, *, exact: bool = True
) -> Iterator[tuple[range, Tensor, Batch]]:
    """Encoder states and graphs of the rows of consecutive days, `step` days at a time; the model must be in `eval`."""
    stocks = None if exact else heard(data, days)
    (state,) = states_before(model, data, [days.start], None if stocks is None else [stocks])
    for first in range(days.start, days.stop, step):
        some = range(first, min(first + step, days.stop))
        x, state, batch = encode_rows(model, data, some, state, stocks)
        yield some, x, batch


@torch.no_grad()
def score_days(
    model: Hist, data: WindowData, days: range, step: int = 1, *, exact: bool = True
) -> npt.NDArray[np.float32]:
    """Scores and their parts [n_days, n_stocks of the window, 4], in the order of COLUMNS, NaN elsewhere.

    More days in one `step` are faster; a day's numbers then depend, in their last bit, on the others of its step. So is
    `exact=False`, which runs the members of `days` alone; the last bit then depends on who they are.
    """
    model.eval()
    result = np.full((len(days), len(data.stocks), len(COLUMNS)), np.nan, dtype=np.float32)
    for some, x, batch in walk(model, data, days, step, exact=exact):
        if batch.n_rows == 0:
            continue
        scores: Scores = model.head(x, batch)
        values = torch.stack([getattr(scores, name) for name in COLUMNS], dim=1).cpu().numpy()
        start = 0
        for day, size in zip(some, batch.row_sizes, strict=True):
            result[day - days.start, data.rows[day]] = values[start : start + size]
            start += size
    return result


@torch.no_grad()
def states_before(
    model: Hist, data: WindowData, days: Sequence[int], stocks: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """The stream's state before each of some rising days, run from the window's first day; the model must be in `eval`.

    With `stocks`, one rising set for each day, a state holds these alone, and no stock is run before its first valid
    day or after the last state that holds it. Without meaning for a window encoder.
    """
    encoder = model.encoder
    if not isinstance(encoder, StreamEncoder):
        return [data.features.new_zeros(0)] * len(days)
    state, now, states = encoder.start(len(data.stocks), data.features), 0, []
    if stocks is not None:
        begun = torch.where(data.mask.any(dim=0), data.mask.to(torch.uint8).argmax(dim=0), len(data.mask))
        wanted = torch.full_like(begun, -1)  # in which of the states a stock is last
        for k, some in enumerate(stocks):
            wanted[some] = k
    for k, day in enumerate(days):
        for first in range(now, day, STRIDE):
            span = slice(first, min(first + STRIDE, day))
            features, mask = data.features[span], data.mask[span]
            if stocks is None:
                _, state = run_in_blocks(encoder, features, mask, state)
            else:
                run = torch.nonzero((wanted >= k) & (begun < span.stop)).squeeze(1)
                _, state[:, run] = encoder.run(features[:, run], mask[:, run], state[:, run])
        now = day
        states.append(state if stocks is None else state[:, stocks[k]])
    return states


def as_frame(data: WindowData, days: range, values: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Long form: date, company_id, concept, hidden, individual, score; by date, then as in the market."""
    order = np.argsort(data.columns)
    values = values[:, order]
    day, stock = np.nonzero(np.isfinite(values[:, :, -1]))
    dates = data.inputs.market.dates[data.start + days.start : data.start + days.stop]
    frame = pd.DataFrame(
        {"date": dates[day], "company_id": np.array(data.stocks, dtype=object)[order][stock]}
    )
    for column, name in enumerate(COLUMNS):
        frame[name] = values[day, stock, column].astype(np.float64)
    return frame


def score_fitted(
    inputs: TrainingInputs,
    window: Window,
    config: HistConfig,
    parameters: Mapping[str, Tensor],
    days: slice,
    device: str = "cpu",
) -> pd.DataFrame:
    """Scores of days by a fitted window's parameters, as its fit would have given them; see `as_frame`.

    Args:
        inputs: what the window was fitted on; it may have more days by now
        window: as it was fitted
        config: as it was fitted
        parameters: the chosen ones
        days: positions in the market's dates, not before the window's training
        device: a torch device

    Raises:
        ModelError: days without a snapshot, or that the market does not have
    """
    place = device_of(device)
    past = days.stop <= window.valid.stop  # as a fit sees them: without whoever joins later
    test = slice(min(days.start, window.test.start), max(days.stop, window.test.start + 1))
    with fixed_kernels(config.threads, place):
        data = WindowData(inputs, window if past else replace(window, test=test), config, place, fit=past)
        model = Hist(config, inputs.n_features, seed=0, concepts=inputs.series is not None).to(place)
        model.load_state_dict(dict(parameters))
        asked = data.days(days)
        return as_frame(data, asked, score_days(model, data, asked))
