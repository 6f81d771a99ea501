"""The exposures of the days of a regression: market, styles, and the edges of every family.

A fit sees a day's stocks by their `Seats` and the day's own columns (`Narrow`): neither a stock nor a column that comes
later has a place there, or but an empty one behind all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from samgraph.factors.arrays import CHUNK, Bools, Floats, Ints, sums
from samgraph.factors.regression.exposures import Design, EdgeSums, Membership
from samgraph.graph.series.snapshots import Edges

MARKET = "market"


class Designs:
    """The exposures of any day; those of a day with the same edges as the last one are not built again.

    Columns are the market factor (if any), the styles, then each family's factors.
    """

    def __init__(
        self, memberships: tuple[Membership, ...], styles: dict[str, Floats], market: bool, n_stocks: int
    ) -> None:
        self.memberships, self.styles, self.market, self.n_stocks = memberships, styles, market, n_stocks
        self.widths = [len(m.columns) for m in memberships]
        self.n_dense = len(styles) + market
        self.width = self.n_dense + sum(self.widths)
        self._last: tuple[tuple[int, ...], EdgeSums] | None = None

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        """Kind, id and name of every column."""
        out = [(MARKET, MARKET, MARKET)] if self.market else []
        out += [("style", name, name) for name in self.styles]
        for family in self.memberships:
            out += [(family.kind, c, n) for c, n in zip(family.columns, family.names, strict=True)]
        return out

    def version(self, t: int) -> tuple[int, ...]:
        """Which edges day number `t` has: a number for each family."""
        return tuple(int(m.day_version[t]) for m in self.memberships)

    def edges(self, t: int) -> EdgeSums:
        """The edges of day number `t`."""
        version = self.version(t)
        if self._last is None or self._last[0] != version:
            self._last = version, EdgeSums([m.edges(t) for m in self.memberships], self.widths, self.n_stocks)
        return self._last[1]

    def of(self, t: int) -> Design:
        """The exposures of day number `t`, 0 where a style is missing."""
        dense = np.ones((self.n_stocks, self.n_dense))
        for place, values in enumerate(self.styles.values(), start=int(self.market)):
            dense[:, place] = values[t]
        np.copyto(dense, 0.0, where=~np.isfinite(dense))
        return Design(dense, self.edges(t))

    def spans(self, days: slice) -> Iterator[slice]:
        """The parts of `days` in which the edges do not change."""
        start = days.start
        for t in range(days.start + 1, days.stop + 1):
            if t == days.stop or self.version(t) != self.version(start):
                yield slice(start, t)
                start = t

    def seated(self, seats: Seats) -> Narrow:
        """The exposures as a fit sees them."""
        return Narrow(self, seats)


class Seats:
    """Places of the stocks in a regression: by the first day on which they are used, then as they stand.

    Who comes later takes a place behind all who were there, and the number of places is a multiple of `CHUNK`: sums
    over chunks of stocks (`samgraph.factors.arrays.across`) then do not depend, to the last bit, on who comes later.

    Attributes:
        order: [n_used] the stock on each place; None if every stock has its own.
        n: stocks with a place; n_stocks: all; width: places.
    """

    def __init__(self, use: Bools) -> None:
        """Seat the stocks. Shapes: use [n_dates, n_stocks]."""
        self.order: Ints | None = None
        self.n = self.n_stocks = use.shape[1]
        if not (len(use) and use[0].all()):
            ever = np.flatnonzero(use.any(axis=0))
            self.order = ever[np.argsort(use[:, ever].argmax(axis=0), kind="stable")]
            self.n = len(ever)
            self._place = np.full(self.n_stocks, -1, dtype=np.int64)
            self._place[self.order] = np.arange(self.n)
        self.width = max(-(-self.n // CHUNK), 1) * CHUNK

    def take(self, values: Any, kept: Any = None) -> Any:
        """Values by places, 0 on empty ones and where not `kept`. Shapes: [..., n_stocks] to [..., width]."""
        out = np.empty((*values.shape[:-1], self.width), dtype=values.dtype)
        out[..., : self.n] = values if self.order is None else values[..., self.order]
        out[..., self.n :] = 0
        if kept is not None and not kept.all():
            np.copyto(out[..., : self.n], 0, where=~(kept if self.order is None else kept[..., self.order]))
        return out

    def back(self, values: Floats) -> Floats:
        """Values of the stocks in their own order, NaN without a place. Shapes: [..., width] to [..., n_stocks]."""
        if self.order is None:
            return values[..., : self.n]
        out = np.full((*values.shape[:-1], self.n_stocks), np.nan)
        out[..., self.order] = values[..., : self.n]
        return out

    def edges(self, edges: Edges) -> Edges:
        """Edges by places; those of stocks without one are left out."""
        if self.order is None:
            return edges
        place = self._place[edges.stock]
        kept = place >= 0
        return Edges(place[kept], edges.concept[kept], edges.weight[kept])


class Narrow:
    """A day's exposures over seats and the columns that have an edge on it.

    Columns are the market factor (if any), the styles, then the day's own of every family; `columns` tells which these
    are.
    """

    def __init__(self, whole: Designs, seats: Seats) -> None:
        self.whole, self.seats, self.n_dense = whole, seats, whole.n_dense
        self._starts = np.concatenate([[0], np.cumsum(whole.widths)]).astype(np.int64)
        self._last: tuple[tuple[int, ...], EdgeSums, Ints] | None = None

    def edges(self, t: int) -> tuple[EdgeSums, Ints]:
        """The edges of day number `t`, and the number of each of its columns among all."""
        version = self.whole.version(t)
        if self._last is None or self._last[0] != version:
            parts = [self.seats.edges(m.edges(t)) for m in self.whole.memberships]
            every = EdgeSums(parts, self.whole.widths, self.seats.width)
            dense = np.arange(self.n_dense)
            self._last = version, every.narrowed(), np.concatenate([dense, self.n_dense + every.present])
        return self._last[1:]

    def of(self, t: int) -> tuple[Design, Ints]:
        """The exposures of day number `t`, 0 where a style is missing, and which columns they have."""
        edges, columns = self.edges(t)
        dense = self.dense(slice(t, t + 1), np.empty((1, self.n_dense, self.seats.width)))[0]
        return Design(np.nan_to_num(dense.T, nan=0.0, posinf=0.0, neginf=0.0), edges), columns

    def dense(self, days: Any, out: Floats) -> Floats:
        """Market and styles of some days, 0 where one is missing. Shapes: out [n_days, n_dense, width], filled."""
        seats, first = self.seats, int(self.whole.market)
        out[:, :first] = 1.0
        out[..., seats.n :] = 0.0
        for place, values in enumerate(self.whole.styles.values(), start=first):
            out[:, place, : seats.n] = values[days] if seats.order is None else values[days][:, seats.order]
        return out

    def constraints(self, edges: EdgeSums, columns: Ints, cap: Floats) -> Floats:
        """Cap-weighted exposure of each family's factors, [n_families, n_columns] for each row of `cap`.

        There are none without a market factor. Shapes: cap [n_dates, width], 0 outside the estimation set.
        """
        if not self.whole.market:
            return np.zeros((len(cap), 0, len(columns)))
        total = edges.onto(cap[:, None])[:, 0] / sums(cap)[:, None]
        ends = np.searchsorted(columns[self.n_dense :] - self.n_dense, self._starts)
        out = np.zeros((len(cap), len(self.whole.widths), len(columns)))
        for row, (start, end) in enumerate(pairwise(ends)):
            out[:, row, self.n_dense + start : self.n_dense + end] = total[:, start:end]
        return out
