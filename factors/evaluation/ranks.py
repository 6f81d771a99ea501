"""Average ranks and quantile classes of every day's cross-section, all days at once.

One sort of a panel serves every later question about it: ranks within any subset of its stocks (a factor's
ranks among the stocks whose 5-day, 20-day, ... return is known) follow from running counts along the sorted
order, without sorting again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samgraph.factors.arrays import Bools, Floats


@dataclass(frozen=True)
class DayOrder:
    """The sorted order of each day's values.

    Attributes:
        order: int [n_dates, n_stocks], stock positions from the lowest value to the highest, missing last.
        known: bool [n_dates, n_stocks], where a value is present, in the panel's own order of stocks.
        fresh: bool [n_dates, n_stocks] along the sorted order, True where a value differs from the one before
            it; None if no day has ties.
    """

    order: npt.NDArray[np.intp]
    known: Bools
    fresh: Bools | None

    @classmethod
    def of(cls, values: Floats) -> DayOrder:
        """Sort each day of `values` [n_dates, n_stocks]."""
        order = np.argsort(values, axis=1)  # NaN sorts last
        along = np.take_along_axis(values, order, axis=1)
        fresh = np.ones(values.shape, dtype=bool)
        np.not_equal(along[:, 1:], along[:, :-1], out=fresh[:, 1:])  # NaN differs from NaN: never a tie
        return cls(order, ~np.isnan(values), None if fresh.all() else fresh)

    def ranks(self, mask: Bools | None = None) -> Floats:
        """Ranks 1..n among the stocks of `mask` that have a value; ties share their average; NaN outside.

        Shapes: mask and result [n_dates, n_stocks].
        """
        inside = self.known if mask is None else self.known & mask
        if self.fresh is None and inside.all():
            out = np.empty(inside.shape)
            every = np.arange(1.0, inside.shape[1] + 1.0)
            np.put_along_axis(out, self.order, np.broadcast_to(every, inside.shape), axis=1)
            return out
        along = np.take_along_axis(inside, self.order, axis=1)
        running = np.cumsum(along, axis=1, dtype=np.float64)
        if self.fresh is not None:
            starts = np.flatnonzero(self.fresh)  # every day's first stock starts a run of ties
            runs = np.cumsum(self.fresh.ravel()) - 1
            ends = np.append(starts[1:], running.size) - 1
            flat = running.ravel()
            below = flat[starts] - along.ravel()[starts]
            running = (0.5 * (below + 1.0 + flat[ends]))[runs].reshape(running.shape)
        out = np.empty(inside.shape)
        np.put_along_axis(out, self.order, running, axis=1)
        out[~inside] = np.nan
        return out


def ranks_within(values: Floats, slot: npt.NDArray[np.int64]) -> Floats:
    """Average ranks 1..n of values among those of the same slot. Shapes: values, slot and result [n]."""
    order = np.lexsort((values, slot))
    v, s = values[order], slot[order]
    first = np.ones(len(v), dtype=bool)  # of its slot
    first[1:] = s[1:] != s[:-1]
    fresh = first.copy()
    fresh[1:] |= v[1:] != v[:-1]
    place = np.arange(len(v))
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], len(v)) - 1
    run = np.cumsum(fresh) - 1
    begin = place[first][np.cumsum(first) - 1]
    out = np.empty(len(v))
    out[order] = 0.5 * (starts + ends)[run] - begin + 1.0
    return out


def ranks(values: Floats) -> Floats:
    """Average ranks 1..n of each day's values; NaN where missing. Shapes: [n_dates, n_stocks]."""
    return DayOrder.of(values).ranks()


def quantile_classes(
    values: Floats, quantiles: int, ordering: DayOrder | None = None
) -> npt.NDArray[np.int8]:
    """Class 1 (lowest) .. `quantiles` (highest) of each stock on each day, 0 where its value is missing.

    The edges are the day's linearly interpolated quantiles and a value on an edge belongs to the class below
    it, as in `pandas.qcut` and alphalens. Equal values share a class, so a day with few distinct values may
    leave classes empty (qcut refuses such a day).
    Shapes: values and result [n_dates, n_stocks].
    """
    rows = ordering if ordering is not None else DayOrder.of(values)
    along = np.take_along_axis(values, rows.order, axis=1)
    count = rows.known.sum(axis=1)
    last = np.maximum(count - 1, 0)
    out = rows.known.astype(np.int8)
    every_day = np.arange(len(values))
    shares = np.linspace(0.0, 1.0, quantiles + 1)
    # as qcut: a share that binary cannot hold is rounded up, so that a value on an edge stays below it
    inexact = shares * quantiles != np.arange(quantiles + 1)
    shares[inexact] = np.nextafter(shares[inexact], 1.0)
    for share in shares[1:-1]:
        place = share * last
        low = np.floor(place).astype(np.intp)
        high = np.minimum(low + 1, last)
        part = place - low
        below, above = along[every_day, low], along[every_day, high]
        gap = above - below
        edge = np.where(part >= 0.5, above - gap * (1.0 - part), below + gap * part)
        with np.errstate(invalid="ignore"):
            out += values > edge[:, None]
    return out
