"""A blend of several models' scores, with weights from validation days alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]

# Weight of the prior of equal weights against the validation days, in variances of a score. Chosen on days up to 2020
# (docs/results.md): 1 loses where one of the models is weak, 0 a little where all are good.
PRIOR = 0.1


def day_scores(scores: Floats) -> Floats:
    """Scores less the day's mean over its standard deviation; 0 where unknown or without spread.

    Shapes:
        scores, result: [n_dates, n_stocks]
    """
    known = np.isfinite(scores)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = np.where(known, scores - np.where(known, scores, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / count)
    result: Floats = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
    return result


def blend_weights(scores: Floats, target: Floats) -> Floats:
    """Weights of models, not negative, that sum to 1.

    Least squares of the target on the models' standardised scores, each day counting the same, pulled towards the
    best equal weights with the strength `PRIOR`. Where no model helps all weigh the same.

    Shapes:
        scores: [n_models, n_dates, n_stocks]; target: [n_dates, n_stocks], NaN where unknown; result: [n_models]
    """
    n_models = len(scores)
    z = np.stack([day_scores(np.where(np.isfinite(target), one, np.nan)) for one in scores])
    known = np.isfinite(target)
    days = known.any(axis=1)
    weight = np.where(known, 1.0 / np.maximum(known.sum(axis=1, keepdims=True), 1), 0.0) / max(days.sum(), 1)
    gram = np.einsum("ati,bti,ti->ab", z, z, weight, optimize=True)
    cross = np.einsum("ati,ti,ti->a", z, np.where(known, target, 0.0), weight, optimize=True)
    size = max(float(np.trace(gram)) / n_models, 1e-12)
    equal = max(float(cross.sum()), 0.0) / max(float(gram.sum()), 1e-12)
    penalty = PRIOR * size
    root = cholesky(gram + penalty * np.eye(n_models))
    found, _ = nnls(root, solve_triangular(root, cross + penalty * equal, trans="T"))
    total = float(found.sum())
    result: Floats = found / total if total > 0 else np.full(n_models, 1.0 / n_models)
    return result
