"""The regressions of many days that share their edges, at once.

The same sums, factorisations and errors as `samgraph.factors.regression.solve` gives day by day (without shrinkage,
classical errors), in stacked matrix products; what a day gets does not depend on which other days are there, nor on
places of the stocks' axis that are empty on it. A column that nobody is exposed to on a day gets a diagonal of 1 there,
which leaves the others as they would be without it. Days whose columns do not all stand clear of each other, or on
which a constraint has nothing to say, are not answered (`Solved.fine`): `fit_day` looks for what is at fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from samgraph.factors.arrays import CHUNK, Bools, Floats, Ints, inner, products, sums
from samgraph.factors.regression.exposures import EdgeSums
from samgraph.factors.regression.solve import stands_clear


@dataclass(frozen=True, eq=False)
class Solved:
    """Solutions of the normal equations of each day.

    Attributes:
        fine: [n_dates] whether the day was solved; what is below has no meaning where not.
        kept: [n_dates, width] columns that somebody is exposed to.
        rank: [n_dates] free parameters.
        returns: [n_dates, width], 0 in columns that are not kept.
        variances: [n_dates, width] diagonal of P.
        squares: [n_dates] weighted sum of squared returns.
    """

    fine: Bools
    kept: Bools
    rank: Ints
    returns: Floats
    variances: Floats
    squares: Floats


@dataclass(frozen=True, eq=False)
class Fits:
    """Regressions of each day.

    Attributes:
        solved: of the normal equations.
        residual: [n_dates, n_stocks], NaN outside the estimation set; inside: bool, who is in it.
        n: [n_dates] stocks; sse, sst: weighted sums of squares around the fit and around the mean.
    """

    solved: Solved
    residual: Floats
    inside: Bools
    n: Ints
    sse: Floats
    sst: Floats

    @property
    def errors(self) -> Floats:
        """Standard errors of factor returns [n_dates, width]; NaN where no stock is to spare."""
        spare = (self.n - self.solved.rank).astype(np.float64)
        scale = np.divide(self.sse, spare, out=np.full(len(spare), np.nan), where=spare > 0.0)
        out: Floats = np.sqrt(np.maximum(self.solved.variances, 0.0) * scale[:, None])
        return out


class DesignBatch:
    """Days with the same edges: exposures, returns and constraints.

    Attributes:
        stack: [n_dates, n_dense + 1, n_stocks] dense columns, then the return; 0 outside the estimation set.
        edges: of all the days, without absent columns; constraints: [n_dates, n_constraints, width].
        width: dense columns and those with edges; every array of columns is of these.
    """

    def __init__(self, stack: Floats, edges: EdgeSums, constraints: Floats) -> None:
        self.stack, self.edges, self.constraints = stack, edges, constraints
        self.y = stack[:, -1]
        self.n_dense = stack.shape[1] - 1
        self.width = self.n_dense + edges.width

    def fit(self, weight: Floats) -> Fits:
        """Fit every day. Shapes: weight [n_dates, n_stocks], 0 outside the estimation set."""
        solved = self.solve(weight)
        residual = self.missed(solved.returns)
        inside = weight > 0.0
        total = sums(weight)
        mean = inner(weight, self.y) / total
        sse = inner(weight * residual, residual)
        np.copyto(residual, np.nan, where=~inside)
        return Fits(solved, residual, inside, inside.sum(axis=1), sse, solved.squares - total * mean**2)

    def held_out(self, weight: Floats, fold: Ints) -> tuple[Bools, Floats]:
        """Out-of-sample R2 of each day (see `cross_section.held_out`), and on which days it was found.

        Shapes: weight [n_dates, n_stocks]; fold [n_stocks]; both results [n_dates].
        """
        fine = np.ones(len(weight), dtype=bool)
        by_factors, by_mean = np.zeros(len(weight)), np.zeros(len(weight))
        for part in range(int(fold.max(initial=0)) + 1):
            train = np.where(fold == part, 0.0, weight)
            test = weight - train
            total = sums(train)
            used = (total > 0.0) & (test > 0.0).any(axis=1)
            solved = self.solve(train, variances=False)
            fine &= solved.fine | ~used
            mean = inner(train, self.y) / np.where(used, total, 1.0)
            missed = self.missed(solved.returns)
            around = self.y - mean[:, None]
            by_factors += np.where(used, inner(test * missed, missed), 0.0)
            by_mean += np.where(used, inner(test * around, around), 0.0)
        known = by_mean > 0.0
        ratio = np.divide(by_factors, by_mean, out=np.full(len(weight), np.nan), where=known)
        return fine, 1.0 - ratio

    def missed(self, returns: Floats) -> Floats:
        """Returns less exposures times factor returns. Shapes: returns [n_dates, width]; result [n_dates, n_stocks]."""
        slopes = np.concatenate([-returns[:, : self.n_dense], np.ones((len(returns), 1))], axis=1)
        chunks = self.stack.reshape(*self.stack.shape[:2], -1, CHUNK).transpose(0, 2, 1, 3)
        out: Floats = np.matmul(slopes[:, None, None], chunks).reshape(self.y.shape)
        if self.edges.width:
            out -= self.edges.fitted(returns[:, None, self.n_dense :])[:, 0]
        return out

    def solve(self, weight: Floats, *, variances: bool = True) -> Solved:
        """Solve every day's normal equations, on request with the variances (else 0).

        Shapes: weight [n_dates, n_stocks].
        """
        gram, moment, squares = self._normal(weight)
        length = np.einsum("tkk->tk", gram)
        unit = np.zeros(length.shape)
        np.divide(1.0, np.sqrt(length, where=length > 0.0, out=unit), out=unit, where=length > 0.0)
        gram *= unit[:, :, None]
        gram *= unit[:, None, :]
        np.einsum("tkk->tk", gram)[unit == 0.0] = 1.0
        bounds = self.constraints * unit[:, None, :]
        size = np.sqrt(np.einsum("tqk,tqk->tq", bounds, bounds))
        fine: Bools = (size > 0.0).all(axis=1)
        bounds[fine] /= size[fine, :, None]
        gram += np.matmul(bounds.transpose(0, 2, 1), bounds)
        right = np.concatenate([(moment * unit)[:, None], bounds], axis=1)
        spread = np.zeros(unit.shape)
        for t in np.flatnonzero(fine):
            # only the upper triangle is filled, which is the lower one of the transposed view that LAPACK reads
            factor, info = lapack.dpotrf(gram[t].T, lower=1, clean=1, overwrite_a=1)
            fine[t] = stands_clear(factor, info)
            if fine[t]:
                right[t] = lapack.dpotrs(factor, right[t].T, lower=1)[0].T
            if fine[t] and variances:
                triangle = lapack.dtrtri(factor, lower=1, overwrite_c=1)[0].T
                spread[t] = np.vecdot(triangle, triangle)
        part, pull = right[:, 0], right[:, 1:]
        if bounds.shape[1]:
            inner = np.zeros((len(fine), bounds.shape[1], bounds.shape[1]))
            inner[fine] = np.linalg.inv(np.matmul(pull[fine], bounds[fine].transpose(0, 2, 1)))
            share = np.matmul(inner, pull)
            part = part - np.einsum("tq,tqk->tk", np.einsum("tqk,tk->tq", bounds, part), share)
            spread -= np.einsum("tqk,tqk->tk", share, pull)
        kept = unit > 0.0
        rank = kept.sum(axis=1) - bounds.shape[1]
        return Solved(fine, kept, rank, part * unit, spread * unit**2, squares)

    def _normal(self, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """X' W X (upper triangle), X' W y and y' W y of each day."""
        n, width = self.n_dense, self.width
        dummies = self.edges.dummies  # the diagonal is then one row more of the same sums
        weighted = np.empty((len(weight), n + 1 + dummies, weight.shape[1]))
        np.multiply(self.stack, weight[:, None], out=weighted[:, : n + 1])
        weighted[:, n + 1 :] = weight[:, None]
        dense = products(weighted[:, : n + 1], self.stack)
        below = self.edges.onto(weighted)
        gram = np.zeros((len(weight), width, width))
        gram[:, :n, :n] = dense[:, :n, :n]
        gram[:, :n, n:] = below[:, :n]
        if dummies:
            np.einsum("tkk->tk", gram)[:, n:] = below[:, n + 1]
        else:
            row, column, sums = self.edges.uppers
            gram[:, n + row, n + column] = sums(weight[:, None])[:, 0]
        moment = np.concatenate([dense[:, :n, n], below[:, n]], axis=1)
        return gram, moment, dense[:, n, n]
