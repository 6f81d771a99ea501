"""Neutral factors: what is left of a factor beside industry, market capitalisation and styles.

Every day's factor is regressed (weighted least squares) on a dummy for each industry, the log of market cap
and any further covariates; the residual is the neutral factor. The dummies are swept out first by taking off
the weighted industry mean from factor and covariates (Frisch and Waugh 1933), so that only the few covariates
are left to solve for, and all days are solved at once.

Who takes part is explicit:
- stocks without an industry (label below 0) form a class of their own, "unclassified": their exposure to all
  industries is nil, not unknown;
- a stock without market cap (or without one of the covariates) is not neutral to it, and comes out missing;
- a stock without a weight, or with a weight that is not positive, comes out missing too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from samgraph.factors.arrays import Bools, Floats, Ints, class_labels, day_blocks, panel
from samgraph.factors.labels import axes_of
from samgraph.sums import over_stocks

RELATIVE_ZERO = 1e-12  # share of a column's own sum of squares below which what is left of it is rounding


def neutralise(
    factor: Any,
    labels: Any | None = None,
    log_cap: Any | None = None,
    weights: Any | None = None,
    *,
    covariates: Sequence[Any] = (),
) -> Floats:
    """Residual of each day's regression of `factor` on industry dummies, `log_cap` and `covariates`.

    Afterwards it is uncorrelated (with `weights`: in the weighted sense) with each of them on every day, and
    its mean in each industry is 0. A stock alone in its industry is explained wholly and gets 0. Without
    labels the day's mean takes the industries' place.

    Args:
        factor: [n_dates, n_stocks], NaN = missing.
        labels: integers [n_dates, n_stocks], below 0 = no industry.
        log_cap: [n_dates, n_stocks], log of market cap in any currency.
        weights: [n_dates, n_stocks], positive regression weights; None weighs all alike.
        covariates: further panels [n_dates, n_stocks], such as styles.

    Returns:
        [n_dates, n_stocks], in the factor's units.

    Raises:
        ModelError: an argument of another shape.
    """
    y = panel(factor, "the factor")
    axes = axes_of(factor, "the factor")
    columns = [] if log_cap is None else [panel(log_cap, "log_cap", y.shape, axes)]
    columns += [panel(column, f"covariate {j}", y.shape, axes) for j, column in enumerate(covariates)]
    classes = None if labels is None else class_labels(labels, y.shape, axes)
    scale = None if weights is None else panel(weights, "weights", y.shape, axes)
    out = np.full(y.shape, np.nan)
    for days in day_blocks(*y.shape):
        out[days] = _residuals(
            y[days],
            None if classes is None else classes[days],
            [column[days] for column in columns],
            None if scale is None else scale[days],
        )
    return out


def _residuals(y: Floats, classes: Ints | None, columns: list[Floats], scale: Floats | None) -> Floats:
    mask = ~np.isnan(y)
    for column in columns:
        mask &= ~np.isnan(column)
    if scale is not None:
        with np.errstate(invalid="ignore"):
            mask &= scale > 0.0
    weight = mask.astype(np.float64) if scale is None else np.where(mask, scale, 0.0)
    sweep = _Sweep(classes, weight, mask)
    size = over_stocks(weight * np.where(mask, y, 0.0) ** 2)
    residual = sweep(y)
    if columns:
        x = [_unit(sweep(column), column, weight, mask) for column in columns]
        weighted = [weight * column for column in x]
        gram = np.empty((len(y), len(x), len(x)))
        for p, q in itertools.combinations_with_replacement(range(len(x)), 2):
            gram[:, p, q] = gram[:, q, p] = over_stocks(weighted[p] * x[q])
        inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
        for _ in range(2):  # the second pass takes off what rounding left of the first
            moment = np.stack([over_stocks(column * residual) for column in weighted], axis=1)
            slope = np.einsum("tpq,tq->tp", inverse, moment)
            for p, column in enumerate(x):
                residual = residual - slope[:, p, None] * column
            residual = sweep(residual)
    # a factor that its covariates explain wholly leaves rounding noise, which must not be taken for a signal
    noise = over_stocks(weight * residual**2) <= RELATIVE_ZERO**2 * size
    residual[noise] = 0.0
    return np.where(mask, residual, np.nan)


def _unit(swept: Floats, column: Floats, weight: Floats, mask: Bools) -> Floats:
    """The swept column at weighted length 1 on each day, or 0 where the industries already explain it."""
    filled = np.where(mask, column, 0.0)
    whole = over_stocks(weight * filled**2)
    left = over_stocks(weight * swept**2)
    usable = left > RELATIVE_ZERO * whole
    factor = np.where(usable, 1.0 / np.sqrt(np.where(usable, left, 1.0)), 0.0)
    return swept * factor[:, None]


class _Sweep:
    """Takes off the weighted mean of each class on each day; 0 outside the mask."""

    def __init__(self, classes: Ints | None, weight: Floats, mask: Bools) -> None:
        n_dates = len(weight)
        width = 1 if classes is None else int(classes.max(initial=-1)) + 2
        slot = np.broadcast_to(np.arange(n_dates)[:, None] * width, weight.shape)
        if classes is not None:
            slot = slot + np.maximum(classes, -1) + 1
        self._slot = slot.ravel()
        self._size = n_dates * width
        self._weight = weight.ravel()
        # a stock alone in its class is explained wholly: 0, and not what rounding leaves of its own mean
        count = np.bincount(self._slot, weights=mask.ravel(), minlength=self._size)
        self._mask = mask & (count != 1.0)[self._slot].reshape(mask.shape)
        total = np.bincount(self._slot, weights=self._weight, minlength=self._size)
        self._total = np.where(total > 0.0, total, 1.0)

    def __call__(self, values: Floats) -> Floats:
        filled = np.where(self._mask, values, 0.0)
        for _ in range(2):  # twice, for what rounding left of the first mean
            sums = np.bincount(self._slot, weights=self._weight * filled.ravel(), minlength=self._size)
            mean = (sums / self._total)[self._slot].reshape(filled.shape)
            filled = np.where(self._mask, filled - mean, 0.0)
        return filled
