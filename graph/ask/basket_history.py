"""A basket at many dates without look-ahead: each date is a basket of its own, as of that date.

All dates are answered for one moment of knowledge. A date on which the question names no product, or nobody sells
any, is an empty basket. Turnover between two dates is the share of the basket that is traded to come from the
weights of the one to those of the other,

    turnover_t = max(sum_i max(w_i,t - w_i,t-1, 0), sum_i max(w_i,t-1 - w_i,t, 0))

which is half of sum_i |w_i,t - w_i,t-1| between two full baskets; prices that move weights in between are left out.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from samgraph.errors import ConfigError, SnapshotError
from samgraph.graph.ask.baskets import basket
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import committed_moment

Every = Literal["week", "month", "quarter", "year"]
_MONTHS: dict[Every, int] = {"month": 1, "quarter": 3, "year": 12}

MEMBERS = ("date", "company_id", "name", "weight", "purity", "core", "upstream", "downstream")
TURNOVER = ("date", "products", "companies", "joined", "left", "turnover")


@dataclass(frozen=True, eq=False)
class BasketHistory:
    """A basket over time.

    Attributes:
        known: the moment of knowledge that was answered for
        members: one row per date and company, best first: date and the columns of `Basket.companies`
        turnover: one row per date: date, products and companies (numbers of them), joined and left (companies, since
            the date before), turnover (NaN on the first date)
    """

    known: dt.datetime
    members: pd.DataFrame
    turnover: pd.DataFrame


def rebalancing_days(start: dt.date, end: dt.date, every: Every) -> list[dt.date]:
    """Return `start` and the same day of each later period (or the month's last), up to and with `end`.

    Raises:
        ConfigError: the end lies before the start
    """
    if end < start:
        raise ConfigError(f"the end {end} lies before the start {start}")
    first = pd.Timestamp(start)
    days: list[dt.date] = []
    while True:
        number = len(days)
        step = (
            pd.DateOffset(weeks=number) if every == "week" else pd.DateOffset(months=number * _MONTHS[every])
        )
        day = (first + step).date()
        if day > end:
            return days
        days.append(day)


def basket_history(
    graph: Graph,
    question: str,
    days: Sequence[dt.date],
    *,
    known: dt.datetime | None = None,
    only: Collection[str] = (),
    universe: str | None = None,
    upstream: int = 0,
    downstream: int = 0,
    market_caps: Callable[[dt.date], Mapping[str, float]] | None = None,
    themes: bool = False,
    advance: Callable[[], None] | None = None,
) -> BasketHistory:
    """Make the basket of each day.

    Args:
        graph: an open connection
        question: as for `basket`
        days: rising
        known: the moment of knowledge to replay; None is by now
        only: of the products that the question names only these ids; all by default
        universe: only its members of each day
        upstream: links to follow to inputs
        downstream: links to follow to products that they are an input of
        market_caps: from a day to company_id -> market cap on that day, by nothing later; None weights by purity
        themes: as for `basket`
        advance: called after each day

    Raises:
        SnapshotError: on no day there is such a product or universe, and somebody who sells it
    """
    moment = committed_moment(graph, known)
    members, turnover = [], []
    before: dict[str, float] | None = None
    refusal: SnapshotError | None = None
    for day in days:
        products, now = 0, {}
        try:
            found = basket(
                graph,
                question,
                AsOf(day, moment),
                only=only,
                universe=universe,
                upstream=upstream,
                downstream=downstream,
                market_caps=None if market_caps is None else market_caps(day),
                themes=themes,
            )
        except SnapshotError as error:
            refusal = refusal or error
        else:
            products = len(found.products)
            weights = found.companies["weight"].fillna(0.0)
            now = dict(zip(found.companies["company_id"], map(float, weights), strict=True))
            members.append(found.companies.assign(date=pd.Timestamp(day)))
        traded = math.nan if before is None else _turnover(before, now)
        joined = len(now.keys() - (before or {}).keys())
        left = len((before or {}).keys() - now.keys())
        turnover.append((pd.Timestamp(day), products, len(now), joined, left, traded))
        before = now
        if advance is not None:
            advance()
    if not members:
        raise refusal or SnapshotError("a history needs at least one day")
    return BasketHistory(
        known=moment,
        members=pd.concat(members, ignore_index=True)[list(MEMBERS)],
        turnover=pd.DataFrame(turnover, columns=list(TURNOVER)),
    )


def _turnover(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    moves = [now.get(company, 0.0) - before.get(company, 0.0) for company in before.keys() | now.keys()]
    return max(math.fsum(m for m in moves if m > 0), math.fsum(-m for m in moves if m < 0))
