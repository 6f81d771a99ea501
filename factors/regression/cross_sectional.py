"""Multi-label cross-sectional regressions: factor returns of products, industries and styles.

Every day t, over the stocks with a return, a market cap and all styles:

    r_i = m + sum_k X_ik f_k + sum_s Z_is g_s + u_i

r_i is the return that starts after t (row t of `forward`), X_ik and Z_is are what was known by t: revenue
shares, industry dummies, styles. Weighted least squares with square-root-of-market-cap weights. A market
factor beside exposures that sum to one is not identified; the usual constraint (Menchero, "Characteristics
of factor portfolios", 2010) makes it so, here with fractional membership: for each family

    sum_k c_k f_k = 0,   c_k = sum_i cap_i X_ik

so that m is the cap-weighted return beside styles, and f_k a product's return over it. Where a stock's shares
do not sum to one the constraint still defines m; it is then a restriction and no mere convention.

A ridge (`Ridge`) shrinks products along the taxonomy, with a strength chosen by leave-one-company-out error
on days whose returns were known by t. R2 is weighted and centred, as statsmodels' WLS with a constant;
out-of-sample R2 predicts companies that were held out, against the held-in companies' weighted mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.factors.arrays import Bools, Floats, Ints, day_blocks, one_thread, panel, table
from samgraph.factors.labels import Axes
from samgraph.factors.regression.batch import DesignBatch, Fits
from samgraph.factors.regression.designs import Designs, Narrow, Seats
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge, Shrinkage
from samgraph.factors.regression.solve import ERRORS, DayFit, Errors, deal, fit_day, held_out, leave_one_out

BATCH_CELLS = 1 << 18  # float64 cells of the exposures and normal equations of the days fitted at once


@dataclass(frozen=True, eq=False)
class Regression:
    """What `cross_sectional_regression` found.

    Attributes:
        dates: [n_dates]; stocks: [n_stocks].
        columns: [n_columns] factor ids; kinds: "market", "style" or the family of each; names for people.
        returns: [n_dates, n_columns] factor returns of the day after; NaN where no stock is exposed.
        errors: [n_dates, n_columns] their standard errors; NaN too where a factor is at fault.
        specific: [n_dates, n_stocks] specific returns; NaN outside the day's estimation set.
        days: date, n (stocks), rank (free parameters), edf (effective ones under a ridge), r2, adj_r2,
            oos_r2, ridge (strength used), at_fault (number of columns left out as others determine them),
            columns_at_fault (their names and ids, each with what determines it; empty where there are none).
        deficiencies: date, kind, column, name, depends_on (ids) of every column at fault.
        designs: the exposures of each day.
    """

    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    returns: Floats
    errors: Floats
    specific: Floats
    days: pd.DataFrame
    deficiencies: pd.DataFrame
    designs: Designs

    def __repr__(self) -> str:
        found = self.summary()
        figures = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        return f"Regression({len(self.dates)} days, {len(self.stocks)} stocks, {len(self.columns)} factors: {figures})"

    def factor_returns(self) -> pd.DataFrame:
        """The factor returns as a table: date, kind, factor, name, factor_return, se, t."""
        t, k = np.nonzero(~np.isnan(self.returns))
        value, se = self.returns[t, k], self.errors[t, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = value / se
        frame = {
            "date": self.dates[t],
            "kind": np.asarray(self.kinds, dtype=object)[k],
            "factor": np.asarray(self.columns, dtype=object)[k],
            "name": np.asarray(self.names, dtype=object)[k],
            "factor_return": value,
            "se": se,
            "t": ratio,
        }
        return pd.DataFrame(frame).astype({"kind": "str", "factor": "str", "name": "str"})

    def exposures(self, t: int) -> Floats:
        """Exposures of day number `t` [n_stocks, n_columns], 0 where unknown."""
        design = self.designs.of(t)
        out: Floats = np.hstack([design.dense, design.edges.matrix.toarray()])
        return out

    def contributions(self, t: int) -> Floats:
        """Exposure times factor return [n_stocks, n_columns]; with the specific return it adds up to the
        return.

        NaN outside the day's estimation set.
        """
        parts: Floats = self.exposures(t) * np.nan_to_num(self.returns[t])
        parts[np.isnan(self.specific[t])] = np.nan
        return parts

    def summary(self) -> dict[str, float]:
        """Means over days: r2, adj_r2, oos_r2, and k, the mean number of identified factors."""
        days = self.days[self.days["rank"] > 0]
        figures = days[["r2", "adj_r2", "oos_r2", "rank"]].mean().rename({"rank": "k"})
        return {str(name): float(value) for name, value in figures.items()}


def next_day(returns: Any) -> Floats:
    """Returns moved so that row t holds the return of day t+1. Shapes: [n_dates, n_stocks]."""
    values = panel(returns, "returns")
    out = np.full(values.shape, np.nan)
    out[:-1] = values[1:]
    return out


@one_thread()
def cross_sectional_regression(
    forward: Any,
    cap: Any,
    dates: pd.DatetimeIndex,
    stocks: Sequence[str],
    *,
    memberships: Sequence[Membership] = (),
    styles: Mapping[str, Any] | None = None,
    weights: Any | None = None,
    universe: Any | None = None,
    market: bool = True,
    ridge: Ridge | None = None,
    errors: Errors = "classical",
    folds: int = 5,
    seed: int = 0,
    slack: int = 5,
) -> Regression:
    """Regress each day's next return on what was known that day.

    Args:
        forward: [n_dates, n_stocks]; row t is the return that starts after t (see `next_day`), NaN = missing.
        cap: [n_dates, n_stocks] market cap known by t, positive; a stock without one is left out.
        dates: [n_dates].
        stocks: [n_stocks].
        memberships: families of factors with their edges, columns in this order after market and styles.
        styles: name -> [n_dates, n_stocks], known by t; a stock that lacks one is left out that day.
        weights: regression weights [n_dates, n_stocks]; square root of `cap` if None.
        universe: bool [n_dates, n_stocks], stocks to use; all if None.
        market: include the market factor, with the constraint of the module's text on each family.
        ridge: shrinkage; none if None.
        errors: standard errors: "classical" (variances are the weights' inverse up to a factor), or "HC0" to
            "HC3" (see `samgraph.factors.regression.solve`).
        folds: parts of the companies for the out-of-sample R2, fixed over time; 0 leaves it out (NaN).
        seed: deals companies into folds, by their ids.
        slack: a day with no more than this many stocks beyond the free parameters is left out.

    Raises:
        ModelError: wrong shapes, unknown standard errors, or neither market, styles nor memberships.
    """
    if errors not in ERRORS:
        raise ModelError(f"standard errors {errors!r} are unknown; choose one of {', '.join(ERRORS)}.")
    axes = Axes.of(dates, stocks)
    dates, shape = axes.dates, (len(axes.dates), len(axes.stocks))
    y = table(forward, "the forward return", shape, axes)
    size = table(cap, "cap", shape, axes)
    looks = {name: table(values, f"style {name}", shape, axes) for name, values in (styles or {}).items()}
    for family in memberships:
        if len(family.day_version) != shape[0]:
            raise ModelError(
                f"the {family.kind} exposures have {len(family.day_version)} days and the returns "
                f"{shape[0]}; cut both to the same days."
            )
    if not (market or looks or memberships):
        raise ModelError("a regression needs a market factor, styles or memberships; none was given.")
    scale = None if weights is None else panel(weights, "weights", shape, axes)
    inside = None if universe is None else panel(universe, "universe", shape, axes) > 0
    designs = Designs(tuple(memberships), looks, market, shape[1])
    cells = shape[1] * (designs.n_dense + 2) + designs.width**2
    blocks = list(day_blocks(shape[0], cells, BATCH_CELLS))
    use = np.zeros(shape, dtype=bool)
    for days in blocks:
        use[days] = _usable(y[days], size[days], scale, looks, inside, days)
    seats = Seats(use)
    fold = seats.take(deal(stocks, folds, seed)) if folds > 1 else None
    fits = _Fits(
        designs.seated(seats),
        None if ridge is None else Shrinkage(ridge, memberships, designs.n_dense),
        fold,
        errors,
    )
    store = _Store(seats, designs.width, use.sum(axis=1), slack)
    together = ridge is None and errors == "classical"
    for days in blocks:
        with np.errstate(invalid="ignore"):
            weight = np.sqrt(size[days]) if scale is None else scale[days]
        block = _Days(days, *(seats.take(values, use[days]) for values in (y[days], weight, size[days])))
        for span in designs.spans(days):
            rest = span.start + np.flatnonzero(store.n[span] > slack)
            if together and len(rest):
                rest = store.keep_all(rest, *fits.together(block, rest))
            for t in rest:
                store.keep(int(t), block.one(int(t)), *fits.of(int(t), block.one(int(t))))
    return store.regression(dates, tuple(stocks), designs)


def _usable(
    y: Floats,
    size: Floats,
    scale: Floats | None,
    looks: Mapping[str, Floats],
    inside: Bools | None,
    days: slice,
) -> Bools:
    """Stocks with a return, a market cap, a weight and every style, on each day of a block."""
    with np.errstate(invalid="ignore"):
        found = y + size  # not finite where any of them is not
        for values in looks.values():
            found += values[days]
        use: Bools = np.isfinite(found)
        use &= size > 0.0
        if scale is not None:
            use &= scale[days] > 0.0
    if inside is not None:
        use &= inside[days]
    return use


def compare_families(
    forward: Any,
    cap: Any,
    dates: pd.DatetimeIndex,
    stocks: Sequence[str],
    *,
    product: Membership,
    industry: Membership,
    **settings: Any,
) -> dict[str, Regression]:
    """The same regression on the same companies, folds and days with products, with industries and with both.

    Returns:
        "product", "industry" and "both" -> Regression. Settings go to `cross_sectional_regression`.
    """
    families = {"product": [product], "industry": [industry], "both": [product, industry]}
    return {
        name: cross_sectional_regression(forward, cap, dates, stocks, memberships=chosen, **settings)
        for name, chosen in families.items()
    }


@dataclass(frozen=True, eq=False)
class _Day:
    """Return, weight and market cap on every place [places], 0 outside the estimation set."""

    y: Floats
    weight: Floats
    cap: Floats


@dataclass(frozen=True, eq=False)
class _Days:
    """The same of the days `span`, [n_dates, places]."""

    span: slice
    y: Floats
    weight: Floats
    cap: Floats

    def one(self, t: int) -> _Day:
        row = t - self.span.start
        return _Day(self.y[row], self.weight[row], self.cap[row])


@dataclass(frozen=True, eq=False)
class _Fits:
    """The regressions of single days, and of many."""

    designs: Narrow
    shrinkage: Shrinkage | None
    fold: Any
    errors: Errors

    def together(self, block: _Days, days: Ints) -> tuple[Fits, Ints, Floats, Bools]:
        """Fits of days with the same edges and their columns, out-of-sample R2, and which of the days they answer."""
        rows = days - block.span.start
        edges, columns = self.designs.edges(int(days[0]))
        constraints = self.designs.constraints(edges, columns, block.cap[rows])
        batch = DesignBatch(self._stack(block, days), edges, constraints)
        fits = batch.fit(block.weight[rows])
        if self.fold is None:
            return fits, columns, np.full(len(days), np.nan), fits.solved.fine
        found, oos = batch.held_out(block.weight[rows], self.fold)
        return fits, columns, oos, fits.solved.fine & found

    def _stack(self, block: _Days, days: Ints) -> Floats:
        """Dense columns and returns [n_days, n_dense + 1, places], 0 outside the estimation set."""
        rows = days - block.span.start
        stack = np.empty((len(days), self.designs.n_dense + 1, self.designs.seats.width))
        self.designs.dense(days, stack[:, :-1])
        stack[:, -1] = block.y[rows]
        stocks = self.designs.seats.n
        use = block.weight[rows, :stocks] > 0.0
        if not use.all():
            np.copyto(stack[:, :, :stocks], 0.0, where=~use[:, None])
        return stack

    def of(self, t: int, day: _Day) -> tuple[DayFit, Ints, float, float]:
        """The day's fit and its columns, out-of-sample R2 and ridge strength."""
        (design, columns), shrinkage = self.designs.of(t), self.shrinkage
        constraints = self.designs.constraints(design.edges, columns, day.cap[None])[0]
        precision, strength = None, 0.0
        if shrinkage is not None:
            diagonal = design.diagonal(day.weight)
            strength = shrinkage.strength(t)
            precision = shrinkage.precision(diagonal, strength, columns)
        fit = fit_day(design, day.y, day.weight, constraints, precision, errors=self.errors)
        if shrinkage is not None and shrinkage.due(t):
            losses = []
            for trial in shrinkage.ridge.strengths:
                prior = shrinkage.precision(diagonal, trial, columns)
                tried = fit_day(design, day.y, day.weight, constraints, prior)
                losses.append(leave_one_out(design, tried, day.weight))
            shrinkage.record(t, np.asarray(losses))
        oos = math.nan
        if self.fold is not None:
            by_factors, by_mean = held_out(design, day.y, day.weight, constraints, precision, fold=self.fold)
            oos = 1.0 - by_factors / by_mean if by_mean > 0.0 else math.nan
        return fit, columns, oos, strength


class _Store:
    """Gathers the days' results; a day with no more than `slack` stocks beyond its parameters is left out."""

    def __init__(self, seats: Seats, width: int, n: Ints, slack: int) -> None:
        self.seats, self.n, self.slack = seats, n, slack
        self.returns = np.full((len(n), width), np.nan)
        self.errors = np.full((len(n), width), np.nan)
        self.specific = np.full((len(n), seats.n_stocks), np.nan)
        self.rank = np.zeros(len(n), dtype=np.int64)
        self.figures = {name: np.full(len(n), np.nan) for name in ("edf", "r2", "adj_r2", "oos_r2", "ridge")}
        self.faults: list[tuple[int, int, Ints]] = []

    def keep_all(self, days: Ints, fits: Fits, columns: Ints, oos: Floats, fine: Bools) -> Ints:
        """Keep the days that were answered; returns the others."""
        solved = fits.solved
        chosen = np.flatnonzero(fine & (fits.n - solved.rank > self.slack))
        t = days[chosen]
        kept = solved.kept[chosen]
        self.returns[np.ix_(t, columns)] = np.where(kept, solved.returns[chosen], np.nan)
        self.errors[np.ix_(t, columns)] = np.where(kept, fits.errors[chosen], np.nan)
        self.specific[t] = self.seats.back(fits.residual[chosen])
        self._figures(t, solved.rank[chosen], solved.rank[chosen], fits.sse[chosen], fits.sst[chosen])
        self.figures["oos_r2"][t], self.figures["ridge"][t] = oos[chosen], 0.0
        return days[~fine]

    def keep(self, t: int, day: _Day, fit: DayFit, columns: Ints, oos: float, strength: float) -> None:
        """Keep one day."""
        if fit.n - fit.edf <= self.slack:
            return
        kept = fit.solution.kept
        self.returns[t, columns[kept]] = fit.factor_returns[kept]
        self.errors[t, columns[kept]] = fit.errors[kept]
        self.specific[t] = self.seats.back(np.where(day.weight > 0.0, fit.residual, np.nan))
        for column, on in fit.solution.at_fault.items():
            self.returns[t, columns[column]] = 0.0
            self.faults.append((t, int(columns[column]), columns[on]))
        self._figures(t, fit.solution.rank, fit.edf, fit.sse, fit.sst)
        self.figures["oos_r2"][t], self.figures["ridge"][t] = oos, strength

    def _figures(self, t: Any, rank: Any, edf: Any, sse: Any, sst: Any) -> None:
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where(np.asarray(sst) > 0.0, 1.0 - np.divide(sse, sst), np.nan)
        self.rank[t], self.figures["edf"][t], self.figures["r2"][t] = rank, edf, r2
        self.figures["adj_r2"][t] = 1.0 - (1.0 - r2) * (self.n[t] - 1.0) / (self.n[t] - edf)

    def regression(self, dates: pd.DatetimeIndex, stocks: tuple[str, ...], designs: Designs) -> Regression:
        kinds, columns, names = zip(*designs.columns, strict=True)
        days = {"date": dates, "n": self.n, "rank": self.rank, **self.figures}
        days["at_fault"] = np.bincount([t for t, _, _ in self.faults], minlength=len(dates)).astype(np.int64)
        known_as = [c if n == c else f"{n} ({c})" for c, n in zip(columns, names, strict=True)]
        words: dict[int, list[str]] = {}
        for t, j, on in self.faults:
            words.setdefault(t, []).append(f"{known_as[j]} from {', '.join(known_as[i] for i in on)}")
        days["columns_at_fault"] = ["; ".join(words.get(t, ())) for t in range(len(dates))]
        faults = pd.DataFrame(
            {
                "date": dates[[t for t, _, _ in self.faults]],
                "kind": [kinds[j] for _, j, _ in self.faults],
                "column": [columns[j] for _, j, _ in self.faults],
                "name": [names[j] for _, j, _ in self.faults],
                "depends_on": [" ".join(columns[i] for i in on) for _, _, on in self.faults],
            }
        )
        return Regression(
            dates,
            stocks,
            columns,
            kinds,
            names,
            self.returns,
            self.errors,
            self.specific,
            pd.DataFrame(days),
            faults,
            designs,
        )
