"""HIST as a slow dense reading of its description: one day, whole matrices, loops over stocks and concepts.

Written without looking at the modules it checks. `weight` is the [n_stocks, n_concepts] matrix of revenue
shares, 0 where there is no edge. Everything is differentiable.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """How the description is read."""

    attention: str = "edges"
    neighbours: int = 3
    eps: float = 1e-6
    cap_weighted: bool = True
    binary: bool = False
    denominator_times_weight: bool = False
    correction: bool = True
    cosine_eps: float = 0.0


@dataclass(frozen=True)
class Dense:
    score: Tensor
    concept: Tensor
    hidden: Tensor
    individual: Tensor


def cosine(a: Tensor, b: Tensor, eps: float) -> Tensor:
    bottom = torch.sqrt((a * a).sum()) * torch.sqrt((b * b).sum()) + eps
    if bottom.item() == 0.0:
        return a.new_zeros(())
    return (a * b).sum() / bottom


def softmax(values: list[Tensor]) -> list[Tensor]:
    top = max(v.item() for v in values)
    raised = [torch.exp(v - top) for v in values]
    total = sum(raised)
    return [r / total for r in raised]


def weighted(coefficients: list[Tensor], rows: list[Tensor], like: Tensor) -> Tensor:
    result = torch.zeros_like(like)
    for coefficient, row in zip(coefficients, rows, strict=True):
        result = result + coefficient * row
    return result


def predefined(x: Tensor, weight: Tensor, cap: Tensor, how: Reading) -> Tensor:
    """What each stock receives from the predefined concepts."""
    concepts = concept_states(x, weight, cap, how)
    n = len(weight)
    return to_stocks(x, concepts, {i: {k for k in concepts if weight[i, k] > 0} for i in range(n)}, how)


@dataclass(frozen=True)
class DayBefore:
    """Yesterday's states [n', d], weights [n', m] and caps, and today's links [m, m] from supplier to customer."""

    x: Tensor
    weight: Tensor
    cap: Tensor
    links: Tensor


def from_the_chain(weight: Tensor, before: DayBefore, how: Reading) -> tuple[Tensor, Tensor]:
    """The mean states of yesterday's suppliers, and customers, of what each stock sells today, [n, d] each."""
    states = concept_states(before.x, before.weight, before.cap, how)
    d = before.x.shape[1]
    result = []
    for up in (True, False):
        rows = []
        for share in weight:
            total, top = torch.zeros(d, dtype=before.x.dtype), 0.0
            for k in range(len(share)):
                amount = (1.0 if how.binary else float(share[k])) if share[k] > 0 else 0.0
                for s, state in states.items():
                    strength = amount * float(before.links[s, k] if up else before.links[k, s])
                    total, top = total + strength * state, top + strength
            rows.append(total / top if top > 0 else total)
        result.append(torch.stack(rows))
    return result[0], result[1]


def concept_states(x: Tensor, weight: Tensor, cap: Tensor, how: Reading) -> dict[int, Tensor]:
    """The corrected state of each concept that has a stock."""
    n, m = weight.shape
    matrix = (weight > 0).to(x.dtype) if how.binary else weight
    mass = cap if how.cap_weighted else torch.ones_like(cap)
    concepts: dict[int, Tensor] = {}
    members = {k: [i for i in range(n) if weight[i, k] > 0] for k in range(m)}
    for k in range(m):
        if not members[k]:
            continue
        total = sum(mass[j] * matrix[j, k] for j in members[k])
        factor = {i: matrix[i, k] if how.denominator_times_weight else 1.0 for i in members[k]}
        a = [mass[i] * matrix[i, k] / (how.eps + factor[i] * total) for i in members[k]]
        concepts[k] = weighted(a, [x[i] for i in members[k]], x[0])
    if how.correction:
        for k, state in list(concepts.items()):
            listeners = members[k] if how.attention == "edges" else list(range(n))
            b = softmax([(x[i] * state).sum() for i in listeners])
            concepts[k] = weighted(b, [x[i] for i in listeners], x[0])
    return concepts


def to_stocks(x: Tensor, concepts: dict[int, Tensor], linked: dict[int, set[int]], how: Reading) -> Tensor:
    received = []
    for i in range(len(x)):
        heard = [k for k in sorted(concepts) if how.attention == "all" or k in linked[i]]
        if not heard:
            received.append(torch.zeros_like(x[i]))
            continue
        c = softmax([cosine(x[i], concepts[k], how.cosine_eps) for k in heard])
        received.append(weighted(c, [concepts[k] for k in heard], x[i]))
    return torch.stack(received)


def hidden(r: Tensor, how: Reading) -> Tensor:
    """What each stock receives from the hidden concepts, one of which starts from each stock."""
    n = len(r)
    likeness = [[cosine(r[i], r[j], how.cosine_eps) for j in range(n)] for i in range(n)]
    links: dict[int, dict[int, Tensor]] = {j: {} for j in range(n)}
    for i in range(n):
        candidates = [0.0 if j == i else likeness[i][j].item() for j in range(n)]
        nearest = sorted(range(n), key=lambda j: -candidates[j])[: min(how.neighbours, n)]
        for j in nearest:
            if candidates[j] != 0.0:
                links[j][i] = likeness[i][j]
    concepts: dict[int, Tensor] = {}
    for j in range(n):
        if links[j]:
            links[j][j] = likeness[j][j]
            concepts[j] = weighted(list(links[j].values()), [r[i] for i in links[j]], r[0])
    linked = {i: {j for j in concepts if i in links[j]} for i in range(n)}
    return to_stocks(r, concepts, linked, how)


def hist(
    x: Tensor,
    weight: Tensor,
    cap: Tensor,
    p: dict[str, Tensor],
    how: Reading,
    before: DayBefore | None = None,
) -> Dense:
    """Everything after the encoder. `p` names each linear layer's weight and bias."""

    def linear(name: str, value: Tensor) -> Tensor:
        return value @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def leaky(value: Tensor) -> Tensor:
        return torch.where(value > 0, value, 0.01 * value)

    received = predefined(x, weight, cap, how)
    if before is not None:
        up, down = from_the_chain(weight, before, how)
        received = received + up @ p["chain.up"].T + down @ p["chain.down"].T
    shared = linear("predefined_part.shared", received)
    concept = leaky(linear("predefined_part.forecast", shared))
    residual = x - linear("predefined_part.backcast", shared)
    shared = linear("hidden_part.shared", hidden(residual, how))
    latent = leaky(linear("hidden_part.forecast", shared))
    residual = residual - linear("hidden_part.backcast", shared)
    own = leaky(linear("individual", residual))
    score = linear("output", concept + latent + own)[:, 0]
    w = p["output.weight"][0]
    return Dense(score, concept @ w, latent @ w, own @ w)


def published(x: Tensor, matrix: Tensor, cap: Tensor | None, p: dict[str, Tensor], neighbours: int) -> Tensor:
    """The score as the published programs arrange it, with whole matrices.

    With caps: the authors' own (a softmax over all stocks re-forms each concept). Without: qlib's port (no such
    stage, one neighbour, 1e-6 beside the norms).
    """
    ported = cap is None
    n = len(x)

    def linear(name: str, value: Tensor) -> Tensor:
        return value @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def similarity(a: Tensor, b: Tensor) -> Tensor:
        norms = torch.outer((a * a).sum(1).sqrt(), (b * b).sum(1).sqrt())
        return a @ b.T / (norms + 1e-6) if ported else a @ b.T / norms

    start = matrix if cap is None else matrix * cap[:, None]
    bottom = start.sum(0)[None, :] * matrix + 1.0
    state = (start / bottom).T @ x
    state = state[state.sum(1) != 0]
    if not ported:
        state = torch.softmax(x @ state.T, dim=0).T @ x
    received = torch.softmax(similarity(x, state), dim=1) @ state
    shared = linear("predefined_part.shared", received)
    first = torch.nn.functional.leaky_relu(linear("predefined_part.forecast", shared))
    residual = x - linear("predefined_part.backcast", shared)

    like = similarity(residual, residual)
    own = like.diagonal()
    off = like * (1.0 - torch.eye(n, dtype=x.dtype, device=x.device))
    kept = torch.zeros_like(off).scatter(1, off.topk(1 if ported else neighbours, dim=1).indices, 1.0)
    links = off * kept
    links = links + torch.diag((links.sum(0) != 0).to(x.dtype) * own)
    state = links.T @ residual
    state = state[state.sum(1) != 0]
    received = torch.softmax(similarity(residual, state), dim=1) @ state
    shared = linear("hidden_part.shared", received)
    second = torch.nn.functional.leaky_relu(linear("hidden_part.forecast", shared))
    residual = residual - linear("hidden_part.backcast", shared)
    third = torch.nn.functional.leaky_relu(linear("individual", residual))
    return linear("output", first + second + third)[:, 0]
