"""One day's weighted least squares with constraints, shrinkage and a named rank.

For exposures X, weights w, returns y, constraints C f = 0 and a prior precision L (0 without a ridge):

    f = argmin  sum_i w_i (y_i - x_i' f)^2 + f' L f      subject to C f = 0

With A = X' W X and B = A + L + C' C (the last term is 0 wherever the constraints hold, and makes B
invertible when the constraints identify what X alone does not), the solution is f = P X' W y with

    P = B^-1 - B^-1 C' (C B^-1 C')^-1 C B^-1

and, if var(u_i) = s^2 / w_i, cov(f) = s^2 P A P, which is s^2 P without a ridge ("classical" errors). Where the
weights need not tell the variances, cov(f) = P X' W diag(d_i u_i^2) W X P is right still (White 1980; MacKinnon and
White 1985), with h_i = w_i x_i' P x_i the leverage:

    HC0  d_i = 1                      HC2  d_i = 1 / (1 - h_i)
    HC1  d_i = n / (n - edf)          HC3  d_i = 1 / (1 - h_i)^2

Columns are scaled to unit length first, so that units do not matter.

Rank. Columns are taken one by one, each time the one farthest from those taken before it; of equally far ones the
one that stands first (market, styles, then each family in its order). What is left within `RANK_TOLERANCE` of its
squared length is at fault: the others (and the constraints) determine it. It is left out (factor return 0, standard
error missing) and reported with the columns that it depends on. Of two columns that say the same it is always the
later one, whatever rounding makes of the tie. Where every column stands clear of those before it (`CLEAR`), none is at
fault and there is no such search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.linalg import lapack

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.regression.exposures import Design
from samgraph.sums import total

RANK_TOLERANCE = 1e-10  # of a column's squared length, beside the other columns
CLEAR = (
    1e-6  # the same in the columns' own order: above it, rounding (1e-16 / CLEAR) cannot hide a dependence
)
PLACE = (
    1e-6  # a tie's margin for each place that a column stands earlier: far above rounding, far below meaning
)
SLOPE = (
    1e-4  # a column at fault depends on those with a larger slope; rounding reaches 1e-16 / RANK_TOLERANCE
)
Errors = Literal["classical", "HC0", "HC1", "HC2", "HC3"]
ERRORS: tuple[Errors, ...] = ("classical", "HC0", "HC1", "HC2", "HC3")


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
        length = np.diag(base)
        self.kept: Ints = np.flatnonzero(length > 0.0)
        self.at_fault: dict[int, Ints] = {}
        if len(self.kept) < self.width:
            length, constraints = length[self.kept], constraints[:, self.kept]
            base = base[np.ix_(self.kept, self.kept)]
        unit = 1.0 / np.sqrt(length)
        scaled = base * unit[:, None] * unit
        bounds = _unit_rows(constraints * unit)
        whole = scaled + bounds.T @ bounds
        factor, info = lapack.dpotrf(whole, lower=1, clean=1)
        fine, faults = (self.kept, {}) if stands_clear(factor, info) else _independent(whole)
        if faults or info != 0:
            self.at_fault = {int(self.kept[j]): self.kept[on] for j, on in faults.items()}
            self.kept, unit = self.kept[fine], unit[fine]
            bounds = _unit_rows(bounds[:, fine])
            whole = scaled[np.ix_(fine, fine)] + bounds.T @ bounds
            factor, info = lapack.dpotrf(whole, lower=1, clean=1)
            if info != 0:
                raise ModelError("a regression's columns cannot be separated; look for huge exposures.")
        self._factor, self._unit, self._bounds = factor, unit, bounds
        self._pull = self._inverse_times(bounds.T)
        self._inner = np.linalg.inv(bounds @ self._pull) if len(bounds) else np.zeros((0, 0))
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
            part = part - self._pull @ (self._inner @ (self._bounds @ part))
        out[self.kept] = part * self._unit
        return out

    def variances(self) -> Floats:
        """The diagonal of P [n_columns], at half the cost of `operator`; 0 in columns without a solution."""
        out = np.zeros(self.width)
        if len(self.kept):
            triangle = lapack.dtrtri(self._factor, lower=1)[0]
            found = np.einsum("kl,kl->l", triangle, triangle)
            if len(self._bounds):
                found = found - np.einsum("kq,kq->k", self._pull @ self._inner, self._pull)
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
                inverse -= self._pull @ self._inner @ self._pull.T
            out[np.ix_(self.kept, self.kept)] = inverse * self._unit[:, None] * self._unit
        return out


def _unit_rows(rows: Floats) -> Floats:
    """Rows at length 1; those that are 0 are no constraint and go."""
    size = np.sqrt(np.einsum("qk,qk->q", rows, rows))
    out: Floats = rows[size > 0.0] / size[size > 0.0, None]
    return out


def stands_clear(factor: Floats, info: int) -> bool:
    """Whether a Cholesky factor in the columns' own order shows at once that none of them is at fault."""
    return bool(info == 0 and factor.diagonal().min(initial=np.inf) ** 2 >= CLEAR)


