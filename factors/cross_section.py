"""One day's weighted least squares with constraints, shrinkage and a named rank.

For exposures X, weights w, returns y, constraints C f = 0 and a prior precision L (0 without a ridge):

    f = argmin  sum_i w_i (y_i - x_i' f)^2 + f' L f      subject to C f = 0

With A = X' W X and B = A + L + C' C (the last term is 0 wherever the constraints hold, and makes B
invertible when the constraints identify what X alone does not), the solution is f = P X' W y with

    P = B^-1 - B^-1 C' (C B^-1 C')^-1 C B^-1

and, if var(u_i) = s^2 / w_i, cov(f) = s^2 P A P, which is s^2 P without a ridge. Columns are scaled to unit
length first, so that units do not matter.

Rank. A column that the others (and the constraints) determine to within `RANK_TOLERANCE` of its length is at
fault: a Cholesky factorisation with pivoting finds them, they are left out (factor return 0, standard error
missing), and each is reported with the columns that it depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.exposures import Design

RANK_TOLERANCE = 1e-10  # of a column's squared length, beside the other columns


class Solution:
    """The solution of one day's normal equations.

    Attributes:
        kept: positions of the columns that have a solution.
        at_fault: position of each column that was left out -> positions of the columns that it depends on.
        rank: number of free parameters: columns kept less constraints in force.
    """

    def __init__(self, gram: Floats, constraints: Floats, precision: Floats | None = None) -> None:
        """Factorise.

        Args:
            gram: A [n_columns, n_columns]; a column of zeros is absent.
            constraints: C [n_constraints, n_columns].
            precision: L [n_columns, n_columns], symmetric, or None.

        Raises:
            ModelError: something that was given is not a finite number.
        """
        self.width = len(gram)
        base = gram if precision is None else gram + precision
        if not np.isfinite(base).all():
            raise ModelError("exposures or weights of a regression are not finite; mark such stocks missing.")
        self.kept: Ints = np.flatnonzero(np.diag(base) > 0.0)
        self.at_fault: dict[int, Ints] = {}
        unit = 1.0 / np.sqrt(np.diag(base)[self.kept])
        scaled = base[np.ix_(self.kept, self.kept)] * unit[:, None] * unit
        bounds = _unit_rows(constraints[:, self.kept] * unit)
        whole = scaled + bounds.T @ bounds
        factor, info = lapack.dpotrf(whole, lower=1, clean=1)
        if info != 0 or np.min(np.diag(factor), initial=np.inf) ** 2 < RANK_TOLERANCE:
            fine, faults = _independent(whole)
            self.at_fault = {int(self.kept[j]): self.kept[on] for j, on in faults.items()}
            self.kept, unit = self.kept[fine], unit[fine]
            bounds = _unit_rows(bounds[:, fine])
            whole = scaled[np.ix_(fine, fine)] + bounds.T @ bounds
            factor, info = lapack.dpotrf(whole, lower=1, clean=1)
            if info != 0:
                raise ModelError("a regression's columns cannot be separated; look for huge exposures.")
        self._factor, self._unit, self._bounds = factor, unit, bounds
        self._pull = self._inverse_times(bounds.T)
        self._inner = bounds @ self._pull
        self.rank = len(self.kept) - len(bounds)

    def _inverse_times(self, right: Floats) -> Floats:
        if right.size == 0:
            return np.zeros(right.shape)
        out: Floats = lapack.dpotrs(self._factor, right, lower=1)[0]
        return out

    def coefficients(self, moment: Floats) -> Floats:
        """P X' W y, 0 in columns without a solution. Shapes: moment X' W y [n_columns]; result the same."""
        out = np.zeros(self.width)
        part = self._inverse_times(moment[self.kept] * self._unit)
        if len(self._bounds):
            part = part - self._pull @ np.linalg.solve(self._inner, self._bounds @ part)
        out[self.kept] = part * self._unit
        return out

    def variances(self) -> Floats:
        """The diagonal of P [n_columns], at half the cost of `operator`; 0 in columns without a solution."""
        out = np.zeros(self.width)
        if len(self.kept):
            triangle = lapack.dtrtri(self._factor, lower=1)[0]
            found = np.einsum("kl,kl->l", triangle, triangle)
            if len(self._bounds):
                found = found - np.einsum("kq,qk->k", self._pull, np.linalg.solve(self._inner, self._pull.T))
            out[self.kept] = found * self._unit**2
        return out

    @cached_property
    def operator(self) -> Floats:
        """P [n_columns, n_columns], 0 in columns without a solution."""
        out = np.zeros((self.width, self.width))
        if len(self.kept):
            inverse = np.tril(lapack.dpotri(self._factor, lower=1)[0])
            inverse = inverse + np.tril(inverse, -1).T
            if len(self._bounds):
                inverse -= self._pull @ np.linalg.solve(self._inner, self._pull.T)
            out[np.ix_(self.kept, self.kept)] = inverse * self._unit[:, None] * self._unit
        return out


def _unit_rows(rows: Floats) -> Floats:
    """Rows at length 1; those that are 0 are no constraint and go."""
    size = np.sqrt(np.einsum("qk,qk->q", rows, rows))
    out: Floats = rows[size > 0.0] / size[size > 0.0, None]
    return out


def _independent(whole: Floats) -> tuple[Ints, dict[int, Ints]]:
    """Positions of independent columns, and for each other one the columns that it depends on."""
    factor, pivots, rank, _ = lapack.dpstrf(whole, tol=RANK_TOLERANCE, lower=1)
    order = pivots.astype(np.int64) - 1
    kept, rest = order[:rank], order[rank:]
    # each column of the rest in terms of the kept ones
    slopes = np.linalg.solve(np.tril(factor[:rank, :rank]).T, factor[rank:, :rank].T)
    faults = {int(j): np.sort(kept[np.abs(slopes[:, n]) > 1e-6]) for n, j in enumerate(rest)}
    return np.sort(kept), faults


@dataclass(frozen=True, eq=False)
class DayFit:
    """One day's regression.

    Attributes:
        factor_returns, errors: [n_columns]; 0 and NaN where a column has no solution.
        residual: [n_stocks], 0 outside the estimation set.
        n, edf: stocks, effective parameters (the rank without a ridge).
        sse, sst: weighted sums of squares, around the fit and around the weighted mean.
        solution: of the normal equations.
    """

    factor_returns: Floats
    errors: Floats
    residual: Floats
    n: int
    edf: float
    sse: float
    sst: float
    solution: Solution


def fit_day(
    design: Design, y: Floats, weight: Floats, constraints: Floats, precision: Floats | None = None
) -> DayFit:
    """Fit one day.

    Args:
        design: exposures of all stocks.
        y: returns [n_stocks], 0 outside the estimation set.
        weight: [n_stocks], 0 outside the estimation set.
        constraints: [n_constraints, n_columns].
        precision: [n_columns, n_columns] or None.
    """
    gram = design.gram(weight)
    solution = Solution(gram, constraints, precision)
    found = solution.coefficients(design.moment(weight * y))
    inside = weight > 0.0
    residual = np.where(inside, y - design.fitted(found), 0.0)
    n = int(inside.sum())
    sse = float(weight @ residual**2)
    if precision is None:
        edf, unscaled = float(solution.rank), solution.variances()
    else:
        spread = solution.operator @ gram
        edf, unscaled = float(np.trace(spread)), np.einsum("kl,lk->k", spread, solution.operator)
    variance = sse / (n - edf) if n > edf else np.nan
    errors = np.full(solution.width, np.nan)
    errors[solution.kept] = np.sqrt(np.maximum(unscaled[solution.kept], 0.0) * variance)
    mean = weight @ y / weight.sum()
    sst = float(weight @ (np.where(inside, y - mean, 0.0)) ** 2)
    return DayFit(found, errors, residual, n, edf, sse, sst, solution)


def leave_one_out(design: Design, fit: DayFit, weight: Floats) -> float:
    """Weighted mean squared error of each company's return predicted from all others, exactly.

    From the leverage h_i = w_i x_i' P x_i: the error without i is u_i / (1 - h_i). A company that alone
    determines a factor (h_i = 1) cannot be predicted and is left out.
    """
    leverage = weight * design.quadratic(fit.solution.operator)
    usable = (weight > 0.0) & (leverage < 1.0 - 1e-9)
    total = weight[usable].sum()
    if total <= 0.0:
        return float("nan")
    return float(weight[usable] @ (fit.residual[usable] / (1.0 - leverage[usable])) ** 2 / total)


def held_out(
    design: Design,
    y: Floats,
    weight: Floats,
    constraints: Floats,
    precision: Floats | None,
    *,
    fold: Ints,
) -> tuple[float, float]:
    """Weighted squared errors of companies predicted from the other folds: by the factors, and by their mean.

    Shapes: y, weight, fold [n_stocks].
    """
    errors = [0.0, 0.0]
    for part in range(int(fold.max(initial=0)) + 1):
        test = (fold == part) & (weight > 0.0)
        train = np.where(fold == part, 0.0, weight)
        if not test.any() or train.sum() <= 0.0:
            continue
        solution = Solution(design.gram(train), constraints, precision)
        predicted = design.fitted(solution.coefficients(design.moment(train * y)))
        mean = train @ y / train.sum()
        errors[0] += float(weight[test] @ (y[test] - predicted[test]) ** 2)
        errors[1] += float(weight[test] @ (y[test] - mean) ** 2)
    return errors[0], errors[1]
