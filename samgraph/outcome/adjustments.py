"""Adjustment factors that contradict the prices: a vendor's factor that falls to 1 for a while, or comes a day late.

A factor moves on an ex-day, when the price moves the other way. One that moves by itself makes a return that nobody
earned, in labels and portfolios alike.
"""

from __future__ import annotations

import numpy as np

from samgraph.hist.market import Market
from samgraph.words import many

_LEAST = np.log(1.3)  # moves of the adjusted price that are looked at: no price limit lets one pass unseen
_SHARE = 0.25  # of the factor's move; a price that moved against it by less did not answer it


def factor_sentence(market: Market) -> str | None:
    """Which adjustment factors moved while the price stood, in words; None if none did.

    From one bar of a stock to its next: the factor moves by more than 30% and the price against it by less than a
    quarter of that.
    """
    found = []
    for i, stock in enumerate(market.stocks):
        days = np.flatnonzero(np.isfinite(market.close[:, i]) & np.isfinite(market.adj[:, i]))
        moved = np.diff(np.log(market.adj[days, i]))
        answer = -np.sign(moved) * np.diff(np.log(market.close[days, i]))
        alone = (np.abs(moved) > _LEAST) & (answer < _SHARE * np.abs(moved))
        found += [(days[place + 1], stock, i, days[place]) for place in np.flatnonzero(alone)]
    if not found:
        return None
    day, stock, i, before = min(found)
    factor = market.adj[day, i] / market.adj[before, i]
    price = market.close[day, i] / market.close[before, i] - 1.0
    return (
        f"adj_factor moves without the price on {many(len(found), 'bar')} of "
        f"{many(len({one[1] for one in found}), 'stock')}, first of {stock} on {market.dates[day].date()} "
        f"(x {factor:.4g}, while the price moved by {price:+.1%}): "
        "the returns there are nobody's; correct the factors of table bars"
    )
