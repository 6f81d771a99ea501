"""The excess return by factor: active exposures times factor returns, and what is specific to the stocks.

Of a day, over the stocks that the day's regression used, with active weights a_i, return over the benchmark g_i - B,
exposures X and factor returns f of the regression of that day's returns on what was known at the close before

    sum_i a_i (g_i - B) = (m - B) sum_i a_i + sum_k f_k sum_i a_i X_ik + specific

m is the market factor's return. What the stocks outside the regression brought is an effect of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.factors.regression.exposures import Membership
from samgraph.sums import over_stocks


@dataclass(frozen=True, eq=False)
class FactorEffects:
    """Effects of each day.

    Attributes:
        kinds, factors: [n_columns] as in the regression.
        exposure: [n_dates, n_columns] the active one; effect: [n_dates, n_columns].
        specific, outside: [n_dates].
    """

    kinds: tuple[str, ...]
    factors: tuple[str, ...]
    exposure: Floats
    effect: Floats
    specific: Floats
    outside: Floats


def factor_effects(
    active: Floats, over: Floats, benchmark: Floats, fit: Regression, rows: Ints
) -> FactorEffects:
    """Split each day's active return by factor.

    Args:
        active: [n_dates, n_stocks] weights less the benchmark's at the close before.
        over: [n_dates, n_stocks] return of the day less the benchmark's; 0 where not known.
        benchmark: [n_dates] return of the day.
        fit: its row s explains the return from s to s + 1; it has a market factor.
        rows: [n_dates] the row that explains each day's return.
    """
    inside = ~np.isnan(fit.specific[rows])
    own = np.where(inside, active, 0.0)
    exposure = np.zeros((len(rows), len(fit.columns)))
    exposure[:, 0] = over_stocks(own)
    for number, values in enumerate(fit.designs.styles.values(), start=1):
        exposure[:, number] = over_stocks(own * np.nan_to_num(values[rows]))
    first = fit.designs.n_dense
    for family in fit.designs.memberships:
        last = first + len(family.columns)
        exposure[:, first:last] = _exposures(own, family, rows)
        first = last
    gained = np.nan_to_num(fit.returns[rows])
    fitted = inside.any(axis=1)
    gained[:, 0] = np.where(fitted, gained[:, 0] - benchmark, 0.0)
    effect = exposure * gained
    earned = over_stocks(own * over)
    specific = earned - over_stocks(effect)
    outside = over_stocks(np.where(inside, 0.0, active) * over)
    return FactorEffects(fit.kinds, fit.columns, exposure, effect, specific, outside)


def _exposures(own: Floats, family: Membership, rows: Ints) -> Floats:
    """Active exposure to every column of a family [n_dates, n_columns]."""
    out = np.zeros((len(own), len(family.columns)))
    versions = family.day_version[rows]
    starts = np.flatnonzero(np.diff(versions, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(own)], strict=True):
        edges = family.versions[versions[start]]
        shape = (len(family.columns), own.shape[1])
        matrix = sparse.coo_array(
            (edges.weight.astype(np.float64), (edges.concept, edges.stock)), shape=shape
        )
        out[start:stop] = (matrix.tocsr() @ own[start:stop].T).T
    return out
