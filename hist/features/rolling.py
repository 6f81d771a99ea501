"""Trailing statistics over the last so many days, each from those days alone.

Nothing is carried along the calendar: what is known of n days is put together from its two halves (Chan, Golub and
LeVeque's update for moments), so day t's value is the same to the last bit wherever the series begins and whatever
follows it, no error adds up over the years, and a series that does not move has a spread of exactly 0. What is
missing (NaN) is left out of its window; a window without a known value is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
State = tuple[Floats, ...]

SORT_CELLS = 1 << 20  # of windows that are sorted at once


def ago(values: Floats, days: int, fill: float = np.nan) -> Floats:
    """The values of `days` days before [n_dates, n_stocks]; `fill` before the series begins."""
    result = np.full_like(values, fill)
    result[days:] = values[: max(len(values) - days, 0)]
    return result


class _Halves:
    """Statistics of one series whose windows are put together from halves; each is computed once."""

    fills: tuple[float, ...]  # of a window without a value

    def __init__(self, one_day: State) -> None:
        self._known: dict[int, State] = {1: one_day}

    def over(self, days: int) -> State:
        """The state of the last `days` days."""
        if days not in self._known:
            older = days // 2 if days % 2 == 0 else 1
            newer = days - older
            self._known[days] = self.merged(self.over(newer), self._earlier(older, newer))
        return self._known[days]

    def _earlier(self, days: int, since: int) -> State:
        return tuple(ago(part, since, fill) for part, fill in zip(self.over(days), self.fills, strict=True))

    def merged(self, newer: State, older: State) -> State:
        """One window of two that follow each other."""
        raise NotImplementedError


class Sums(_Halves):
    """Sums of what is known."""

    fills = (0.0, 0.0)

    def __init__(self, x: Floats) -> None:
        known = np.isfinite(x)
        super().__init__((known.astype(np.float64), np.where(known, x, 0.0)))

    def merged(self, newer: State, older: State) -> State:
        return newer[0] + older[0], newer[1] + older[1]

    def sum(self, days: int) -> Floats:
        """Sum over the window."""
        count, total = self.over(days)
        return np.where(count > 0, total, np.nan)


class Moments(_Halves):
    """Mean and spread of a series."""

    fills: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __init__(self, x: Floats) -> None:
        known = np.isfinite(x)
        super().__init__((known.astype(np.float64), np.where(known, x, 0.0), np.zeros_like(x)))

    def merged(self, newer: State, older: State) -> State:
        count, share, cross = _shares(newer[0], older[0])
        step = older[1] - newer[1]
        return count, newer[1] + step * share, newer[2] + older[2] + step * step * cross

    def mean(self, days: int) -> Floats:
        """Mean of what is known."""
        count, mean, _ = self.over(days)
        return np.where(count > 0, mean, np.nan)

    def std(self, days: int) -> Floats:
        """Standard deviation with n - 1; NaN of fewer than two values."""
        count, _, squares = self.over(days)
        return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


class Pairs(_Halves):
    """Co-moments of two series over the days on which both are known; `y` None is the day itself, counted 1, 2, ..."""

    fills = (0.0,) * 6

    def __init__(self, x: Floats, y: Floats | None) -> None:
        known = np.isfinite(x) if y is None else np.isfinite(x) & np.isfinite(y)
        second = np.zeros_like(x) if y is None else np.where(known, y, 0.0)
        none = np.zeros_like(x)
        super().__init__((known.astype(np.float64), np.where(known, x, 0.0), second, none, none, none))
        self.of_days = y is None

    def _earlier(self, days: int, since: int) -> State:
        older = list(super()._earlier(days, since))
        if self.of_days:
            older[2] = np.where(older[0] > 0, older[2] - since, 0.0)
        return tuple(older)

    def merged(self, newer: State, older: State) -> State:
        count, share, cross = _shares(newer[0], older[0])
        step_x, step_y = older[1] - newer[1], older[2] - newer[2]
        across = step_x * cross
        return (
            count,
            newer[1] + step_x * share,
            newer[2] + step_y * share,
            newer[3] + older[3] + across * step_x,
            newer[4] + older[4] + step_y * step_y * cross,
            newer[5] + older[5] + across * step_y,
        )

    def correlation(self, days: int, least_x: Floats | float, least_y: Floats | float) -> Floats:
        """Pearson's; NaN where a standard deviation is not above its least."""
        count, _, _, xx, yy, xy = self.over(days)
        freedom = np.maximum(count - 1, 1)
        moves = (np.sqrt(xx / freedom) > least_x) & (np.sqrt(yy / freedom) > least_y) & (count > 1)
        scale = np.sqrt(np.where(moves, xx, 1.0)) * np.sqrt(np.where(moves, yy, 1.0))
        return np.where(moves, np.clip(xy / scale, -1.0, 1.0), np.nan)

    def slope(self, days: int) -> Floats:
        """Least-squares slope of x on y; NaN of fewer than two values."""
        _, _, _, _, yy, xy = self.over(days)
        return np.where(yy > 0, xy / np.where(yy > 0, yy, 1.0), np.nan)

    def fitted(self, days: int) -> Floats:
        """The least-squares line's value today, where y is the day."""
        _, mean_x, mean_y, *_ = self.over(days)
        return mean_x - self.slope(days) * mean_y


