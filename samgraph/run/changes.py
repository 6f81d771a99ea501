"""What has changed in the inputs of a run since it was fitted, day by day: bars, members, listings and snapshots.

A model reads the stocks that were members on or before its last day, so only those are compared: who is listed, or
joins the universe, later changes nothing of what it knew (`samgraph.hist.data.WindowData`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.market import LISTINGS, BoolArray, Market

_UNREAD = ("index_weight",)  # panels that no model reads
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MarketChanges:
    """The markets of a run as it was and as it is, as its models see them (`Market.for_models`).

    Days are positions in both markets' dates; `shared` of them, from the first on, are the same in both.
    """

    before: Market
    now: Market

    @cached_property
    def shared(self) -> int:
        """How many leading trading days are the same."""
        n = min(self.before.n_dates, self.now.n_dates)
        other = np.flatnonzero(self.before.dates[:n] != self.now.dates[:n])
        return int(other[0]) if len(other) else n

    @cached_property
    def stocks(self) -> tuple[str, ...]:
        """Those of either market."""
        return tuple(sorted({*self.before.stocks, *self.now.stocks}))

    @cached_property
    def members_differ(self) -> BoolArray:
        """Whether a stock is a member in one of them alone [shared, n_stocks]."""
        found: BoolArray = self._panel(self.before, "member") != self._panel(self.now, "member")
        return found

    @cached_property
    def bars_differ(self) -> BoolArray:
        """Whether any figure of a stock's day differs [shared, n_stocks]."""
        found: BoolArray = np.zeros((self.shared, len(self.stocks)), dtype=np.bool_)
        names = {*self.before.panels(), *self.now.panels()} - {"member", *_UNREAD}
        for name in sorted(names):
            one, other = self._panel(self.before, name), self._panel(self.now, name)
            found |= (one != other) & ~((one != one) & (other != other))
        return found

    @cached_property
    def ever(self) -> BoolArray:
        """Whether a stock has been a member by a day, in either market [shared, n_stocks]."""
        member = self._panel(self.before, "member") | self._panel(self.now, "member")
        found: BoolArray = np.logical_or.accumulate(member, axis=0)
        return found

    def first(self, last: int) -> int | None:
        """The first day up to `last` on which what its models read differs; None where nothing does."""
        if self.before.has_vwap != self.now.has_vwap:
            return 0
        if last >= self.shared:
            return self.shared
        ever = self.ever[last]
        if (ever & self.listings_differ(last)).any():
            return 0
        days = ((self.bars_differ | self.members_differ)[: last + 1] & ever).any(axis=1)
        return int(days.argmax()) if days.any() else None

    def listings_differ(self, last: int) -> BoolArray:
        """Whether a stock's first or last day, as far as it lies up to a day, differs [n_stocks]."""
        found: BoolArray = np.zeros(len(self.stocks), dtype=np.bool_)
        today = self.now.dates[last].to_datetime64().astype("datetime64[D]")
        for name in LISTINGS:
            one, other = (self._days(market, name, today) for market in (self.before, self.now))
            found |= (one != other) & ~(np.isnat(one) & np.isnat(other))
        return found

    def _place(self, market: Market) -> Ints:
        return pd.Index(self.stocks).get_indexer(pd.Index(market.stocks)).astype(np.int64)

    def _panel(self, market: Market, name: str) -> npt.NDArray[Any]:
        """A panel over the shared days and all stocks; a stock or a panel that is absent is NaN or False."""
        panel = market.panels().get(name)
        flag = panel.dtype == np.bool_ if panel is not None else self._is_flag(name)
        found = np.full((self.shared, len(self.stocks)), False if flag else np.nan)
        if panel is not None:
            found[:, self._place(market)] = panel[: self.shared]
        return found

    def _is_flag(self, name: str) -> bool:
        return any(
            name in market.panels() and market.panels()[name].dtype == np.bool_
            for market in (self.before, self.now)
        )

    def _days(self, market: Market, name: str, today: np.datetime64) -> npt.NDArray[np.datetime64]:
        found = np.full(len(self.stocks), np.datetime64("NaT"), dtype="datetime64[D]")
        days = getattr(market, name)
        if days is not None:
            found[self._place(market)] = days
        return np.where(found > today, np.datetime64("NaT"), found)

    def sentences(self) -> list[str]:
        """What has changed on the shared days, for those who were members on one of them."""
        if not self.shared:
            return [
                f"the first trading day was {self.before.dates[0].date()}, now {self.now.dates[0].date()}"
            ]
        told = []
        if self.shared < self.before.n_dates:
            told.append(f"trading days differ from {self.before.dates[self.shared].date()} on")
        ever = self.ever[-1]
        for what, differ in (("bars", self.bars_differ), ("members", self.members_differ)):
            days, stocks = (differ & ever).any(axis=1), (differ & ever).any(axis=0)
            if days.any():
                told.append(
                    f"{what} of {_companies(self.stocks, stocks)} {days_in_words(self.now.dates, days)}"
                )
        listings = ever & self.listings_differ(self.shared - 1)
        if listings.any():
            told.append(f"first or last days of {_companies(self.stocks, listings)}")
        return told


