"""What a desk looks at before it sends orders: each check with its level, a count and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from samgraph.desk.decision import Plan
from samgraph.desk.trade_tables import DELISTED
from samgraph.exchange.access import marks
from samgraph.factors.portfolio.evening import NextDay

OK, NOTE, WARN = "ok", "note", "warn"
STALE_DAYS = 5  # trading days since a holding's last trade
SHORT = 0.01  # of the value: what may be left of purchases for want of cash
COLUMNS = ["check", "level", "count", "detail"]
_SHOWN = 5


def checks_of(plan: Plan) -> pd.DataFrame:
    """All checks: check, level (ok, note, warn), count, detail."""
    made, found = plan.made, plan.found
    rows = [("score", WARN, 1, sentence) for sentence in made.warnings]
    if not rows:
        rows.append(("score", OK, 0, "no warning"))
    rows += [
        _counted("unknown_holdings", plan.unknown, "are neither valued nor traded", WARN),
        *_prices(plan),
        *_limits(plan),
        *(
            _counted(check, _blocked(found, reason), words, level)
            for check, reason, words, level in (
                ("t_plus_1", "bought_too_recently", "cannot be sold yet", WARN),
                ("participation", "participation", "are cut to the cap on a day's trade", WARN),
                ("lots", "below_one_lot", "come to less than the least order", NOTE),
                ("places", "no_free_slot", "wait for a free place", WARN),
            )
        ),
        _cash(plan),
        ("bounds", WARN, 1, f"could not all be met; dropped: {plan.relaxed}")
        if plan.relaxed
        else ("bounds", OK, 0, "none dropped"),
        ("rebalance", OK, 0, "the day decides anew")
        if found.rebalance
        else ("rebalance", NOTE, 1, "no rebalance today: only what left the universe is sold"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _prices(plan: Plan) -> list[tuple[str, str, int, str]]:
    """Suspensions and old prices of what is held or ordered."""
    found = marks(plan.made.market)
    days = np.arange(len(found.traded))[:, None]
    last = np.where(found.traded, days, -1).max(axis=0)
    stocks = np.asarray(plan.longer.stocks, dtype=object)
    old = np.flatnonzero((plan.evening.shares > 0.0) & (plan.day - last > STALE_DAYS))
    dates = plan.longer.dates
    told = [f"{stocks[i]} (last traded {dates[last[i]].date()})" for i in old]
    gone = plan.found.trades.loc[plan.found.trades["reason"] == DELISTED, "company_id"]
    held = np.flatnonzero((plan.evening.shares > 0.0) & ~found.traded[-1])
    return [
        _counted("suspended", _blocked(plan.found, "suspended"), "are wanted and did not trade", WARN),
        _counted("suspended_holdings", list(stocks[held]), "keep their last price", NOTE),
        _counted("stale_prices", told, f"have a price older than {STALE_DAYS} trading days", WARN),
        _counted("delisted", list(gone), "can no longer be sold", WARN),
    ]


def _limits(plan: Plan) -> list[tuple[str, str, int, str]]:
    """Orders in what closed at the limit that may stop them tomorrow."""
    trades = plan.found.trades
    closed = plan.closed_at[plan.place(trades["company_id"])]
    rows = []
    for own, state, words in (("buy", "limit_up", "bought"), ("sell", "limit_down", "sold")):
        names = trades.loc[(trades["side"] == own).to_numpy() & (closed == state), "company_id"]
        rows.append(_counted(state, list(names), f"closed at the limit and are to be {words}", WARN))
    return rows


def _cash(plan: Plan) -> tuple[str, str, int, str]:
    left = plan.found.after.cash
    lacking = float(np.maximum(plan.found.target - plan.after, 0.0).sum())
    if left < SHORT * plan.value < lacking * plan.value and plan.found.rebalance:
        return (
            "cash",
            WARN,
            1,
            f"the cash does not pay for {lacking:.1%} of the value that the targets ask for",
        )
    return ("cash", OK, 0, f"{left:,.2f} is left ({left / plan.value:.1%} of the value)")


def _blocked(found: NextDay, reason: str) -> list[str]:
    return list(found.blocked.loc[found.blocked["reason"] == reason, "company_id"])


def _counted(check: str, names: Sequence[str], words: str, level: str) -> tuple[str, str, int, str]:
    if not len(names):
        return check, OK, 0, "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return check, level, len(names), f"{', '.join(map(str, names[:_SHOWN]))}{more} {words}"
