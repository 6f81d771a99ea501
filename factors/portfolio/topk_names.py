"""Top-K with drop-out: which names to sell and which to buy, from scores and what is held.

The rule is that of qlib's `TopkDropoutStrategy` (`method_sell="bottom"`, `method_buy="top"`). With K names
wanted and n the most to replace, take the names held together with the best `n + K - held` others, and keep
the best K of them: the held names outside go (at most n), the others inside come. A name is therefore sold
only for one with a better score.

Where this departs from qlib's code:

* Names that cannot be sold as far as the decision day shows (suspended that day, younger than `hold_days` on
  the day of execution, or with an order under way) keep their place and are not compared. qlib decides as if
  they could be sold, and its `only_tradable=True` looks at the day of execution instead.
* Others must be members of the universe with a score, and must have traded on the decision day.
* With too few others, fewer names go: qlib then sells the worst n without a better one in their place.
* Equal scores: a held name comes before another, then the order of the stocks decides (qlib: undefined).
* A name that left the universe is ordered out on any day, outside of the n (qlib: it has no score, hence
  comes last, within the n).
* At execution a purchase needs a free place: if a sale was blocked, the last purchase of the list is blocked
  too (qlib then holds more than K). A blocked order is not replaced by another and lapses, in both.
* Cash is split by free places, as in qlib, but with fewer purchases than free places the rest stays cash
  (qlib puts it all into the few), and the whole cash is invested unless `invest` says less (qlib: 95%).
"""

from __future__ import annotations

import numpy as np

from samgraph.factors.arrays import Bools, Floats, Ints


def choose(
    score: Floats, held: Bools, fixed: Bools, candidate: Bools, *, top: int, drop: int
) -> tuple[Ints, Ints]:
    """Names to sell, worst first, and to buy, best first.

    Args:
        score: [n_stocks] of the decision day; NaN is no view: such a held name ranks last.
        held: [n_stocks] in the portfolio, orders under way counted as filled.
        fixed: [n_stocks] held and not to be sold now.
        candidate: [n_stocks] may be bought: known score, not held.
        top: names wanted.
        drop: names replaced at most.

    Returns:
        Row numbers of the names to sell and to buy; at most `drop` of the first unless more than `top` are
        held.
    """
    n_held = int(held.sum())
    room = max(top - n_held, 0)
    others = np.flatnonzero(candidate)
    others = others[np.argsort(-score[others], kind="stable")][: max(drop + top - n_held, 0)]
    own = np.flatnonzero(held & ~fixed)
    pool = np.concatenate([own, others])
    value = np.where(np.isfinite(score[pool]), score[pool], -np.inf)
    order = pool[np.lexsort((pool, np.arange(len(pool)) >= len(own), -value))]
    kept = order[: max(top - (n_held - len(own)), 0)]
    sell = order[len(kept) :]
    sell = sell[held[sell]][::-1]
    buy = kept[~held[kept]][: room + len(sell)]
    return sell, buy
