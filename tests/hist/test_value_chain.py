"""The value chain in the model: equal to a dense reading, a day late, and blind to what comes later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from oracles import hist_dense
from oracles.hist_making import make_market, make_series
from torch import Tensor

from samgraph.graph.series.chain_links import ChainLinks, ValueChain
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.apply import encode_rows, heard, score_days, states_before
from samgraph.hist.batch import collate, day_graph
from samgraph.hist.config import variant
from samgraph.hist.data import WindowData, training_inputs
from samgraph.hist.day_graph import DayGraph, Yesterday
from samgraph.hist.encoder import StreamEncoder
from samgraph.hist.model import Hist, HistHead
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window
from samgraph.hist.yesterday import collate_reach, reach

D, M = 8, 6


def random_day(rng: np.random.Generator, n: int, concepts: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """States, weights [n, M] and caps of a day on which only some concepts have stocks."""
    weight = (
        rng.uniform(0.1, 1.0, (n, M)) * (rng.uniform(size=(n, M)) < 0.5) * np.isin(np.arange(M), concepts)
    )
    return tuple(torch.from_numpy(v) for v in (rng.normal(size=(n, D)), weight, rng.uniform(0.5, 2, n)))  # type: ignore[return-value]


def graph_of(weight: Tensor) -> DayGraph:
    stock, concept = np.nonzero(weight.numpy())
    edges = Edges.of(stock, concept, weight.numpy()[stock, concept])
    return day_graph(edges, np.arange(len(weight)))


def links_of(matrix: Tensor) -> ChainLinks:
    supplier, customer = np.nonzero(matrix.numpy())
    return ChainLinks.of(supplier, customer, matrix.numpy()[supplier, customer])


def head_of(attention: str, **changes: Any) -> HistHead:
    torch.manual_seed(2)
    head = HistHead(
        variant("samgraph", hidden_size=D, attention=attention, value_chain=True, **changes)
    ).double()
    assert head.chain is not None
    with torch.no_grad():
        head.chain.up.copy_(torch.randn(D, D))
        head.chain.down.copy_(torch.randn(D, D))
    return head


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("attention", ["edges", "all"])
def test_two_days_with_their_days_before_equal_the_dense_reading(attention: str, binary: bool) -> None:
    """Concepts that come and go between the days, stocks without edges, and a day with nothing before it."""
    rng = np.random.default_rng(7)
    head = head_of(attention, binary_edges=binary)
    days = [random_day(rng, 9, [0, 1, 2, 3]), random_day(rng, 7, [1, 2, 3, 4, 5])]
    before = [random_day(rng, 8, [0, 2, 4, 5]), random_day(rng, 0, [])]
    matrices = [
        torch.from_numpy(rng.uniform(0.2, 1.0, (M, M)) * (rng.uniform(size=(M, M)) < 0.4) * (1 - np.eye(M)))
        for _ in days
    ]
    # float32 weights are exact for the dense reading too
    days = [(x, w.float().double(), cap) for x, w, cap in days]
    before = [(x, w.float().double(), cap) for x, w, cap in before]
    matrices = [m.float().double() for m in matrices]

    graphs, earlier = [graph_of(w) for _, w, _ in days], [graph_of(w) for _, w, _ in before]
    reaches = [
        reach(now, then, links_of(matrix), M, binary=binary)
        for now, then, matrix in zip(graphs, earlier, matrices, strict=True)
    ]
    x = torch.cat([d[0] for d in days]).requires_grad_(True)
    x_before = torch.cat([d[0] for d in before]).requires_grad_(True)
    batch = replace(
        collate(graphs, torch.cat([d[2] for d in days])),
        yesterday=Yesterday(
            collate(earlier, torch.cat([d[2] for d in before])),
            x_before,
            *(collate_reach(parts) for parts in zip(*reaches, strict=True)),
        ),
    )
    out = head(x, batch)
    gradients = torch.autograd.grad(
        (out.score**2).sum(), [x, x_before, *head.parameters()], allow_unused=True
    )

    how = hist_dense.Reading(attention=attention, binary=binary)
    known = dict(head.named_parameters())
    scores, concepts = [], []
    start = start_before = 0
    for (rows, w, cap), (rows_before, w_before, cap_before), matrix in zip(
        days, before, matrices, strict=True
    ):
        part = hist_dense.DayBefore(
            x_before[start_before : start_before + len(rows_before)], w_before, cap_before, matrix
        )
        found = hist_dense.hist(x[start : start + len(rows)], w, cap, known, how, part)
        scores.append(found.score)
        concepts.append(found.concept)
        start, start_before = start + len(rows), start_before + len(rows_before)
    dense = torch.cat(scores)
    wanted = torch.autograd.grad((dense**2).sum(), [x, x_before, *head.parameters()], allow_unused=True)

    torch.testing.assert_close(out.score, dense, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(out.concept, torch.cat(concepts), rtol=1e-10, atol=1e-10)
    for ours, theirs in zip(gradients, wanted, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    assert float(gradients[1].abs().max()) > 1e-3  # the day before is heard


def chained(series: SnapshotSeries, seed: int = 0) -> SnapshotSeries:
    """The series with links that change every 30 days."""
    rng = np.random.default_rng(seed)
    m = series.n_concepts
    versions = tuple(
        links_of(torch.from_numpy((rng.uniform(size=(m, m)) < 0.4) * rng.uniform(0.5, 1, (m, m))))
        for _ in range(0, series.n_dates, 30)
    )
    found = replace(series, chain=ValueChain(np.arange(series.n_dates) // 30, versions))
    found.validate()
    return found


def spoken(model: Hist) -> Hist:
    """The model with a value chain that says something."""
    assert model.head.chain is not None
    torch.manual_seed(5)
    with torch.no_grad():
        model.head.chain.up.normal_()
        model.head.chain.down.normal_()
    return model


WINDOW = Window(slice(30, 60), slice(62, 80), slice(82, 110))


def prepared(series: SnapshotSeries, encoder: str = "stream") -> tuple[Hist, WindowData]:
    market = make_market(3, 110, 10, missing=0.03)
    config = variant("samgraph", hidden_size=6, value_chain=True, encoder=encoder, window_length=10, chunk=7)
    inputs = training_inputs(market, series, config)
    data = WindowData(inputs, WINDOW, config, torch.device("cpu"))
    return spoken(Hist(config, inputs.n_features, seed=1)), data


@pytest.fixture(scope="module")
def series() -> SnapshotSeries:
    return chained(make_series(make_market(3, 110, 10, missing=0.03), seed=4, n_concepts=5))


def test_a_chunk_hears_the_states_that_the_day_before_ended_with(series: SnapshotSeries) -> None:
    """The states that reach day t are those that the encoder gives day t - 1, also across chunks."""
    model, data = prepared(series)
    days = range(40, 47)
    with torch.no_grad():
        _, _, batch = encode_rows(model, data, days, states_before(model, data, [days.start])[0])
        assert isinstance(model.encoder, StreamEncoder)
        top, _ = model.encoder.run(
            data.features[:47], data.mask[:47], model.encoder.start(len(data.stocks), data.features)
        )
    assert batch.yesterday is not None
    expected = torch.cat([top[day - 1, data.rows[day - 1]] for day in days])
    torch.testing.assert_close(batch.yesterday.x, expected, rtol=1e-5, atol=1e-6)
    assert batch.yesterday.batch.row_sizes == tuple(len(data.rows[day - 1]) for day in days)


def test_a_step_that_runs_its_own_stocks_alone_hears_what_all_stocks_would_tell(
    series: SnapshotSeries,
) -> None:
    """Training carries only the stocks of a chunk, the value chain's of the day before among them."""
    model, data = prepared(series)
    data.rows = [
        rows[(rows + day // 20) % 3 > 0] for day, rows in enumerate(data.rows)
    ]  # members come and go
    groups = [range(first, first + 7) for first in (20, 41, 48)]
    stocks = [heard(data, group) for group in groups]
    alone = states_before(model, data, [group[0] for group in groups], stocks)
    with torch.no_grad():
        for group, some, state in zip(groups, stocks, alone, strict=True):
            whole = encode_rows(model, data, group, states_before(model, data, [group[0]])[0])
            part = encode_rows(model, data, group, state, some)
            torch.testing.assert_close(part[0], whole[0], rtol=1e-5, atol=1e-6)
            assert part[2].yesterday is not None and whole[2].yesterday is not None
            torch.testing.assert_close(part[2].yesterday.x, whole[2].yesterday.x, rtol=1e-5, atol=1e-6)
    scores = score_days(model, data, range(41, 55), 7)
    np.testing.assert_allclose(
        score_days(model, data, range(41, 55), 7, exact=False), scores, rtol=1e-4, atol=1e-5
    )
    assert max(len(some) for some in stocks[1:]) < len(data.stocks)


@pytest.mark.parametrize("encoder", ["stream", "window"])
def test_scores_do_not_depend_on_how_days_are_chunked(series: SnapshotSeries, encoder: str) -> None:
    model, data = prepared(series, encoder)
    whole = score_days(model, data, range(40, 60))
    alone = np.concatenate([score_days(model, data, range(day, day + 1)) for day in range(40, 60)])
    np.testing.assert_allclose(whole, alone, rtol=1e-4, atol=1e-5)


def test_links_that_come_later_change_no_earlier_score_and_links_of_the_day_do(
    series: SnapshotSeries,
) -> None:
    assert series.chain is not None
    model, data = prepared(series)
    later = list(series.chain.versions)
    later[3] = links_of(torch.ones(5, 5) - torch.eye(5))  # from day 90 of the market on
    changed = replace(series, chain=replace(series.chain, versions=tuple(later)))
    _, data_changed = prepared(changed)
    turn = 90 - data.start
    days = range(turn - 15, turn + 3)
    before, after = score_days(model, data, days), score_days(model, data_changed, days)
    np.testing.assert_array_equal(before[:15], after[:15])
    assert not np.allclose(before[15:], after[15:], equal_nan=True)


def test_a_stock_hears_its_suppliers_a_day_later_and_never_on_the_day(series: SnapshotSeries) -> None:
    """With the message of the chain alone: today's features of others do not reach it, yesterday's do."""
    model, data = prepared(series)
    day = 50
    state = states_before(model, data, [day - 1])[0]

    def message(features: Tensor) -> Tensor:
        moved = data.features
        data.features = features
        try:
            with torch.no_grad():
                _, _, batch = encode_rows(model, data, range(day - 1, day + 1), state)
                head = model.head
                assert head.chain is not None and head.predefined is not None and batch.yesterday is not None
                states = head.predefined.states(batch.yesterday.x, batch.yesterday.batch)
                return head.chain(states, batch.yesterday)[batch.row_sizes[0] :]
        finally:
            data.features = moved

    today, yesterday = data.features.clone(), data.features.clone()
    today[day] += 1.0
    yesterday[day - 1] += 1.0
    base = message(data.features)
    assert float(base.abs().max()) > 0
    torch.testing.assert_close(message(today), base, rtol=0, atol=0)
    assert not torch.allclose(message(yesterday), base)


@pytest.mark.parametrize("encoder", ["stream", "window"])
def test_training_uses_the_chain_and_starts_from_the_model_without_it(
    series: SnapshotSeries, encoder: str
) -> None:
    market = make_market(3, 110, 10, missing=0.03)
    fits = {}
    for chain in (False, True):
        config = variant(
            "samgraph",
            hidden_size=6,
            value_chain=chain,
            encoder=encoder,
            window_length=10,
            epochs=1,
            start="nothing",
        )
        fits[chain] = fit_window(training_inputs(market, series, config), WINDOW, config, seed=0)
    assert float(fits[True].parameters["head.chain.up"].abs().max()) > 0
    assert float(fits[True].parameters["head.chain.down"].abs().max()) > 0
    assert not np.allclose(fits[False].predictions["score"], fits[True].predictions["score"])
    config = variant("samgraph", hidden_size=6, value_chain=True)
    other = Hist(replace(config, value_chain=False), 9, seed=0)
    for name, value in Hist(config, 9, seed=0).named_parameters():
        if name.startswith("head.chain"):
            assert not value.any()
        else:
            torch.testing.assert_close(value, dict(other.named_parameters())[name], rtol=0, atol=0)


def test_a_series_without_a_chain_gives_the_model_without_one(series: SnapshotSeries) -> None:
    model, data = prepared(replace(series, chain=None))
    scores = score_days(model, data, range(40, 45))
    plain = Hist(replace(model.config, value_chain=False), model_features(data), seed=1)
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("head.chain")})
    np.testing.assert_array_equal(scores, score_days(plain, data, range(40, 45)))


def model_features(data: WindowData) -> int:
    return data.inputs.n_features
