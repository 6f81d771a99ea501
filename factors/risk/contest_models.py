"""The models of a risk contest: one regression for each choice of exposures, on the same stocks and days.

The stocks of a day are the members that every family covers, so that no model is better for knowing more of them. Days
begin where every family has edges. Each family shrinks along its own taxonomy with a strength chosen on past days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Bools, Floats
from samgraph.factors.regression.cross_sectional import cross_sectional_regression, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.factors.risk.contest import ContestSettings, contest
from samgraph.factors.risk.forecasts import FEWEST_DAYS, RiskForecasts

HISTORY_DAYS = 500  # of factor returns behind an estimate
EVERY = 20  # days from one estimate of the covariances to the next
RIDGE = Ridge(kinds=("product", "industry"), lookback=HISTORY_DAYS, every=EVERY, first=5)


@dataclass(frozen=True, eq=False)
class Arena:
    """What all models share; axes are dates x stocks.

    Attributes:
        dates, stocks: the axes; returns: of each day, NaN = missing; cap: market cap, positive.
        member: who belongs to the universe; tradable: who traded that day.
        styles: name -> exposures known by each day.
        first: number of the first day to forecast on.
    """

    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    returns: Floats
    cap: Floats
    member: Bools
    tradable: Bools
    styles: Mapping[str, Floats]
    first: int

    def since(self, day: int) -> Arena:
        """The same from a day on."""
        days = slice(day, None)
        return replace(
            self,
            dates=self.dates[days],
            returns=self.returns[days],
            cap=self.cap[days],
            member=self.member[days],
            tradable=self.tradable[days],
            styles={name: values[days] for name, values in self.styles.items()},
            first=max(self.first - day, 0),
        )


def covered(families: Sequence[Membership], n_stocks: int) -> Bools:
    """Which stocks every family has an edge of, on each day: [n_dates, n_stocks]."""
    out = np.ones((len(families[0].day_version), n_stocks), dtype=bool)
    for family in families:
        there = np.array([np.bincount(e.stock, minlength=n_stocks) > 0 for e in family.versions])
        out &= there.reshape(-1, n_stocks)[family.day_version]
    return out


def hold_contest(
    arena: Arena,
    families: Mapping[str, Membership],
    models: Mapping[str, Sequence[str]],
    *,
    product: str = "product",
    industry: str = "industry",
    settings: ContestSettings | None = None,
    progress: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Fit every model and hold their forecasts against the returns from `arena.first` on.

    Args:
        arena: what they share.
        families: exposures by name, of the arena's days and stocks.
        models: model -> names of its families, none for market and styles alone.
        product: the family of products whose pairs are looked at.
        industry: that of industries.
        settings: of the losses.
        progress: called after each model's regression and each day (see `steps`).

    Returns:
        As `samgraph.factors.risk.contest.contest`.

    Raises:
        ModelError: too few days on which every family has edges, or no such family.
    """
    inside = arena.member & covered(list(families.values()), len(arena.stocks))
    known = np.flatnonzero(inside.any(axis=1))
    begin = int(known[0]) if len(known) else len(arena.dates)
    first = max(arena.first - begin, FEWEST_DAYS)
    if begin + first >= len(arena.dates) - 1:
        raise ModelError(
            f"a contest needs {FEWEST_DAYS} days of factor returns before its first day and one after it, but the "
            f"exposures are known on {len(arena.dates) - begin} days; begin it later, or end it later."
        )
    seen, inside = arena.since(begin), inside[begin:]
    own = {name: replace(f, day_version=f.day_version[begin:]) for name, f in families.items()}
    forward = next_day(seen.returns)
    forecasts = {}
    for model, names in models.items():
        fit = cross_sectional_regression(
            forward,
            seen.cap,
            seen.dates,
            seen.stocks,
            memberships=[own[name] for name in names],
            styles=seen.styles,
            universe=inside,
            ridge=RIDGE if names else None,
            folds=0,
        )
        forecasts[model] = RiskForecasts(fit, history=HISTORY_DAYS, every=EVERY, first=first)
        progress()
    eligible = inside & seen.tradable & np.isfinite(seen.returns)
    return contest(
        forecasts,
        forward,
        seen.cap,
        eligible,
        product=own[product],
        industry=own[industry],
        settings=settings,
        progress=progress,
    )


def steps(arena: Arena, models: Mapping[str, Sequence[str]]) -> int:
    """How often `hold_contest` calls `progress`, at most."""
    return len(models) + max(len(arena.dates) - 1 - arena.first, 0)
