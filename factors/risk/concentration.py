"""Hidden concentration: holdings that look spread by industry label and are one bet by what they sell.

The weight of a portfolio behind product k is p_k = sum_i h_i w_ik: holdings times revenue shares. The
effective number of products is 1 / sum_k (p_k / p)^2, p the whole weight that is behind products (the
inverse Herfindahl index): n equal bets count n. The same figures by industry label stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.factors.arrays import Floats
from samgraph.factors.risk.model import node_path
from samgraph.graph.series.snapshots import Edges
from samgraph.rounding import SHARE, to_digits


@dataclass(frozen=True)
class Concentration:
    """How concentrated a portfolio is in one family (products of one level, or industries).

    Attributes:
        effective: effective number of groups; 0 if nothing is covered.
        largest: id of the largest; largest_share: its share of the covered weight.
        covered: share of the portfolio's (absolute) weight that is behind a group.
        groups: number of groups with any weight.
    """

    effective: float
    largest: str
    largest_share: float
    covered: float
    groups: int


def group_weights(weights: Floats, edges: Edges, n_groups: int) -> Floats:
    """Weight of the portfolio behind each group. Shapes: weights [n_stocks]; result [n_groups]."""
    return np.bincount(
        edges.concept, weights=weights[edges.stock] * edges.weight.astype(np.float64), minlength=n_groups
    ).astype(np.float64)


def concentration(groups: Mapping[str, float], invested: float) -> Concentration:
    """The figures for weights by group id; `invested` is the portfolio's absolute weight."""
    size = {name: abs(value) for name, value in groups.items() if value != 0.0}
    total = math.fsum(size.values())
    if total <= 0.0:
        return Concentration(0.0, "", 0.0, 0.0, 0)
    largest = max(size, key=lambda name: (size[name], name))
    effective = total**2 / math.fsum(value**2 for value in size.values())
    covered = total / invested if invested > 0.0 else math.nan
    return Concentration(effective, largest, size[largest] / total, covered, len(size))


def by_level(groups: Mapping[str, float], parents: Mapping[str, str | None]) -> dict[int, dict[str, float]]:
    """Weights rolled up to each level of the taxonomy (1 is a root): level -> node -> weight.

    A node above the level stays as it is, so that every level holds the whole weight.
    """
    paths = {name: list(reversed(node_path(name, parents))) for name in groups}
    deepest = max((len(path) for path in paths.values()), default=0)
    out: dict[int, dict[str, float]] = {}
    for level in range(1, deepest + 1):
        rolled: dict[str, list[float]] = {}
        for name, weight in groups.items():
            rolled.setdefault(paths[name][min(level, len(paths[name])) - 1], []).append(weight)
        out[level] = {node: math.fsum(parts) for node, parts in rolled.items()}
    return out


def twins(weights: Floats, edges: Edges, stocks: Sequence[str], *, least: float = 0.5) -> pd.DataFrame:
    """Pairs of holdings that are one product: weighted overlap sum_k min(w_ik, w_jk) of at least `least`.

    Args:
        weights: [n_stocks]; pairs of stocks that are both held.
        edges: revenue shares.
        stocks: [n_stocks] ids.
        least: smallest overlap to report.

    Returns:
        company_a, company_b, overlap, weight (of both together); the heaviest first, equal ones as they stand.
    """
    held = np.flatnonzero(weights)
    row = np.full(len(weights), -1)
    row[held] = np.arange(len(held))
    use = row[edges.stock] >= 0
    own, concept, share = row[edges.stock[use]], edges.concept[use], edges.weight[use].astype(np.float64)
    overlap = np.zeros((len(held), len(held)))
    for k in np.unique(concept):
        members = concept == k
        if members.sum() > 1:
            overlap[np.ix_(own[members], own[members])] += np.minimum.outer(share[members], share[members])
    a, b = np.nonzero(np.triu(overlap >= least - SHARE, k=1))
    frame = pd.DataFrame(
        {
            "company_a": [stocks[held[i]] for i in a],
            "company_b": [stocks[held[j]] for j in b],
            "overlap": overlap[a, b],
            "weight": weights[held[a]] + weights[held[b]],
        }
    )
    return frame.sort_values(
        ["weight", "overlap"], ascending=False, kind="stable", ignore_index=True, key=to_digits(6)
    )