class Extremes(_Halves):
    """The largest value and how many days ago it was reached, first if several times."""

    fills = (-np.inf, 0.0)

    def __init__(self, x: Floats) -> None:
        super().__init__((np.where(np.isfinite(x), x, -np.inf), np.zeros_like(x)))

    def _earlier(self, days: int, since: int) -> State:
        value, when = super()._earlier(days, since)
        return value, when + since

    def merged(self, newer: State, older: State) -> State:
        before = (older[0] >= newer[0]) & (older[0] > -np.inf)
        return np.where(before, older[0], newer[0]), np.where(before, older[1], newer[1])

    def largest(self, days: int) -> Floats:
        """The largest value."""
        value, _ = self.over(days)
        return np.where(value > -np.inf, value, np.nan)

    def days_ago(self, days: int) -> Floats:
        """Days since it was first reached."""
        value, when = self.over(days)
        return np.where(value > -np.inf, when, np.nan)


def _shares(newer: Floats, older: Floats) -> State:
    """Of two windows' counts: the whole, the older's share of it, and the weight of their means' squared distance."""
    count = newer + older
    share = older / np.maximum(count, 1.0)
    return count, share, newer * share


def ranks(x: Floats, windows: tuple[int, ...]) -> dict[int, Floats]:
    """Today's rank among the known values of each window, ties averaged, over their number: 1 is the highest."""
    below, equal, count = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    result = {}
    for back in range(max(windows)):
        earlier = ago(x, back)
        below += earlier < x
        equal += earlier == x
        count += np.isfinite(earlier)
        if back + 1 in windows:
            with np.errstate(invalid="ignore", divide="ignore"):
                result[back + 1] = np.where(np.isfinite(x), (below + (equal + 1.0) / 2.0) / count, np.nan)
    return result


def quantiles(x: Floats, days: int, levels: tuple[float, ...]) -> dict[float, Floats]:
    """Quantiles of the known values of the window, linear between two neighbours."""
    n_dates, n_stocks = x.shape
    padded = np.concatenate([np.full((days - 1, n_stocks), np.nan), x])
    windows = np.lib.stride_tricks.sliding_window_view(padded, days, axis=0)
    result = {level: np.full_like(x, np.nan) for level in levels}
    step = max(1, SORT_CELLS // max(1, n_stocks * days))
    for first in range(0, n_dates, step):
        part = np.sort(windows[first : first + step], axis=-1)  # what is missing comes last
        count = np.isfinite(part).sum(axis=-1)
        for level in levels:
            place = level * np.maximum(count - 1, 0)
            below = place.astype(np.int64)
            above = np.minimum(below + 1, np.maximum(count - 1, 0))
            low = np.take_along_axis(part, below[..., None], axis=-1)[..., 0]
            high = np.take_along_axis(part, above[..., None], axis=-1)[..., 0]
            result[level][first : first + step] = low + (high - low) * (place - below)
    return result
