"""The message-passing model equals the dense reading and the published arrangement, forward and backward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from oracles import hist_dense
from torch import Tensor

from samgraph.graph.series.snapshots import Edges
from samgraph.hist import attention
from samgraph.hist.batch import collate, day_graph
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.day_graph import Batch
from samgraph.hist.model import HistHead

D = 16  # a square: the norm of plus and minus ones is exact


def make_day(
    seed: int,
    n: int,
    m: int,
    density: float = 0.3,
    *,
    binary: bool = False,
    equal: bool = False,
    keep_concepts: list[int] | None = None,
    keep_stocks: list[int] | None = None,
    zero_state: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """States [n, D], weights [n, m] (0 = no edge) and caps [n], in float64."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.05, 1.0, (n, m)) * (rng.uniform(size=(n, m)) < density)
    x, cap = rng.normal(size=(n, D)), rng.uniform(0.1, 5.0, n)
    if binary:
        weight = (weight > 0).astype(float)
    if equal:
        weight, cap = np.full((n, m), 0.25), np.ones(n)
    if keep_concepts is not None:
        weight *= np.isin(np.arange(m), keep_concepts)
    if keep_stocks is not None:
        weight *= np.isin(np.arange(n), keep_stocks)[:, None]
    if zero_state is not None:
        x[zero_state] = 0.0
    return torch.from_numpy(x), torch.from_numpy(weight), torch.from_numpy(cap)


def batch_of(weight: Tensor, cap: Tensor) -> Batch:
    stock, concept = np.nonzero(weight.numpy())
    edges = Edges(stock, concept, weight.numpy()[stock, concept].astype(np.float32))
    graph = day_graph(edges, np.arange(len(weight)))
    # Exact float64 weights, so that only arithmetic is compared.
    concept = graph.concept_ids[graph.links.target.numpy()]
    exact = weight[graph.links.source, torch.from_numpy(concept)].to(cap.dtype)
    return replace(collate([graph], cap), weight=exact)


def make_head(config: HistConfig, seed: int, dtype: torch.dtype = torch.float64) -> HistHead:
    torch.manual_seed(seed)
    return HistHead(config).to(dtype)


def config_of(**changes: Any) -> HistConfig:
    return variant("samgraph", **{"hidden_size": D, **changes})


def reading_of(config: HistConfig) -> hist_dense.Reading:
    return hist_dense.Reading(
        attention=config.attention,
        neighbours=config.neighbours,
        eps=config.eps,
        cap_weighted=config.cap_weighted,
        binary=config.binary_edges,
        denominator_times_weight=config.published_denominator,
        correction=config.correction,
        cosine_eps=config.cosine_eps,
    )


CASES = {
    "usual": make_day(1, 12, 5),
    "empty concepts": make_day(2, 11, 5, keep_concepts=[0, 2]),
    "stocks without edges": make_day(3, 10, 4, 0.5, keep_stocks=[1, 2, 4, 5, 7, 8]),
    "one stock": make_day(4, 1, 3, 1.0),
    "one concept": make_day(5, 9, 1, 0.7),
    "no edge at all": make_day(6, 6, 3, 0.0),
    "all weights equal": make_day(7, 7, 4, 1.0, equal=True),
    "a stock whose state is zero": make_day(8, 8, 4, 0.6, zero_state=2),
}

VARIANTS: dict[str, HistConfig] = {
    "edges": config_of(),
    "all": config_of(attention="all"),
    "edges, one neighbour": config_of(neighbours=1),
    "edges, five neighbours": config_of(neighbours=5),
    "all, five neighbours": config_of(attention="all", neighbours=5),
    "edges, no caps, no correction": config_of(cap_weighted=False, correction=False),
    "published denominator": config_of(published_denominator=True, eps=1.0),
    "binary": config_of(binary_edges=True, attention="all", eps=1.0),
    "qlib's cosine": config_of(cosine_eps=1e-6, attention="all"),
    "qlib's cosine over edges": config_of(cosine_eps=1e-6),
}


