"""What a shock to products costs, carried along the value chain by input shares, with the bound of what is not known.

Products are nodes of a taxonomy; a shock of a node holds for everything below it, and shocks add up. A link p -> q
says that p is an input of q, with a share a_pq of q's inputs or without one. With e_0 the shocks and n's line all
nodes from its root down to n itself,

    v_0[n] = sum of e_0 over n's line
    v_d[n] = sum over links p -> q with q in n's line and a stated share of a_pq v_d-1[p], divided by max(1, W_n)
    s[n]   = v_0[n] + ... + v_D[n]

W_n the sum of the stated shares of n's line: Leontief's price model (I - A')^-1 e, its series cut off at D links. What
no share is stated of is bounded by the uncovered share u_n = max(0, 1 - W_n). With b_0[n] the largest |v_0| at or below
n (as an input, n may be wholly the part of it that is shocked),

    b_d[n] = the same sum with b, + u_n max over n's links p without a stated share of b_d-1[p]

as an input again the largest at or below each node. Shocks down and up are bounded apart, so that

    low[n] = - sum_d b_d of the falls  <=  s[n]  <=  high[n] = sum_d b_d of the rises

A stock moves by the sum of its revenue shares times s; what it does not report does not move. Source: Leontief (1986),
"Input-Output Economics", chapter 2 (price equation); Miller and Blair (2009), "Input-Output Analysis", section 2.4, for
the series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class InputLinks:
    """A value chain over the nodes of a taxonomy.

    Shapes:
        parent: int64 [n_nodes], -1 for a root
        supplier, customer: int64 [n_links]; share: [n_links], of the customer's inputs, NaN where not stated
    """

    parent: Ints
    supplier: Ints
    customer: Ints
    share: Floats

    @classmethod
    def of(
        cls,
        nodes: Sequence[str],
        parents: Mapping[str, str | None],
        links: Sequence[tuple[str, str, float | None]],
    ) -> InputLinks:
        """Links by ids: supplier, customer, share (None or NaN: not stated), between given nodes."""
        place = {node: number for number, node in enumerate(nodes)}
        parent = [place.get(parents.get(node) or "", -1) for node in nodes]
        return cls(
            np.array(parent, dtype=np.int64),
            np.array([place[a] for a, _, _ in links], dtype=np.int64),
            np.array([place[b] for _, b, _ in links], dtype=np.int64),
            np.array([np.nan if w is None else w for _, _, w in links], dtype=np.float64),
        )

    def order(self) -> list[Ints]:
        """The nodes level by level, roots first.

        Raises:
            ModelError: the taxonomy runs in a circle.
        """
        levels = [np.flatnonzero(self.parent < 0)]
        while len(levels[-1]):
            levels.append(np.flatnonzero(np.isin(self.parent, levels[-1])))
            if len(levels) > len(self.parent) + 1:
                break
        if sum(map(len, levels)) != len(self.parent):
            raise ModelError("the taxonomy runs in a circle; give each product one parent.")
        return levels[:-1]


@dataclass(frozen=True, eq=False)
class Carried:
    """What a shock does to each node, as fractions of value: all [n_nodes].

    Attributes:
        direct: by the shocks themselves; carried: with what stated shares bring; low, high: its bounds.
    """

    direct: Floats
    carried: Floats
    low: Floats
    high: Floats


def carry(links: InputLinks, shocks: Floats, depth: int) -> Carried:
    """Carry shocks along the chain.

    Args:
        links: the chain.
        shocks: [n_nodes] fractions: -0.2 is a fall of a fifth.
        depth: D, links to follow at most; 0 is the shocks alone.

    Raises:
        ModelError: a negative depth, shapes that do not fit, or a taxonomy in a circle.
    """
    if depth < 0 or shocks.shape != links.parent.shape:
        raise ModelError(
            f"shocks of shape {shocks.shape} over {depth} links; give one a product and 0 links or more."
        )
    levels, n = links.order(), len(shocks)
    stated = np.isfinite(links.share)
    inputs = _inherited(_sums(links.customer[stated], links.share[stated], n), levels, links.parent)
    scale, uncovered = 1.0 / np.maximum(inputs, 1.0), np.maximum(1.0 - inputs, 0.0)

    def step(values: Floats) -> Floats:
        arrived = _sums(links.customer[stated], links.share[stated] * values[links.supplier[stated]], n)
        return _inherited(arrived, levels, links.parent) * scale

    def bounded(values: Floats) -> Floats:
        as_input = _highest_below(values, levels, links.parent)
        worst = np.zeros(n)
        np.maximum.at(worst, links.customer[~stated], as_input[links.supplier[~stated]])
        for level in levels[1:]:
            worst[level] = np.maximum(worst[level], worst[links.parent[level]])
        return step(as_input) + uncovered * worst

    direct = _inherited(shocks, levels, links.parent)
    fall, rise = (_inherited(np.maximum(sign * shocks, 0.0), levels, links.parent) for sign in (-1.0, 1.0))
    total, low, high = direct.copy(), fall.copy(), rise.copy()
    moved = direct
    for _ in range(depth):
        moved, fall, rise = step(moved), bounded(fall), bounded(rise)
        total, low, high = total + moved, low + fall, high + rise
    return Carried(direct, total, -low, high)


def _sums(place: Ints, values: Floats, n: int) -> Floats:
    """Sums of values at their places [n]."""
    return np.bincount(place, weights=values, minlength=n).astype(np.float64)


def _inherited(values: Floats, levels: list[Ints], parent: Ints) -> Floats:
    """Sums over each node's line from its root."""
    out = np.array(values, dtype=np.float64)
    for level in levels[1:]:
        out[level] += out[parent[level]]
    return out


