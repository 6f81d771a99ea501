"""What a run without market caps, or with few, cannot do, and what it does instead, in words."""

from __future__ import annotations

from samgraph.hist.market import Market

MOST = 0.9  # share of stock-days with a market cap from which on nothing is said


def known_caps(market: Market, days: slice) -> float:
    """Share of the members' stock-days that have a market cap, 0 to 1."""
    member = market.member[days]
    return float((member & (market.market_cap[days] > 0)).sum() / max(int(member.sum()), 1))


def caps_sentence(market: Market, days: slice) -> str | None:
    """Which figures of these days weigh equally, or leave stocks out, for want of market caps; None if hardly any."""
    share = known_caps(market, days)
    if share >= MOST:
        return None
    if not share:
        return (
            "No market cap is known: nothing is neutral to size (to industry alone), and concepts, regressions, risk "
            "and a universe without a benchmark of its own use equal weights."
        )
    alone = int((market.log_caps()[days] == 0.0).all(axis=1).sum())
    return (
        f"A market cap is known for {share:.0%} of the members' stock-days. On {alone} days fewer than half of the "
        "members have one: these are neutral to industry alone; on the others a stock without one is in no neutral "
        "figure. Where caps are weights it takes the day's median (equal weights where no cap is known)."
    )
