"""One evening of an account: what is ordered after the close of a day, and what becomes of the orders on the next one.

Decisions and fills are those of the simulation (`samgraph.factors.portfolio.simulation`): books that begin after the
day's close with what the account owns decide once and take one step. With the next day's bars that step is the
simulation's; on the evening itself there are none, and `expected_day` stands in for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.exchange.access import day_limits, marks
from samgraph.exchange.tables import exchange
from samgraph.factors.arrays import Floats
from samgraph.factors.portfolio.accounting import Evening
from samgraph.factors.portfolio.simulation import Simulation
from samgraph.factors.portfolio.tape import LOOK_BACK

if TYPE_CHECKING:
    from samgraph.hist.market import Market

_PRICES = ("open", "high", "low", "close", "vwap")


@dataclass(frozen=True, eq=False)
class NextDay:
    """What was decided after the close of a day, and what the next day made of it.

    Attributes:
        rebalance: whether the day decided anew; otherwise only what left the universe is ordered out.
        target: [n_stocks] weights of the value at the day's close that the orders go for.
        trades, blocked: of the next day, as in `PortfolioResult`.
        after: what is owned then.
    """

    rebalance: bool
    target: Floats
    trades: pd.DataFrame
    blocked: pd.DataFrame
    after: Evening


def next_day(books: Simulation, day: int, evening: Evening) -> NextDay:
    """Decide at the close of `day` from what is owned then, and trade on the day after.

    Args:
        books: of a market that holds the day after; they are used up.
        day: row of the day.
        evening: what is owned after its close.

    Raises:
        RunError: orders are due later than the next day, so that others are still under way on the evening.
    """
    if books.rules.lag != 1:
        raise RunError(
            f"the run trades {books.rules.lag} trading days after its decision (trading.lag), so orders of days "
            "before are still under way on an evening and holdings alone do not tell them; only lag 1 can be traded"
        )
    books.resume(day, evening)
    rebalance = books.rebalances(day)
    books.decide(day, rebalance=rebalance)
    target = books.wanted(day)
    books.step(day + 1)
    return NextDay(rebalance, target, books.ledger.trades(), books.ledger.blocked(), books.ledger.evening)


def expected_day(market: Market, rules: str) -> Market:
    """The market with one more day, as its last close lets it be expected.

    What traded on the last day trades again at its close, with the traded amount of the mean of the `LOOK_BACK` days
    up to it; what did not is suspended. No dividend, split, change of membership or delisting. The date is the next
    weekday; price limits are the exchanges' of that day, where the market has any.

    Args:
        market: up to the evening's day.
        rules: name of the exchange tables (`samgraph.exchange.tables`).
    """
    found = marks(market)
    traded = found.traded[-1]
    amount = np.where(found.traded, np.nan_to_num(market.volume) * np.nan_to_num(market.close), 0.0)
    price = np.where(traded, market.close[-1], np.nan)
    day = {name: panel[-1] for name, panel in market.panels().items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        day |= dict.fromkeys(_PRICES, price) | {
            "adj": np.where(traded, found.factor[-1], np.nan),
            "volume": np.where(traded, amount[-LOOK_BACK:].mean(axis=0) / price, np.nan),
            "tradable": traded,
        }
    day |= dict.fromkeys(("limit_up", "limit_down"), np.zeros(len(traded), dtype=bool))
    panels: dict[str, Any] = {
        name: np.concatenate([panel, day[name][None]]) for name, panel in market.panels().items()
    }
    further = {name: panels.pop(f"further.{name}") for name in market.further}
    days = pd.DatetimeIndex([*market.dates, market.dates[-1] + pd.offsets.BusinessDay(1)])
    gone = market.delisted_on
    if gone is not None:  # what is delisted later is not known yet
        gone = np.where(gone > market.dates[-1].to_datetime64(), np.datetime64("NaT"), gone)
    longer = replace(
        market,
        dates=days.as_unit(market.dates.unit),
        benchmark=np.append(market.benchmark, np.nan),
        delisted_on=gone,
        further=further,
        **panels,
    )
    if market.upper_limit is None or market.lower_limit is None or not np.isfinite(market.upper_limit).any():
        return longer
    without = replace(longer, upper_limit=None, lower_limit=None)
    upper, lower = day_limits(without, rules=exchange(rules))
    longer.upper_limit[-1], longer.lower_limit[-1] = upper[-1], lower[-1]  # type: ignore[index]
    return longer
