"""The exposures of the days of a regression: market, styles, and the edges of every family."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from samgraph.factors.arrays import Floats
from samgraph.factors.exposures import Design, EdgeSums, Membership

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
        np.copyto(dense, 0.0, where=np.isnan(dense))
        return Design(dense, self.edges(t))

    def spans(self, days: slice) -> Iterator[slice]:
        """The parts of `days` in which the edges do not change."""
        start = days.start
        for t in range(days.start + 1, days.stop + 1):
            if t == days.stop or self.version(t) != self.version(start):
                yield slice(start, t)
                start = t

    def constraints(self, edges: EdgeSums, cap: Floats) -> Floats:
        """Cap-weighted exposure of each family's factors, [n_families, width] for each row of `cap`.

        There are none without a market factor. Shapes: cap [n_dates, n_stocks], 0 outside the estimation set.
        """
        if not self.market:
            return np.zeros((len(cap), 0, self.width))
        total = np.zeros((len(cap), edges.width))
        total[:, edges.present] = edges.onto((cap / cap.sum(axis=1, keepdims=True))[:, None])[:, 0]
        out = np.zeros((len(cap), len(self.widths), self.width))
        start = 0
        for row, width in enumerate(self.widths):
            out[:, row, self.n_dense + start : self.n_dense + start + width] = total[:, start : start + width]
            start += width
        return out
