"""The rules of a simulated portfolio: what it holds, when it trades, what it pays.

Every choice that can move a result is a field of `Rules`; `Rules.timeline()` says in words when each thing is
known and when it is done, for the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samgraph.errors import ConfigError

Weighting = Literal["equal", "cap"]
Price = Literal["close", "open", "vwap"]
Impact = Literal["none", "linear", "sqrt"]
Limits = Literal["a_share", "flags", "none"]

RANGES: dict[str, dict[str, float]] = {
    **{key: {"ge": 1} for key in ("top", "every", "lag", "delist_after")},
    **{key: {"ge": 0} for key in ("drop", "offset", "lot", "min_cost", "impact_coefficient", "hold_days")},
    **{key: {"ge": 0, "le": 1} for key in ("invest", "recovery")},
    **{key: {"ge": 0, "le": 0.5} for key in ("buy_cost", "sell_cost")},
    "cash": {"gt": 0},
}
_WHEN = {"close": "at the close", "open": "at the open", "vwap": "at the volume-weighted average price"}


@dataclass(frozen=True)
class Rules:
    """Settings of a simulation; the defaults are A-shares with the costs of qlib's benchmark.

    Money is in the currency of the bars (yuan), rates are fractions of the traded amount, days are trading
    days.
    """

    top: int = 50
    """Names held."""
    drop: int = 5
    """Names replaced at most in one rebalance (qlib's `n_drop`); `drop = top` holds the best `top`."""
    weighting: Weighting = "equal"
    """How cash is split among the names bought: evenly, or by market capitalisation of the decision day."""
    every: int = 1
    """Days from one rebalance to the next."""
    offset: int = 0
    """Days by which the first rebalance waits after the first scored day; 0 .. every - 1."""
    lag: int = 1
    """Days from decision to execution; at least 1, since a score uses the close of its day."""
    price: Price = "close"
    """The price of the execution day at which orders are filled."""
    lot: float = 100.0
    """Shares are bought in multiples of this; 0 allows fractions."""
    cash: float = 1e8
    """Money at the start."""
    invest: float = 1.0
    """Share of the cash that a rebalance spends (qlib's `risk_degree`, there 0.95)."""
    buy_cost: float = 0.0005
    """Cost of a purchase: commission and transfer fee."""
    sell_cost: float = 0.0015
    """Cost of a sale: commission, transfer fee and stamp duty."""
    min_cost: float = 5.0
    """Least cost of one trade (never more than the traded amount)."""
    impact: Impact = "none"
    """Extra cost by size: c * participation, or c * daily volatility * sqrt(participation)."""
    impact_coefficient: float = 0.0
    """The c of `impact`; participation is the amount over the mean traded amount of the 20 days before."""
    limits: Limits = "a_share"
    """No purchase at limit-up, no sale at limit-down, judged at the execution price: by the flags of the
    bars, and for ids such as 600000.SH also by the exchange's rule (`samgraph.factors.portfolio.limits`); `flags`
    alone; or `none`."""
    hold_days: int = 1
    """Days from a purchase to the first sale (qlib's `hold_thresh`); 1 is T+1, 0 is T+0."""
    delist_after: int = 120
    """Days without a bar after which a holding is written off as delisted."""
    recovery: float = 1.0
    """What a write-off brings, as a fraction of the last price."""

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning.

        Raises:
            ConfigError: a setting is out of its range; the sentence names it, its value and the range.
        """
        for name, allowed in (
            ("weighting", ("equal", "cap")),
            ("price", tuple(_WHEN)),
            ("impact", ("none", "linear", "sqrt")),
            ("limits", ("a_share", "flags", "none")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(
                    f"portfolio setting {name} is {value!r}; choose one of {', '.join(allowed)}."
                )
        spans = RANGES | {"drop": {"ge": 0, "le": self.top}, "offset": {"ge": 0, "le": self.every - 1}}
        for name, span in spans.items():
            value, low, high = getattr(self, name), span.get("ge"), span.get("le")
            if low is not None and not (value >= low and (high is None or value <= high)):
                words = f"from {low} to {high}" if high is not None else f"at least {low}"
                raise ConfigError(f"portfolio setting {name} is {value}; it must be {words}.")
        if not 0 < self.cash < float("inf"):
            raise ConfigError(
                f"portfolio setting cash is {self.cash}; it must be a positive amount of money."
            )

    def timeline(self) -> str:
        """Who knows what when, in words, for a reader who asks whether anything here sees the future."""
        done = f"t+{self.lag}"
        often = "Every trading day" if self.every == 1 else f"Every {self.every} trading days"
        wait = f", {self.offset} days after the first score" if self.offset else ""
        sold = (
            "on the day they are bought"
            if self.hold_days == 0
            else "on the trading day after their purchase (T+1)"
            if self.hold_days == 1
            else f"{self.hold_days} trading days after their purchase"
        )
        lots = (
            f"Purchases are in lots of {self.lot:g} shares."
            if self.lot
            else "Fractions of a share are allowed."
        )
        limits = (
            f"On {done} nothing is bought at limit-up or sold at limit-down; these flags of {done} stop an "
            "order, they never choose one."
            if self.limits != "none"
            else "Price limits are ignored."
        )
        split = "evenly" if self.weighting == "equal" else "by the market caps of t"
        impact = f", plus {self.impact} impact ({self.impact_coefficient:g})" if self.impact != "none" else ""
        return " ".join(
            (
                "The score of day t, and who belongs to the universe on t, are known at the close of t.",
                f"{often}{wait}, orders are decided at the close of t and filled {_WHEN[self.price]} of "
                f"{done}: at most {self.drop} of {self.top} names are replaced; the cash is split {split}.",
                "On any day, names that are seen to have left the universe at the close of t are ordered out "
                f"and sold on {done}.",
                f"Unfilled orders lapse. {limits} Suspended stocks are not traded and keep their last price.",
                f"Shares can be sold at the earliest {sold}. {lots}",
                f"Costs: {self.buy_cost:.3%} of a purchase, {self.sell_cost:.3%} of a sale, "
                f"at least {self.min_cost:g} a trade{impact}.",
                "Dividends and splits follow the adjustment factor: money paid out is put back into the same "
                "stock without cost.",
                f"A holding without a bar for {self.delist_after} trading days is written off at "
                f"{self.recovery:.0%} of its last price.",
            )
        )