def both(
    config: HistConfig, case: tuple[Tensor, Tensor, Tensor], dtype: torch.dtype
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Outputs and gradients of the modules (in `dtype`) and of the dense reading (in float64)."""
    x, weight, cap = case
    results = []
    for dense in (False, True):
        kind = torch.float64 if dense else dtype
        head = make_head(config, 3, kind)
        state = x.to(kind).clone().requires_grad_(True)
        if dense:
            out: Any = hist_dense.hist(state, weight, cap, dict(head.named_parameters()), reading_of(config))
        else:
            out = head(state, batch_of(weight, cap.to(kind)))
        target = torch.linspace(-1, 1, len(x), dtype=kind)
        ((out.score - target) ** 2).mean().backward()
        found = {name: getattr(out, name).detach() for name in ("score", "concept", "hidden", "individual")}
        found["gradient of x"] = state.grad if state.grad is not None else torch.zeros_like(state)
        for name, p in head.named_parameters():
            found[f"gradient of {name}"] = torch.zeros_like(p) if p.grad is None else p.grad
        results.append(found)
    return results[0], results[1]


@pytest.fixture(params=["small day", "large day"])
def day_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All pairs as whole matrices, and in parts as on a large day."""
    monkeypatch.setattr(attention, "DENSE_CELLS", 10**6 if request.param == "small day" else 0)
    monkeypatch.setattr(attention, "PART_CELLS", 20)
    return str(request.param)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", VARIANTS)
def test_forward_and_gradients_equal_the_dense_reading_in_float64(
    name: str, case: str, day_size: str
) -> None:
    if day_size == "large day" and VARIANTS[name].attention == "edges":
        return  # no pairs
    ours, dense = both(VARIANTS[name], CASES[case], torch.float64)
    for key, value in ours.items():
        if case == "a stock whose state is zero" and key == "gradient of x":
            continue  # the dense square root has no derivative at zero
        assert torch.isfinite(value).all(), key
        torch.testing.assert_close(
            value, dense[key], rtol=1e-10, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
        )


@pytest.mark.parametrize(
    "case",
    ["usual", "empty concepts", "stocks without edges", "one stock", "one concept", "all weights equal"],
)
@pytest.mark.parametrize("name", ["edges", "all", "binary", "edges, one neighbour", "edges, five neighbours"])
def test_float32_equals_the_dense_reading_to_1e_5(name: str, case: str) -> None:
    ours, dense = both(VARIANTS[name], CASES[case], torch.float32)
    for key, value in ours.items():
        torch.testing.assert_close(value.double(), dense[key], rtol=1e-5, atol=1e-5)


def test_adam_takes_the_same_step_as_from_the_dense_reading() -> None:
    x, weight, cap = CASES["usual"]
    target = torch.linspace(-1, 1, len(x), dtype=x.dtype)
    after = []
    for dense in (False, True):
        head = make_head(config_of(), 9)
        optimiser = torch.optim.Adam(head.parameters(), lr=0.01)
        if dense:
            named = dict(head.named_parameters())
            score = hist_dense.hist(x, weight, cap, named, reading_of(config_of())).score
        else:
            score = head(x, batch_of(weight, cap)).score
        ((score - target) ** 2).mean().backward()
        optimiser.step()
        after.append({name: p.detach() for name, p in head.named_parameters()})
    for name, value in after[0].items():
        torch.testing.assert_close(value, after[1][name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("attention", ["edges", "all"])
@pytest.mark.parametrize("neighbours", [1, 2, 3])
def test_ties_go_to_the_first_stock(attention: str, neighbours: int) -> None:
    # Entries of plus and minus one: every cosine is exact in any order of summation, and many are equal.
    rng = np.random.default_rng(5)
    x = torch.from_numpy(rng.choice([-1.0, 1.0], size=(10, D)))
    x[3], x[7] = x[1], x[1]
    weight = torch.from_numpy((rng.uniform(size=(10, 4)) < 0.5) * 0.5)
    config = config_of(attention=attention, neighbours=neighbours)
    head = make_head(config, 3)
    with torch.no_grad():
        assert head.predefined_part is not None
        head.predefined_part.backcast.weight.zero_()  # the residual is x itself, with its ties
        head.predefined_part.backcast.bias.zero_()
    out = head(x, batch_of(weight, torch.ones(10).double()))
    dense = hist_dense.hist(
        x, weight, torch.ones(10).double(), dict(head.named_parameters()), reading_of(config)
    )
    torch.testing.assert_close(out.score, dense.score, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(dense.hidden, dense.hidden[0])


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_paper_equals_the_published_program(neighbours: int, seed: int) -> None:
    x, matrix, cap = make_day(seed, 15, 6, binary=True)
    config = variant("paper", hidden_size=D, neighbours=neighbours)
    head = make_head(config, seed)
    compare_with_published(x, matrix, cap, head, neighbours)


@pytest.mark.parametrize("seed", range(4))
def test_paper_equals_the_published_program_with_revenue_shares(seed: int) -> None:
    x, weight, cap = make_day(seed, 15, 6)
    config = variant("paper", hidden_size=D, binary_edges=False)
    compare_with_published(x, weight, cap, make_head(config, seed), config.neighbours)


@pytest.mark.parametrize("seed", range(4))
def test_qlib_equals_the_published_program(seed: int) -> None:
    x, matrix, cap = make_day(seed, 15, 6, binary=True)
    compare_with_published(x, matrix, None, make_head(variant("qlib", hidden_size=D), seed), 1, cap)


def compare_with_published(
    x: Tensor,
    matrix: Tensor,
    cap: Tensor | None,
    head: HistHead,
    neighbours: int,
    other: Tensor | None = None,
) -> None:
    known = dict(head.named_parameters())
    target = torch.linspace(-1, 1, len(x), dtype=x.dtype)
    grads = []
    for published in (False, True):
        head.zero_grad()
        state = x.clone().requires_grad_(True)
        if published:
            score = hist_dense.published(state, matrix, cap, known, neighbours)
        else:
            score = head(state, batch_of(matrix, cap if cap is not None else other)).score
        ((score - target) ** 2).mean().backward()
        grads.append(
            [score.detach(), state.grad] + [p.grad.clone() for p in known.values() if p.grad is not None]
        )
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("attention", ["edges", "all"])
def test_one_optimiser_step_equals_the_dense_reading(attention: str, neighbours: int, case: str) -> None:
    x, weight, cap = CASES[case]
    config = config_of(attention=attention, neighbours=neighbours)
    target = torch.linspace(-1, 1, len(x), dtype=x.dtype)
    after = []
    for dense in (False, True):
        head = make_head(config, 9)
        # A step in proportion to the gradient: Adam's first one is its sign, which rounding turns where it is 0.
        optimiser = torch.optim.SGD(head.parameters(), lr=0.01)
        if dense:
            score = hist_dense.hist(x, weight, cap, dict(head.named_parameters()), reading_of(config)).score
        else:
            score = head(x, batch_of(weight, cap)).score
        ((score - target) ** 2).mean().backward()
        optimiser.step()
        after.append({name: p.detach() for name, p in head.named_parameters()})
    for name, value in after[0].items():
        torch.testing.assert_close(value, after[1][name], rtol=1e-10, atol=1e-10)


def test_the_published_denominator_cancels_revenue_shares_and_ours_does_not() -> None:
    _, weight, cap = make_day(3, 12, 3, 1.0)
    batch = batch_of(weight, cap)
    shares = {}
    for published in (False, True):
        config = config_of(published_denominator=published, eps=0.0)
        head = make_head(config, 1)
        assert head.predefined is not None
        # With the identity as states, a concept's state is its coefficients a_ik.
        coefficients = head.predefined.initial(torch.eye(12, dtype=torch.float64), batch)
        shares[published] = coefficients / coefficients.sum(dim=1, keepdim=True)
    torch.testing.assert_close(shares[True], (cap / cap.sum()).expand(3, 12))
    torch.testing.assert_close(shares[False], (cap[:, None] * weight / (cap @ weight)).T)
