"""Fama-MacBeth: the mean of each day's cross-sectional slopes, tested over the days.

Source: Fama and MacBeth (1973), "Risk, Return, and Equilibrium"; errors, t and p are those of
`samgraph.factors.evaluation.inference` on each slope's series, or with `lags` Newey and West's (linearmodels'
`cov_type="kernel"`, Bartlett, `debiased=False`), which are too small where returns overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Bools, Floats, Ints, day_blocks, table
from samgraph.factors.evaluation.inference import MeanTest, mean_test
from samgraph.factors.evaluation.newey_west import newey_west, p_value
from samgraph.factors.labels import axes_of
from samgraph.factors.regression.solve import RANK_TOLERANCE, Solution

CONSTANT = "constant"
BLOCK_CELLS = 1 << 18  # of all columns: many small matrices in one call outweigh a cache that holds them


@dataclass(frozen=True, eq=False)
class FamaMacBeth:
    """Premia and the slopes behind them.

    Attributes:
        premia: indexed by name: premium (mean slope), se, t, p_value, n_days.
        slopes: [n_dates, 1 + n_factors] each day's slopes, constant first; NaN on days without.
        names: [1 + n_factors]; r2: [n_dates] centred R2 of each day.
        deficiencies: row (day number), column, depends_on: days left out because columns depend on others.
        freedom: degrees of freedom of the tests; None with Newey-West errors.
    """

    premia: pd.DataFrame
    slopes: Floats
    names: tuple[str, ...]
    r2: Floats
    deficiencies: pd.DataFrame
    freedom: float | None

    def __repr__(self) -> str:
        days = f"{len(self.slopes)} days, {len(self.deficiencies)} deficiencies"
        return f"FamaMacBeth({days})\n{self.premia.to_string(float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> str:
        return self.premia.to_html(float_format="{:.4g}".format, border=0)


def fama_macbeth(
    forward: Any,
    factors: Mapping[str, Any],
    *,
    weights: Any | None = None,
    horizon: int = 1,
    lags: int | None = None,
) -> FamaMacBeth:
    """Regress each day's forward return on that day's factors and average the slopes.

    Args:
        forward: [n_dates, n_stocks] returns that start after each day, NaN = missing.
        factors: name -> [n_dates, n_stocks]; a stock that lacks one is left out that day.
        weights: [n_dates, n_stocks] positive regression weights; all alike if None.
        horizon: of the forward return in days, for the tests.
        lags: Newey-West errors with so many lags, and normal p-values, instead.

    Raises:
        ModelError: wrong shapes, no factors, no day with more stocks than slopes, or a column
            that others determine on every day.
    """
    if not factors:
        raise ModelError("Fama-MacBeth needs at least one factor; none was given.")
    y = table(forward, "the forward return")
    axes = axes_of(forward, "the forward return")
    columns = [table(values, f"factor {name}", y.shape, axes) for name, values in factors.items()]
    scale = None if weights is None else table(weights, "weights", y.shape, axes)
    names = (CONSTANT, *factors)
    slopes, r2, deficient = _solved(_moments(y, columns, scale))
    faults: list[tuple[int, str, str]] = []
    for t, solution in deficient:
        for column, on in solution.at_fault.items():
            # the day's means are taken off first, so column j here is factor j + 1
            others = " ".join(names[i + 1] for i in on) or CONSTANT
            faults.append((t, names[column + 1], others))
    used = ~np.isnan(slopes[:, 0])
    if not used.any():
        if faults:
            _, fault, reason = faults[0]
            raise ModelError(
                f"{fault} is determined by {reason} on every day that has stocks enough; leave it out."
            )
        raise ModelError(f"no day has more stocks than the {len(names)} slopes asked for.")
    found = [_tested(slopes[used, j], horizon, lags) for j in range(len(names))]
    premia = pd.DataFrame(
        {
            "premium": [m.mean for m in found],
            "se": [m.se for m in found],
            "t": [m.t for m in found],
            "p_value": [m.p_value for m in found],
            "n_days": [m.n for m in found],
        },
        index=pd.Index(names, name="factor"),
    )
    deficiencies = pd.DataFrame(faults, columns=["row", "column", "depends_on"])
    return FamaMacBeth(
        premia, slopes, names, r2, deficiencies, None if lags is not None else found[0].freedom
    )


def _tested(series: Floats, horizon: int, lags: int | None) -> MeanTest:
    if lags is None:
        return mean_test(series, horizon)
    mean, se, t, n = newey_west(series, lags)
    return MeanTest(mean, se, t, float(p_value(t)), n, n)


def _separate(gram: Floats) -> Bools:
    """Whether the lowest eigenvalue of each unit-diagonal matrix [n_dates, p, p] is above the tolerance.

    The others sum to p at most, so their product is below e, and the lowest is above the determinant by e.
    """
    out: Bools = np.linalg.det(gram) > 3.0 * RANK_TOLERANCE
    out[~out] = np.linalg.eigvalsh(gram[~out])[:, 0] > RANK_TOLERANCE
    return out


@dataclass(frozen=True, eq=False)
class _Moments:
    """What the slopes of each day follow from: stocks, their weight, weighted means and products around them.

    Shapes: n, total [n_dates]; means [n_dates, 1 + n_factors]; products [n_dates, 1 + n_factors, 1 + n_factors], the
    return first.
    """

    n: Ints
    total: Floats
    means: Floats
    products: Floats


def _moments(y: Floats, columns: list[Floats], scale: Floats | None) -> _Moments:
    panels = [y, *columns]
    n_dates, n_stocks = y.shape
    out = _Moments(
        np.full(n_dates, n_stocks),
        np.full(n_dates, float(n_stocks)),
        np.empty((n_dates, len(panels))),
        np.empty((n_dates, len(panels), len(panels))),
    )
    blocks = list(day_blocks(n_dates, n_stocks * (len(panels) + 1), BLOCK_CELLS))
    longest = max((days.stop - days.start for days in blocks), default=0)
    # a last row of zeros: a matrix times its own transpose would take BLAS's slower path for few rows
    scratch = np.zeros((longest, len(panels) + 1, n_stocks))
    for days in blocks:
        stack = scratch[: days.stop - days.start]
        _fill(out, days, [values[days] for values in panels], None if scale is None else scale[days], stack)
    return out


def _fill(out: _Moments, days: slice, panels: list[Floats], scale: Floats | None, stack: Floats) -> None:
    n_stocks = panels[0].shape[1]
    ones = np.ones(n_stocks)
    with np.errstate(invalid="ignore"):
        means = np.stack([values @ ones for values in panels], axis=1) / max(n_stocks, 1)
    mask = weight = None
    if scale is not None or not np.isfinite(means).all():
        with np.errstate(invalid="ignore"):
            mask = np.isfinite(sum(panels))  # missing where any of them is
            if scale is not None:
                mask &= (scale > 0.0) & (scale < np.inf)
        weight = mask.astype(np.float64) if scale is None else np.where(mask, scale, 0.0)
        out.n[days], total = mask.sum(axis=1), weight.sum(axis=1)
        out.total[days] = total
        panels = [np.where(mask, values, 0.0) for values in panels]
        sums = np.stack([np.einsum("ti,ti->t", values, weight) for values in panels], axis=1)
        means = sums / np.maximum(total, np.finfo(np.float64).tiny)[:, None]
    for place, values in enumerate(panels):
        np.subtract(values, means[:, place, None], out=stack[:, place])
    if mask is not None:
        np.copyto(stack, 0.0, where=~mask[:, None, :])
    weighted = stack if scale is None or weight is None else stack * weight[:, None, :]
    out.means[days] = means
    out.products[days] = np.matmul(weighted, stack[:, :-1].transpose(0, 2, 1))[:, :-1]


def _solved(given: _Moments) -> tuple[Floats, Floats, list[tuple[int, Solution]]]:
    """Slopes [n_dates, 1 + n_factors] and R2 [n_dates], and the days whose columns depend on each other."""
    means, products = given.means, given.products
    n_dates, width = means.shape
    length = np.sqrt(np.einsum("tpp->tp", products[:, 1:, 1:]))
    # a column that does not vary leaves rounding noise behind its mean
    varies = length > 1e-10 * np.sqrt(given.total)[:, None] * np.abs(means[:, 1:])
    unit = np.where(varies, 1.0 / np.where(length > 0.0, length, 1.0), 0.0)
    gram = products[:, 1:, 1:] * unit[:, :, None] * unit[:, None, :]
    enough = given.n > width
    good = enough & _separate(gram)
    slopes, r2 = np.full((n_dates, width), np.nan), np.full(n_dates, np.nan)
    right = products[good, 1:, 0]
    beta = np.linalg.solve(gram[good], (right * unit[good])[:, :, None])[:, :, 0] * unit[good]
    slopes[good, 1:] = beta
    slopes[good, 0] = means[good, 0] - np.einsum("tp,tp->t", beta, means[good, 1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        r2[good] = np.einsum("tp,tp->t", beta, right) / products[good, 0, 0]
    none = np.zeros((0, width - 1))
    deficient = []
    for t in np.flatnonzero(enough & ~good):
        solution = Solution(gram[t], none)
        solution.at_fault.update(
            {int(j): np.zeros(0, dtype=np.int64) for j in np.flatnonzero(unit[t] == 0.0)}
        )
        deficient.append((int(t), solution))
    return slopes, r2, deficient