def _independent(whole: Floats) -> tuple[Ints, dict[int, Ints]]:
    """Positions of independent columns, and for each other one the columns that it depends on."""
    size = np.sqrt(1.0 - PLACE * np.arange(len(whole)))  # the pivoting takes the longest first
    factor, pivots, rank, _ = lapack.dpstrf(whole * size[:, None] * size, tol=RANK_TOLERANCE, lower=1)
    order = pivots.astype(np.int64) - 1
    kept, rest = order[:rank], order[rank:]
    # each column of the rest in terms of the kept ones
    slopes = np.linalg.solve(np.tril(factor[:rank, :rank]).T, factor[rank:, :rank].T)
    faults = {int(j): np.sort(kept[np.abs(slopes[:, n]) > SLOPE]) for n, j in enumerate(rest)}
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
    design: Design,
    y: Floats,
    weight: Floats,
    constraints: Floats,
    precision: Floats | None = None,
    *,
    errors: Errors = "classical",
) -> DayFit:
    """Fit one day.

    Args:
        design: exposures of all stocks.
        y: returns [n_stocks], 0 outside the estimation set.
        weight: [n_stocks], 0 outside the estimation set.
        constraints: [n_constraints, n_columns].
        precision: [n_columns, n_columns] or None.
        errors: how standard errors are computed (see the module's text).
    """
    gram, moment = design.normal(weight, y)
    solution = Solution(gram, constraints, precision)
    found = solution.coefficients(moment)
    inside = weight > 0.0
    residual = y - design.fitted(found)
    residual *= inside
    n = int(np.count_nonzero(inside))
    sse = total(weight * residual**2)
    if precision is None:
        edf, unscaled = float(solution.rank), None
    else:
        spread = solution.operator @ gram
        edf, unscaled = float(np.trace(spread)), np.einsum("kl,lk->k", spread, solution.operator)
    if n <= edf:
        variances = np.full(solution.width, np.nan)
    elif errors == "classical":
        variances = (solution.variances() if unscaled is None else unscaled) * (sse / (n - edf))
    else:
        variances = _sandwich(design, solution, weight, residual, errors, n / (n - edf))
    sizes = np.full(solution.width, np.nan)
    sizes[solution.kept] = np.sqrt(np.maximum(variances[solution.kept], 0.0))
    mean = total(weight * y) / total(weight)
    sst = total(weight * (y - mean) ** 2)
    return DayFit(found, sizes, residual, n, edf, sse, sst, solution)


def leverages(design: Design, solution: Solution, weight: Floats) -> Floats:
    """h_i = w_i x_i' P x_i of every stock [n_stocks]: how much of its own fit a stock decides, 0 to 1."""
    out: Floats = weight * design.quadratic(solution.operator)
    return out


def _sandwich(
    design: Design, solution: Solution, weight: Floats, residual: Floats, errors: Errors, degrees: float
) -> Floats:
    """The variances P M P of factor returns [n_columns] with heteroskedastic returns."""
    scale = (weight * residual) ** 2
    if errors == "HC1":
        scale = scale * degrees
    elif errors != "HC0":
        # a stock that alone decides a factor has no residual: whatever it is divided by, it adds nothing
        rest = np.maximum(1.0 - leverages(design, solution, weight), 1e-9)
        scale = scale / (rest if errors == "HC2" else rest**2)
    operator = solution.operator
    out: Floats = np.einsum("kl,lk->k", operator @ design.gram(scale), operator)
    return out


def leave_one_out(design: Design, fit: DayFit, weight: Floats) -> float:
    """Weighted mean squared error of each company's return predicted from all others, exactly.

    From the leverage h_i = w_i x_i' P x_i: the error without i is u_i / (1 - h_i). A company that alone
    determines a factor (h_i = 1) cannot be predicted and is left out.
    """
    leverage = leverages(design, fit.solution, weight)
    usable = (weight > 0.0) & (leverage < 1.0 - 1e-9)
    mass = weight[usable].sum()
    if mass <= 0.0:
        return float("nan")
    return float(weight[usable] @ (fit.residual[usable] / (1.0 - leverage[usable])) ** 2 / mass)


def deal(stocks: Sequence[str], folds: int, seed: int) -> Ints:
    """Deal companies into folds by their ids, so that a company's fold does not depend on which others there are.

    Companies that join the universe later are not known yet. Shapes: result [n_stocks], 0 to folds - 1.
    """
    digests = (hashlib.blake2b(f"{seed} {stock}".encode(), digest_size=8).digest() for stock in stocks)
    return np.array([int.from_bytes(digest) % folds for digest in digests], dtype=np.int64)


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
        mean = total(train * y) / total(train)
        errors[0] += float(weight[test] @ (y[test] - predicted[test]) ** 2)
        errors[1] += float(weight[test] @ (y[test] - mean) ** 2)
    return errors[0], errors[1]
