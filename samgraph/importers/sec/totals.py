"""Totals that hide among a report's members: found by sums, for nothing in the data says which member is one.

A filing that reports stock funds, bond funds, and U.S. funds (which are both) would count revenue twice. A member is a
total where it equals the sum of others that are not totals, in every period of the filing that has it. Coarsely rounded
figures add up by accident, so a sum counts only where fewer than one in twenty such sums would arise by chance, or
where leaving the totals out makes the rest equal the consolidated figure.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TOLERANCE = 0.005
"""A sum this near to the consolidated figure, relative to it, is equal to it."""
CHANCE = 0.05
_MOST_WHOLE = 13  # members up to which every subset is tried
_MOST_TRIPLES = 40  # up to which pairs and triples are; beyond, pairs


def near(total: Floats, target: Floats) -> Bools:
    """Whether sums equal their targets but for rounding; False where a target is NaN."""
    return np.asarray(np.abs(total - target) <= TOLERANCE * np.abs(target))


def rounding(values: Floats) -> float:
    """The power of ten, 1 at least, that all values are multiples of: the unit in which they were reported."""
    known = np.abs(values[np.isfinite(values) & (values != 0)])
    unit = 1.0
    while len(known) and unit < 1e12 and not np.mod(known, unit * 10).any():
        unit *= 10
    return unit


def totals(values: Floats, target: Floats) -> Bools:
    """Which members are totals of others, [n_members].

    Args:
        values: by member and period, NaN where a period lacks the member, [n_members, n_periods]
        target: the consolidated figure of each period, NaN where there is none, [n_periods]
    """
    found = np.zeros(len(values), dtype=bool)
    whole = np.nansum(values, axis=0)
    complete = near(whole, target)
    if complete.all() or len(values) < 2:
        return found
    over = whole > target * (1 + TOLERANCE)
    unit = rounding(np.append(values.ravel(), target))
    size = np.nanmax(values, axis=1)
    likely, sure = found.copy(), found.copy()
    for row in np.argsort(size, kind="stable"):
        here = np.isfinite(values[row])
        if size[row] <= 0 or complete[here].any():  # a period that adds up counts nothing twice
            continue
        if over[here].all() and (np.abs(values[row] - target)[here] < unit).all():
            likely[row] = sure[row] = True  # the consolidated figure itself, beside what it is made of
            continue
        parts = np.flatnonzero((size < size[row]) & (size > 0) & ~likely)
        chance = _chance(values[row, here], np.nan_to_num(values[np.ix_(parts, here)]), unit)
        likely[row], sure[row] = chance is not None, chance is not None and chance < CHANCE
    rest = np.nansum(values[~likely], axis=0)
    return likely if likely.any() and near(rest, target)[over].all() and over.any() else sure


def _chance(value: Floats, parts: Floats, unit: float) -> float | None:
    """How many sums as small as the one found would equal `value` by accident; None where no sum equals it."""
    if len(parts) < 2:
        return None
    tried = 0
    for subsets in _subsets(len(parts)):
        tried += len(subsets)
        sums = subsets @ parts
        if (np.abs(sums - value) <= unit).all(axis=1).any():
            spread = np.maximum(parts.sum(axis=0), unit)
            return float(tried * np.prod(np.minimum(3 * unit / spread, 1.0)))
    return None


@lru_cache(maxsize=24)
def _subsets(count: int) -> tuple[Floats, ...]:
    """Subsets of two and more of `count` parts, by size, as rows of 0 and 1."""
    most = count if count <= _MOST_WHOLE else 3 if count <= _MOST_TRIPLES else 2
    made = []
    for size in range(2, most + 1):
        chosen = np.array(list(combinations(range(count), size)))
        rows = np.zeros((len(chosen), count))
        np.put_along_axis(rows, chosen, 1.0, axis=1)
        made.append(rows)
    return tuple(made)
