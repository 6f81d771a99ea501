"""The tables of an evening's orders: what is ordered and for what, the targets, what cannot be done, what it costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.desk.decision import Decision, Plan
from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.costs import CAUSES as COSTS
from samgraph.outcome.traded import CAUSES

FloatArray = npt.NDArray[np.float64]
EXIT, CASH, DELISTED, UNKNOWN = "exit", "cash", "delisted", "unknown"
WORDS = {
    "suspended": "did not trade on the day and is not expected to",
    "no_price": "has no price to trade at",
    "limit_up": "is not for sale at the upper price limit",
    "limit_down": "finds no buyer at the lower price limit",
    "bought_too_recently": "was bought too recently to be sold",
    "no_free_slot": "has no free place, since a sale cannot be made",
    "below_one_lot": "comes to less than the least order",
    "not_held": "is not held",
    "participation": "is more than the cap on what is traded in a day; the order is for the part that fits",
    DELISTED: "is delisted, or silent so long that the backtest would write it off: no order can sell it",
    UNKNOWN: "was never a member of the universe or has no price: it is neither valued nor traded",
}
"""Why something cannot be done."""


def reasons(plan: Plan) -> pd.Series:
    """Why each trade is made, in the words of a desk.

    score (the target moved), exit (it moved to nothing), membership (left the universe), drift (the holding moved away
    from its target), cash (money that is not invested yet), bounds (of the optimiser, against its view).
    """
    trades, at = plan.found.trades, plan.place(plan.found.trades["company_id"])
    found = np.array([CAUSES[reason] for reason in trades["reason"]], dtype=object)
    gone = (trades["side"] == "sell").to_numpy() & (plan.found.after.shares[at] <= 0.0)
    found[gone & np.isin(found, ("score", "drift"))] = EXIT
    invested, wanted = float(plan.now.sum()), float(plan.found.target.sum())
    if wanted > 0.0:
        in_place = plan.now[at] * wanted >= plan.found.target[at] * invested  # as invested as the others are
        in_place |= plan.now[at] == 0.0  # what is not held did not drift
        found[(trades["side"] == "buy").to_numpy() & (found == "drift") & in_place] = CASH
    return pd.Series(found, index=trades.index, dtype="str")


def as_quoted(prices: FloatArray) -> FloatArray:
    """Prices in the digits that they were written in: a table in float32 holds 15.35 as 15.350000381469727.

    What is no float32 stays as it is.
    """
    single = prices.astype(np.float32)
    shortest = np.array([float(str(one)) for one in single], dtype=np.float64)
    return np.where(single == prices, shortest, prices)


def order_table(plan: Plan) -> pd.DataFrame:
    """A row an order, sales first, the largest first.

    Returns:
        company_id, name, side, shares, price (the close), value, weight_now, weight_target, weight_after, reason (see
        `reasons`), cost (expected, in money), share_of_volume (value over the mean traded amount a day), closed_at
        (limit_up or limit_down), limit_up, limit_down (prices of the next trading day by the exchanges' rules),
        product_id, product, product_share (what the company sells most of, and how much of its revenue), industry.
    """
    made, found = plan.made, plan.found
    trades = found.trades.assign(reason=reasons(plan))
    trades = trades[found.trades["reason"] != DELISTED]
    at = plan.place(trades["company_id"])
    amount = plan.traded_a_day[at]
    value = trades["amount"].to_numpy(dtype=np.float64)
    limits = [
        np.full(len(at), np.nan)
        if panel is None
        else np.where(np.isfinite(panel[-1, at]), panel[-1, at], np.nan)
        for panel in (plan.longer.upper_limit, plan.longer.lower_limit)
    ]
    frame = pd.DataFrame(
        {
            "company_id": trades["company_id"].to_numpy(),
            "side": trades["side"].to_numpy(),
            "shares": trades["shares"].to_numpy(),
            "price": as_quoted(trades["price"].to_numpy(dtype=np.float64)),
            "value": value,
            "weight_now": plan.now[at],
            "weight_target": found.target[at],
            "weight_after": plan.after[at],
            "reason": trades["reason"].to_numpy(),
            "cost": trades["cost"].to_numpy(),
            "share_of_volume": np.divide(value, amount, out=np.full(len(at), np.nan), where=amount > 0.0),
            "closed_at": plan.closed_at[at].astype(str),
            "limit_up": limits[0],
            "limit_down": np.where(limits[1] > 0.0, limits[1], np.nan),
        }
    )
    frame = _named(frame, made)
    for name in ("product_id", "product", "product_share", "industry"):
        frame[name] = frame["company_id"].map(made.served[name])
    order = np.lexsort((-frame["value"].to_numpy(), (frame["side"] == "buy").to_numpy()))
    return frame.iloc[order].reset_index(drop=True)


def target_table(plan: Plan) -> pd.DataFrame:
    """What is held, wanted, or held after the orders.

    Returns:
        company_id, name, score (that is traded), weight_target, weight_now, weight_after, weight_benchmark, shares_now,
        shares_after, price; the largest target first.
    """
    made, found = plan.made, plan.found
    rows = np.flatnonzero((found.target > 0.0) | (plan.evening.shares > 0.0) | (found.after.shares > 0.0))
    frame = pd.DataFrame(
        {
            "company_id": np.asarray(plan.longer.stocks, dtype=object)[rows].astype(str),
            "score": made.score[plan.day, rows],
            "weight_target": found.target[rows],
            "weight_now": plan.now[rows],
            "weight_after": plan.after[rows],
            "weight_benchmark": universe_weights(made.market)[-1, rows],
            "shares_now": plan.evening.shares[rows],
            "shares_after": found.after.shares[rows],
            "price": as_quoted(plan.mark[rows]),
        }
    )
    frame = _named(frame, made)
    return frame.sort_values(["weight_target", "company_id"], ascending=[False, True], ignore_index=True)


def not_done_table(plan: Plan) -> pd.DataFrame:
    """What the targets ask for and no order can do.

    Returns:
        company_id, name, side, reason, why (in words), weight_now, weight_target, weight_after.
    """
    made, found = plan.made, plan.found
    gone = found.trades.loc[found.trades["reason"] == DELISTED, ["company_id"]]
    frame = pd.concat(
        [
            found.blocked[["company_id", "side", "reason"]],
            gone.assign(side="sell", reason=DELISTED),
            pd.DataFrame({"company_id": list(plan.unknown), "side": "", "reason": UNKNOWN}, dtype="str"),
        ],
        ignore_index=True,
    )
    at = plan.place(frame["company_id"])
    frame["why"] = frame["reason"].map(WORDS).astype("str")
    for name, weights in (("now", plan.now), ("target", found.target), ("after", plan.after)):
        frame[f"weight_{name}"] = np.where(at >= 0, weights[at], np.nan)
    return _named(frame, made)


def cost_table(plan: Plan) -> pd.DataFrame:
    """Expected costs by what they are for: reason, trades, value, commission, fee, tax, impact, cost (money)."""
    trades = plan.found.trades
    own = trades.assign(reason=reasons(plan))[trades["reason"] != DELISTED]
    grouped = own.groupby("reason", sort=True)
    sums = grouped[["amount", *COSTS, "cost"]].sum().rename(columns={"amount": "value"})
    sums.insert(0, "trades", grouped.size())
    return sums.reset_index()


def _named(frame: pd.DataFrame, made: Decision) -> pd.DataFrame:
    names = made.names
    frame.insert(1, "name", frame["company_id"].map(names).fillna("").astype("str"))
    return frame
