"""The bars that features are computed from, adjusted, and their trailing statistics, each computed once.

Everything at day t is known at t's close. Prices are times the adjusting factor and volume over it, so that a
split changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.hist.features.rolling import Extremes, Floats, Moments, Pairs, Sums, ago
from samgraph.hist.market import BoolArray, Market

T = TypeVar("T")


class Bars:
    """Some stocks of a market, for functions that give one number a stock and day.

    A feature's function takes one of these and returns float64 [n_dates, n_stocks] of its stocks, NaN where
    unknown. `open` to `vwap` and `volume` are adjusted and there on every day with a bar; `traded` leaves out the
    days without trading, as vendors do who give no bar on them.

    Shapes:
        open, high, low, close, vwap, volume, amount, market_cap: float64 [n_dates, n_stocks]
        member: bool [n_dates, n_stocks], whether in the universe
    """

    def __init__(self, market: Market, stocks: slice = slice(None)) -> None:
        self.market, self._stocks = market, stocks
        self._known: dict[tuple[object, ...], object] = {}

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The trading days."""
        return self.market.dates

    @cached_property
    def adj(self) -> Floats:
        """The adjusting factor."""
        return self._cut(self.market.adj)

    @cached_property
    def open(self) -> Floats:
        """Adjusted opening price."""
        return self._cut(self.market.open) * self.adj

    @cached_property
    def high(self) -> Floats:
        """Adjusted highest price."""
        return self._cut(self.market.high) * self.adj

    @cached_property
    def low(self) -> Floats:
        """Adjusted lowest price."""
        return self._cut(self.market.low) * self.adj

    @cached_property
    def close(self) -> Floats:
        """Adjusted closing price."""
        return self._cut(self.market.close) * self.adj

    @cached_property
    def vwap(self) -> Floats:
        """Adjusted volume-weighted average price; (high + low + close) / 3 where the bars have none."""
        return self._cut(self.market.vwap) * self.adj

    @cached_property
    def volume(self) -> Floats:
        """Adjusted volume; NaN where nothing was traded."""
        volume = self._cut(self.market.volume)
        return np.where(volume > 0, volume, np.nan) / self.adj

    @cached_property
    def market_cap(self) -> Floats:
        """Market capitalisation."""
        return self._cut(self.market.market_cap)

    @cached_property
    def member(self) -> BoolArray:
        """Whether the stock is in the universe."""
        return np.ascontiguousarray(self.market.member[:, self._stocks])

    def column(self, name: str) -> Floats:
        """A further column of the bars, as it stands there.

        Raises:
            ModelError: the market was read without it
        """
        if name not in self.market.further:
            known = ", ".join(self.market.further) or "none"
            raise ModelError(
                f"the market was read without the bars' column '{name}' (further columns: {known})"
            )
        return self._cut(self.market.further[name])

    @cached_property
    def is_traded(self) -> BoolArray:
        """Days with a bar and a volume."""
        return np.isfinite(self.close) & np.isfinite(self.volume)

    @cached_property
    def days_listed(self) -> Floats:
        """Trading days since the stock's first bar, that day counted."""
        begun = np.logical_or.accumulate(self.is_traded, axis=0)
        return np.cumsum(begun, axis=0).astype(np.float64)

    def traded(self, name: str) -> Floats:
        """A price or the volume on days with trading, NaN on others."""
        return self.once(("traded", name), lambda: np.where(self.is_traded, getattr(self, name), np.nan))

    def ago(self, name: str, days: int) -> Floats:
        """`traded` of so many trading days before."""
        return self.once(("ago", name, days), lambda: ago(self.series(name), days))

    def series(self, name: str) -> Floats:
        """A series by its name: a price, the volume, or one of `SERIES`."""
        if name in SERIES:
            return self.once(("series", name), lambda: SERIES[name](self))
        return self.traded(name)

    def sums(self, name: str) -> Sums:
        """Trailing sums of a series."""
        return self.once(("sums", name), lambda: Sums(self.series(name)))

    def moments(self, name: str) -> Moments:
        """Trailing mean and standard deviation of a series."""
        return self.once(("moments", name), lambda: Moments(self.series(name)))

    def pairs(self, x: str, y: str | None) -> Pairs:
        """Trailing co-moments of two series, or of one with the days."""
        return self.once(
            ("pairs", x, y), lambda: Pairs(self.series(x), None if y is None else self.series(y))
        )

    def highest(self, name: str) -> Extremes:
        """Trailing maxima of a series."""
        return self.once(("highest", name), lambda: Extremes(self.series(name)))

    def lowest(self, name: str) -> Extremes:
        """Trailing minima of a series, with the other sign."""
        return self.once(("lowest", name), lambda: Extremes(-self.series(name)))

    def once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` gives, computed once for the key."""
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def _cut(self, panel: Floats) -> Floats:
        return np.ascontiguousarray(panel[:, self._stocks])


def _changes(name: str, sign: float) -> Callable[[Bars], Floats]:
    """What a series gained since the day before (or lost, with the other sign), 0 where it did the opposite."""
    return lambda bars: np.maximum(sign * (bars.series(name) - bars.ago(name, 1)), 0.0)


def _moved(sign: float) -> Callable[[Bars], Floats]:
    """1 on days that closed higher (or lower) than the day before, 0 on others since the listing, NaN before it."""

    def function(bars: Bars) -> Floats:
        with np.errstate(invalid="ignore"):
            moved = sign * (bars.series("close") - bars.ago("close", 1)) > 0
        return np.where(bars.days_listed > 0, moved.astype(np.float64), np.nan)

    return function


SERIES: dict[str, Callable[[Bars], Floats]] = {
    "log_volume": lambda bars: np.log(bars.series("volume") + 1.0),
    "growth": lambda bars: bars.series("close") / bars.ago("close", 1),
    "log_volume_growth": lambda bars: np.log(bars.series("volume") / bars.ago("volume", 1) + 1.0),
    "moved_volume": lambda bars: np.abs(bars.series("growth") - 1.0) * bars.series("volume"),
    "gain": _changes("close", 1.0),
    "loss": _changes("close", -1.0),
    "volume_gain": _changes("volume", 1.0),
    "volume_loss": _changes("volume", -1.0),
    "rose": _moved(1.0),
    "fell": _moved(-1.0),
}
"""Series that are not columns of the bars, by name."""
