"""Shrinkage of factor returns along the taxonomy, with a strength learnt from past days only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from samgraph.errors import ModelError
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.factors.regression.exposures import Membership
from samgraph.rounding import first_least


@dataclass(frozen=True)
class Ridge:
    """Shrinkage of the factors of some families toward their prior (`Membership.prior`).

    Strength 1 gives the prior as much say as the data of the family's average factor. Of several strengths
    the one with the least leave-one-company-out error (of equal ones the weaker) over the regressions before t, no
    more than `lookback` days back, is used at t; all are tried on every `every`-th day. Until `first` such trials are
    known the middle strength is used.

    Attributes:
        strengths: candidates, each above 0, rising.
        kinds: the families that shrink.
        lookback: days.
        every: days.
        first: trials.
    """

    strengths: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    kinds: tuple[str, ...] = ("product",)
    lookback: int = 250
    every: int = 5
    first: int = 10

    def __post_init__(self) -> None:
        if not self.strengths or min(self.strengths) <= 0.0 or list(self.strengths) != sorted(self.strengths):
            raise ModelError(f"ridge strengths {self.strengths} must rise and be above 0.")
        if min(self.lookback, self.every, self.first) < 1:
            raise ModelError("lookback, every and first of a ridge must be 1 or more.")


@dataclass
class Shrinkage:
    """The ridge of a run of days: prior precisions, and which strength the past recommends."""

    ridge: Ridge
    memberships: Sequence[Membership]
    n_dense: int
    trials: list[tuple[int, Floats]] = field(default_factory=list)
    _built: tuple[Ints, Bools] | None = None
    _blocks: list[tuple[Ints, Floats]] = field(default_factory=list)

    def strength(self, t: int) -> float:
        """The strength for day number `t`, from trials of earlier days.

        A regression of row s explains the return from s to s+1, known at s+1 <= t.
        """
        known = [errors for s, errors in self.trials if t - self.ridge.lookback <= s < t]
        if len(self.ridge.strengths) == 1 or len(known) < self.ridge.first:
            return self.ridge.strengths[(len(self.ridge.strengths) - 1) // 2]
        return self.ridge.strengths[first_least(np.mean(known, axis=0))]

    def due(self, t: int) -> bool:
        """Whether the strengths are to be tried on day number `t`."""
        return len(self.ridge.strengths) > 1 and t % self.ridge.every == 0

    def record(self, t: int, errors: Floats) -> None:
        """Note a trial's errors [n_strengths], by their mean, so that wild days do not outweigh calm ones."""
        if np.isfinite(errors).all() and errors.mean() > 0.0:
            self.trials.append((t, errors / errors.mean()))

    def precision(self, diagonal: Floats, strength: float, columns: Ints) -> Floats:
        """The prior precision [n_columns, n_columns] for a day.

        Args:
            diagonal: the gram matrix's diagonal [n_columns]; factors that nobody is exposed to take no part.
            strength: of the ridge.
            columns: [n_columns] the number of each of the day's columns among all, rising.
        """
        active = diagonal > 0.0
        if self._built is None or not all(map(np.array_equal, self._built, (columns, active))):
            self._built, self._blocks = (columns, active), list(self._build(columns, active))
        out = np.zeros((len(diagonal), len(diagonal)))
        for places, inverse in self._blocks:
            out[np.ix_(places, places)] = inverse * (strength * diagonal[places].mean())
        return out

    def _build(self, columns: Ints, active: Bools) -> list[tuple[Ints, Floats]]:
        blocks: list[tuple[Ints, Floats]] = []
        start = self.n_dense
        for family in self.memberships:
            width = len(family.columns)
            places = np.flatnonzero(active & (columns >= start) & (columns < start + width))
            if family.kind in self.ridge.kinds and len(places):
                own = columns[places] - start
                prior = np.eye(len(places)) if family.prior is None else family.prior[np.ix_(own, own)]
                # by the day's own columns: those of later days are not known yet
                prior = prior / np.mean(np.diag(prior))
                blocks.append((places, np.linalg.inv(prior).astype(np.float64)))
            start += width
        return blocks