def _highest_below(values: Floats, levels: list[Ints], parent: Ints) -> Floats:
    """The largest value at or below each node."""
    out = np.array(values, dtype=np.float64)
    for level in reversed(levels[1:]):
        np.maximum.at(out, parent[level], out[level])
    return out


def stressed(weights: Floats, stock: Ints, node: Ints, share: Floats, found: Carried) -> pd.DataFrame:
    """Moves of stocks and what they do to a portfolio.

    Args:
        weights: [n_stocks] of the portfolio.
        stock: [n_edges] of each edge.
        node: [n_edges] its product.
        share: [n_edges] the stock's revenue share in it.
        found: of the shocks.

    Returns:
        One row per stock: weight, covered (revenue share reported), direct, carried, low, high (the stock's move, a
        fraction), loss (weight times carried, of the portfolio; below 0 is lost) and worst (the same by the bound that
        hurts: low of a stock held, high of one sold short).
    """

    def sums(values: Floats) -> Floats:
        return _sums(stock, share * values[node], len(weights))

    rows = {name: sums(getattr(found, name)) for name in ("direct", "carried", "low", "high")}
    covered = _sums(stock, share, len(weights))
    frame = pd.DataFrame({"weight": weights, "covered": covered, **rows})
    worst = np.where(weights >= 0.0, frame["low"], frame["high"])
    return frame.assign(loss=weights * frame["carried"], worst=weights * worst)


def worst_spells(moves: Floats, returns: Floats, shock: float, days: int, most: int = 10) -> pd.DataFrame:
    """When a product moved most in the direction of a shock, and what a portfolio did then.

    Args:
        moves: [n_dates] daily factor returns of the product, NaN where there is none.
        returns: [n_dates] the portfolio's return on the same days.
        shock: its sign says which direction, its size when a spell was as bad.
        days: trading days of a spell.
        most: spells.

    Returns:
        first, last (day numbers), move (sum of the factor returns), portfolio (sum of its returns), reached (whether
        the move was at least the shock); the worst first, none that overlaps a worse one.
    """
    if days < 1:
        raise ModelError(f"a spell of {days} days makes no sense; give 1 or more.")
    n = len(moves) - days + 1
    sums = np.array([moves[t : t + days].sum() for t in range(max(n, 0))])
    order = np.argsort(-np.sign(shock) * sums, kind="stable")
    taken = np.zeros(len(moves), dtype=bool)
    rows: list[tuple[int, int, float, float, bool]] = []
    for t in order:
        if len(rows) == most or not np.sign(shock) * sums[t] > 0.0:
            break
        spell = slice(int(t), int(t) + days)
        if not taken[spell].any():
            taken[spell] = True
            reached = bool(np.sign(shock) * sums[t] >= abs(shock))
            rows.append(
                (int(t), int(t) + days - 1, float(sums[t]), float(np.nansum(returns[spell])), reached)
            )
    return pd.DataFrame(rows, columns=["first", "last", "move", "portfolio", "reached"])
