"""Neutral to products: what is left of a factor beside industries, styles and shares of revenue by product.

Every day's factor is regressed by least squares, all stocks alike, on industry dummies, the styles and the stocks'
revenue shares after the cut; the residual is the neutral factor. Columns that others determine change nothing. On a
day with no more stocks than independent columns nothing is left, and the factor is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from samgraph.factors.arrays import Floats, class_labels, panel

if TYPE_CHECKING:
    from samgraph.graph.series.snapshots import SnapshotSeries

SINGULAR = 1e-10  # share of the largest singular value below which a direction counts as none


def beside_products(factor: Any, labels: Any, covariates: Sequence[Any], products: SnapshotSeries) -> Floats:
    """The residual [n_dates, n_stocks] of each day's regression (see the module).

    Args:
        factor: [n_dates, n_stocks], NaN = missing.
        labels: industries as integers [n_dates, n_stocks], below 0 = none, which are one class.
        covariates: panels [n_dates, n_stocks], such as styles; a stock that lacks one comes out missing.
        products: as-of product edges of the same days and stocks; a stock without edges has exposure 0 to all.
    """
    y = panel(factor, "the factor")
    classes = class_labels(labels, y.shape, None)
    columns = [panel(values, f"covariate {j}", y.shape) for j, values in enumerate(covariates)]
    out = np.full(y.shape, np.nan)
    for t in range(len(y)):
        known = np.isfinite(y[t])
        for column in columns:
            known &= np.isfinite(column[t])
        if not known.any():
            continue
        own = classes[t, known]
        x = np.column_stack(
            [
                (own[:, None] == np.unique(own)).astype(np.float64),
                *(column[t, known] for column in columns),
                products.dense(t)[known].astype(np.float64),
            ]
        )
        length = np.sqrt((x**2).sum(axis=0))
        x = x[:, length > 0.0] / length[length > 0.0]
        target = y[t, known]
        slope, _, rank, _ = np.linalg.lstsq(x, target, rcond=SINGULAR)
        if rank < len(target):
            left = target - x @ slope
            out[t, known] = np.where(np.abs(left) <= SINGULAR * np.abs(target).max(), 0.0, left)
    return out
