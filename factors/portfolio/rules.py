"""The rules of a simulated portfolio: what it holds, when it trades, what it pays.

Every choice that can move a result is a field of `Rules`; `Rules.timeline()` says in words when each thing is
known and when it is done, for the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samgraph.errors import ConfigError
from samgraph.exchange.access import NO_LAG

Weighting = Literal["equal", "cap"]
Price = Literal["close", "open", "vwap"]
Impact = Literal["none", "linear", "sqrt"]

RANGES: dict[str, dict[str, float]] = {
    **{key: {"ge": 1} for key in ("top", "every", "delist_after")},
    **{
        key: {"ge": 0}
        for key in ("drop", "offset", "lot", "min_cost", "impact_coefficient", "hold_days", "cost_multiple")
    },
    **{key: {"ge": 0, "le": 1} for key in ("invest", "participation", "recovery")},
    **{key: {"ge": 0, "le": 0.5} for key in ("buy_cost", "sell_cost", "commission")},
    "cash": {"gt": 0},
}
_WHEN = {"close": "at the close", "open": "at the open", "vwap": "at the volume-weighted average price"}


@dataclass(frozen=True)
class Rules:
    """Settings of a simulation. What is None is as the exchange's dated tables have it (`samgraph.exchange.tables`).

    Money is in the currency of the bars (yuan), rates are fractions of the traded amount, days are trading
    days. Price limits belong to the market (`samgraph.hist.market.build_market`), which labels share.
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
    lot: float | None = None
    """Shares of an order are multiples of this; 0 allows fractions."""
    cash: float = 1e8
    """Money at the start."""
    invest: float = 1.0
    """Share of the cash that a rebalance spends (qlib's `risk_degree`, there 0.95)."""
    buy_cost: float | None = None
    """All that a purchase costs, as one rate, instead of commission, fees and taxes."""
    sell_cost: float | None = None
    """The same of a sale."""
    commission: float | None = None
    """Commission of either side."""
    min_cost: float | None = None
    """Least commission of one trade (no cost exceeds the traded amount)."""
    impact: Impact = "none"
    """Extra cost by size: c * participation, or c * daily volatility * sqrt(participation)."""
    impact_coefficient: float = 0.0
    """The c of `impact`; participation is the amount over the mean traded amount of the 20 days before."""
    participation: float = 0.1
    """Most of the amount traded in a stock on the day of execution that an order may be; 0 is no cap."""
    hold_days: int | None = None
    """Days from a purchase to the first sale (qlib's `hold_thresh`); 1 is T+1, 0 is T+0."""
    delist_after: int = 250
    """Days without a bar after which a holding is written off, where the dataset tells of no delisting."""
    recovery: float = 0.7
    """What a write-off brings, as a fraction of the last price (0.7: Shumway 1997, "The delisting bias in CRSP data",
    for delistings whose return is not known)."""
    cost_multiple: float = 1.0
    """What all costs are multiplied by, impact and least commission among them."""
    exchange: str = "a_share"
    """The exchanges' tables: `a_share`, or a folder (`samgraph.exchange.tables`)."""

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning.

        Raises:
            ConfigError: a setting is out of its range; the sentence names it, its value and the range.
        """
        for name, allowed in (
            ("weighting", ("equal", "cap")),
            ("price", tuple(_WHEN)),
            ("impact", ("none", "linear", "sqrt")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(
                    f"portfolio setting {name} is {value!r}; choose one of {', '.join(allowed)}."
                )
        if self.lag < 1:
            raise ConfigError(f"portfolio setting lag is {self.lag}: {NO_LAG}.")
        spans = RANGES | {"drop": {"ge": 0, "le": self.top}, "offset": {"ge": 0, "le": self.every - 1}}
        for name, span in spans.items():
            value, low, high = getattr(self, name), span.get("ge"), span.get("le")
            if value is None or low is None:
                continue
            if not (value >= low and (high is None or value <= high)):
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
        split = "evenly" if self.weighting == "equal" else "by the market caps of t"
        return " ".join(
            (
                "The score of day t, and who belongs to the universe on t, are known at the close of t.",
                f"{often}{wait}, orders are decided at the close of t and filled {_WHEN[self.price]} of "
                f"{done}: at most {self.drop} of {self.top} names are replaced; the cash is split {split}.",
                *self.trading_in_words(),
            )
        )

    def trading_in_words(self) -> tuple[str, ...]:
        """How orders are filled and what becomes of holdings, whatever the construction."""
        done = f"t+{self.lag}"
        return (
            "On any day, names that are seen to have left the universe at the close of t are ordered out "
            f"and sold on {done}.",
            f"Unfilled orders lapse. On {done} nothing is bought at limit-up or sold at limit-down; these facts of "
            f"{done} stop an order, they never choose one, and the labels of t leave out what {done} does not let "
            "anyone buy. Suspended stocks are not traded and keep their last price.",
            self._orders(),
            self._costs(),
            "Dividends and splits follow the adjustment factor: money paid out is put back into the same "
            "stock without cost.",
            f"A delisted holding is written off at {self.recovery:.0%} of its last price: on the day that the dataset "
            f"names or, where it names none for any stock, after {self.delist_after} trading days without a bar.",
        )

    def _orders(self) -> str:
        sold = {
            None: "when the exchange lets them (T+1 for A-shares)",
            0: "on the day they are bought",
            1: "on the trading day after their purchase (T+1)",
        }.get(self.hold_days, f"{self.hold_days} trading days after their purchase")
        lots = (
            "Orders are in the exchange's lots."
            if self.lot is None
            else f"Orders are in lots of {self.lot:g} shares."
            if self.lot
            else "Fractions of a share are allowed."
        )
        cap = (
            f"An order is at most {self.participation:.0%} of what is traded in its stock on the day"
            if self.participation
            else "The size of an order is not limited by what is traded"
        )
        return f"Shares can be sold {sold}. {lots} {cap}; the portfolio starts with {self.cash:,.0f}."

    def _costs(self) -> str:
        sides = []
        for name, flat in (("purchase", self.buy_cost), ("sale", self.sell_cost)):
            sides.append(f"{flat:.3%} of a {name}" if flat is not None else f"the dated rates of a {name}")
        own = "" if self.commission is None else f", with a commission of {self.commission:.3%}"
        least = "" if self.min_cost is None else f", at least {self.min_cost:g} a trade"
        impact = (
            f"plus {self.impact} impact ({self.impact_coefficient:g})"
            if self.impact != "none"
            else "without market impact"
        )
        return f"Costs: {sides[0]}, {sides[1]}{own}{least}, {impact}."