@dataclass(frozen=True, eq=False)
class SeriesChanges:
    """Two series of as-of snapshots of one fit, as it was and as it is."""

    before: SnapshotSeries
    now: SnapshotSeries
    _same: dict[tuple[str, int, int], bool] = field(default_factory=dict)

    def first(self, last: pd.Timestamp) -> pd.Timestamp | None:
        """The first day up to `last` on which edges or links differ; None where none do."""
        before, now = (series.dates[series.dates <= last] for series in (self.before, self.now))
        n = min(len(before), len(now))
        for t in range(n):
            if before[t] != now[t]:
                return min(before[t], now[t])
            if not self._same_day(t):
                return now[t]
        return None if len(before) == len(now) else [*before, *now][n]

    def differing(self) -> BoolArray:
        """Whether the edges or links of a day differ [days that lead both]."""
        n = min(self.before.n_dates, self.now.n_dates)
        same = [self.before.dates[t] == self.now.dates[t] and self._same_day(t) for t in range(n)]
        return ~np.asarray(same, dtype=np.bool_)

    def _same_day(self, t: int) -> bool:
        one, other = int(self.before.day_version[t]), int(self.now.day_version[t])
        return self._once("edges", one, other, self._same_edges) and self._same_chain(t)

    def _same_chain(self, t: int) -> bool:
        before, now = self.before.chain, self.now.chain
        if before is None or now is None:
            return before is now
        return self._once("chain", int(before.day_version[t]), int(now.day_version[t]), self._same_links)

    def _once(self, what: str, one: int, other: int, compare: Callable[[int, int], bool]) -> bool:
        key = (what, one, other)
        if key not in self._same:
            self._same[key] = compare(one, other)
        return self._same[key]

    def _same_edges(self, one: int, other: int) -> bool:
        first, second = self.before.versions[one], self.now.versions[other]
        return _same_rows(
            (self._stock[0][first.stock], self._concept[0][first.concept], first.weight),
            (self._stock[1][second.stock], self._concept[1][second.concept], second.weight),
        )

    def _same_links(self, one: int, other: int) -> bool:
        assert self.before.chain is not None and self.now.chain is not None
        first, second = self.before.chain.versions[one], self.now.chain.versions[other]
        return _same_rows(
            (self._concept[0][first.supplier], self._concept[0][first.customer], first.weight),
            (self._concept[1][second.supplier], self._concept[1][second.customer], second.weight),
        )

    @cached_property
    def _stock(self) -> tuple[Ints, Ints]:
        return _codes(self.before.stocks, self.now.stocks)

    @cached_property
    def _concept(self) -> tuple[Ints, Ints]:
        return _codes(self.before.concepts, self.now.concepts)


def days_in_words(dates: pd.DatetimeIndex, days: BoolArray) -> str:
    """On how many days, and from when to when."""
    where = np.flatnonzero(days)
    first, last = (dates[where[place]].date() for place in (0, -1))
    return f"on {first}" if len(where) == 1 else f"on {len(where)} days from {first} to {last}"


def _companies(stocks: tuple[str, ...], chosen: BoolArray) -> str:
    names = [stocks[i] for i in np.flatnonzero(chosen)]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} companies ({', '.join(names[:3])}, …)"


def _codes(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Both axes' positions among the ids of either."""
    union = pd.Index(sorted({*one, *other}))
    return (
        union.get_indexer(pd.Index(one)).astype(np.int64),
        union.get_indexer(pd.Index(other)).astype(np.int64),
    )


def _same_rows(one: tuple[npt.NDArray[Any], ...], other: tuple[npt.NDArray[Any], ...]) -> bool:
    """Whether two sets of rows (two codes and a weight) are the same, in whatever order."""
    if len(one[0]) != len(other[0]):
        return False
    first, second = (np.lexsort((rows[1], rows[0])) for rows in (one, other))
    return all(np.array_equal(a[first], b[second]) for a, b in zip(one, other, strict=True))
