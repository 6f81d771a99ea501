"""Which exposures make the better risk model: forecasts of several models held against the same returns, day by day.

Every model has the same market factor, styles, stocks, days and estimation; only its exposures differ. The forecast of
day t is made of what is known by t and meets the return from t to t + 1. With X = exposures, F and D as in
`samgraph.factors.risk.model`, the covariance of the day's n stocks is V = X F X' + D. A day's losses, less is better:

    log_likelihood     (log det V + r' V^-1 r + n log 2 pi) / 2n        minus the Gaussian log-likelihood a stock
    random, active     QLIKE of random portfolios of equal weights; and of these less the market by cap
    minimum_variance   r_p^2 of the portfolio V^-1 1 / (1' V^-1 1)      its realised variance, whatever was forecast
    minimum_qlike      QLIKE of that portfolio's forecast 1 / (1' V^-1 1)
    apart              QLIKE of the spread of two stocks that no industry joins and products do
    together           QLIKE of the spread of two stocks that an industry joins and no product does

QLIKE is q - log q - 1 with q = squared return by forecast variance (Patton 2011); means over portfolios or pairs. The
bias statistic is the root mean square of returns in forecast deviations: 1 is right. V is never formed: its inverse and
determinant come from the factors by Woodbury's identity. Realised variance of minimum-variance portfolios as a
yardstick of covariances: Engle and Colacito (2006), "Testing and Valuing Dynamic Correlations for Asset Allocation".
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from samgraph.errors import ModelError
from samgraph.exchange.calendar import DAYS_A_YEAR
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.factors.evaluation.diebold_mariano import diebold_mariano
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.factors.risk.model import RiskModel

MEASURES = (
    "log_likelihood",
    "random",
    "active",
    "minimum_variance",
    "minimum_qlike",
    "apart",
    "together",
)
DAILY = ("date", "model", "measure", "loss", "z_square", "forecast", "realised", "n")
TABLE = (
    *("measure", "model", "loss", "bias", "forecast", "realised", "against", "gain", "dm", "p_value"),
    *("n_days", "n"),
)


@dataclass(frozen=True)
class ContestSettings:
    """How models are held against each other.

    Attributes:
        portfolios: random ones; names: stocks in each (a third of the day's where that is less).
        overlap: least weighted overlap sum_k min(w_ik, w_jk) of two stocks that products join.
        fewest: least number of stocks of a day that counts.
        seed: of the random portfolios.
    """

    portfolios: int = 100
    names: int = 50
    overlap: float = 0.5
    fewest: int = 10
    seed: int = 0


class FactorInverse:
    """Inverse and determinant of B B' + D by way of the factors. Shapes: root B [n, n_factors], specific D [n]."""

    def __init__(self, root: Floats, specific: Floats) -> None:
        self.root, self.specific = root, specific
        inner = np.eye(root.shape[1]) + root.T @ (root / specific[:, None])
        self._inner = cho_factor(inner, lower=True)

    def solve(self, values: Floats) -> Floats:
        """V^-1 values. Shapes: [n]."""
        own = values / self.specific
        out: Floats = own - (self.root @ cho_solve(self._inner, self.root.T @ own)) / self.specific
        return out

    def log_determinant(self) -> float:
        """The logarithm of det V."""
        return float(2.0 * np.log(np.diag(self._inner[0])).sum() + np.log(self.specific).sum())

    def variances(self, weights: Floats) -> Floats:
        """Of portfolios [n_portfolios, n]: [n_portfolios]."""
        out: Floats = ((weights @ self.root) ** 2).sum(axis=1) + weights**2 @ self.specific
        return out

    def spreads(self, first: Ints, second: Ints) -> Floats:
        """Variance of one stock less another, for pairs [n_pairs]."""
        gap = self.root[first] - self.root[second]
        out: Floats = np.einsum("pk,pk->p", gap, gap) + self.specific[first] + self.specific[second]
        return out


def contest(
    forecasts: Mapping[str, RiskForecasts],
    returns: Floats,
    cap: Floats,
    eligible: Bools,
    *,
    product: Membership,
    industry: Membership,
    settings: ContestSettings | None = None,
    days: Iterable[int] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """The losses of every model on every day.

    Args:
        forecasts: by model; all of the same days and stocks.
        returns: [n_dates, n_stocks], row t the return from t to t + 1, NaN where there is none.
        cap: [n_dates, n_stocks] market cap known by t, positive.
        eligible: [n_dates, n_stocks] stocks to hold, known by t.
        product: the exposures that say which pairs of stocks products join.
        industry: the same of industries.
        settings: portfolios, pairs.
        days: day numbers; all that every model has a forecast for if None.
        progress: called after each day.

    Returns:
        date, model, measure, loss, z_square (mean squared return in forecast deviations), forecast and realised (mean
        variance of the day), n (stocks, portfolios or pairs); a measure that a day lacks has no row.

    Raises:
        ModelError: no models, models of different days or stocks, arrays of other shapes.
    """
    rule, models = settings or ContestSettings(), list(forecasts.values())
    if not models:
        raise ModelError("a contest needs models; none was given.")
    fit = models[0].regression
    shape = (len(fit.dates), len(fit.stocks))
    for name, one in forecasts.items():
        if not one.regression.dates.equals(fit.dates) or one.regression.stocks != fit.stocks:
            raise ModelError(f"model {name} is of other days or stocks; fit all models on the same ones.")
    for what, values in (("returns", returns), ("cap", cap), ("eligible", eligible)):
        if values.shape != shape:
            raise ModelError(f"{what} have shape {values.shape}; the models have {shape} days and stocks.")
    first = max(one.first for one in models)
    chosen = range(first, shape[0] - 1) if days is None else days
    keys, pairs = portfolio_keys(fit.stocks, rule), Pairs(product, industry, shape[1], rule.overlap)
    roots: dict[str, tuple[int, Floats]] = {}
    rows: list[tuple[object, ...]] = []
    for t in chosen:
        held = np.flatnonzero(eligible[t] & (cap[t] > 0.0))
        if len(held) >= rule.fewest and np.isfinite(returns[t, held]).any():
            day = _Day.of(returns[t], cap[t], held, keys, pairs.of(t), rule)
            for name, one in forecasts.items():
                model, estimated = one.at(t), one.estimated(t)
                if name not in roots or roots[name][0] != estimated:
                    roots[name] = estimated, square_root(model.factor_covariance)
                found = day.losses(factor_inverse(model, held, roots[name][1]))
                rows += [(fit.dates[t], name, *row) for row in found]
        progress()
    return pd.DataFrame(rows, columns=list(DAILY))


def square_root(covariance: Floats) -> Floats:
    """L with L L' = covariance, negative eigenvalues (rounding) taken as 0. Shapes: both [n_factors, n_factors]."""
    values, vectors = np.linalg.eigh(covariance)
    out: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return out


def factor_inverse(model: RiskModel, held: Ints, root: Floats) -> FactorInverse:
    """The covariance of some of a model's stocks; `root` is `square_root` of its factor covariance."""
    return FactorInverse(model.exposures[held] @ root, model.specific_variance[held])


def portfolio_keys(stocks: Sequence[str], rule: ContestSettings) -> Floats:
    """Random numbers [n_portfolios, n_stocks]: a portfolio holds the stocks with its least ones.

    A stock's depend on its id and the seed alone, so that portfolios last while stocks come and go.
    """
    draws = [
        np.random.default_rng([rule.seed, zlib.crc32(stock.encode())]).random(rule.portfolios)
        for stock in stocks
    ]
    return np.array(draws).reshape(len(stocks), rule.portfolios).T


class Pairs:
    """The pairs of stocks that only products join, and those that only an industry does, on any day."""

    def __init__(self, product: Membership, industry: Membership, n_stocks: int, overlap: float) -> None:
        self._families, self._n, self._least = (product, industry), n_stocks, overlap
        self._last: tuple[tuple[int, int], tuple[tuple[Ints, Ints], tuple[Ints, Ints]]] | None = None

    def of(self, t: int) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """Apart and together: first and second stock of each pair."""
        product, industry = self._families
        version = int(product.day_version[t]), int(industry.day_version[t])
        if self._last is None or self._last[0] != version:
            alike, label = (shared(family, t, self._n) for family in self._families)
            covered = [np.bincount(f.edges(t).stock, minlength=self._n) > 0 for f in self._families]
            both = np.outer(covered[0] & covered[1], covered[0] & covered[1])
            apart = both & (alike >= self._least) & (label <= 0.0)
            together = both & (alike <= 0.0) & (label > 0.0)
            self._last = version, (upper(apart), upper(together))
        return self._last[1]


def upper(mask: Bools) -> tuple[Ints, Ints]:
    """Pairs i < j where a symmetric mask is true."""
    first, second = np.nonzero(np.triu(mask, k=1))
    return first, second


def shared(family: Membership, t: int, n_stocks: int) -> Floats:
    """Weighted overlap sum_k min(x_ik, x_jk) of all stocks on a day: [n_stocks, n_stocks]."""
    edges, out = family.edges(t), np.zeros((n_stocks, n_stocks))
    order = np.argsort(edges.concept, kind="stable")
    stock, weight = edges.stock[order], edges.weight[order].astype(np.float64)
    ends = np.flatnonzero(np.diff(edges.concept[order], append=-1)) + 1
    start = 0
    for end in ends:
        own = stock[start:end]
        out[np.ix_(own, own)] += np.minimum.outer(weight[start:end], weight[start:end])
        start = int(end)
    return out


@dataclass(frozen=True, eq=False)
class _Day:
    """One day's returns and portfolios over the stocks that are held; NaN returns count as 0 in a portfolio."""

    returns: Floats
    random: Floats
    active: Floats
    pairs: dict[str, tuple[Ints, Ints]]

    @classmethod
    def of(
        cls,
        returns: Floats,
        cap: Floats,
        held: Ints,
        keys: Floats,
        pairs: tuple[tuple[Ints, Ints], tuple[Ints, Ints]],
        rule: ContestSettings,
    ) -> _Day:
        size = max(min(rule.names, len(held) // 3), 1)
        random = np.zeros((len(keys), len(held)))
        lowest = np.argsort(keys[:, held], axis=1, kind="stable")[:, :size]
        np.put_along_axis(random, lowest, 1.0 / size, axis=1)
        place = np.full(len(returns), -1)
        place[held] = np.arange(len(held))
        known = np.isfinite(returns)
        kept = {}
        for name, (first, second) in zip(("apart", "together"), pairs, strict=True):
            use = (place[first] >= 0) & (place[second] >= 0) & known[first] & known[second]
            kept[name] = place[first[use]], place[second[use]]
        market = cap[held] / cap[held].sum()
        return cls(returns[held], random, random - market, kept)

    def losses(self, covariance: FactorInverse) -> list[tuple[object, ...]]:
        """Measure, loss, z_square, forecast, realised, n."""
        r, seen = np.nan_to_num(self.returns), np.isfinite(self.returns)
        rows = [_likelihood(covariance, self.returns, seen)]
        for name, weights in (("random", self.random), ("active", self.active)):
            rows.append(_qlike(name, weights @ r, covariance.variances(weights)))
        one = covariance.solve(np.ones(len(r)))
        least = np.array([1.0 / one.sum()])
        gain = np.array([one @ r * least[0]])
        loss = _qlike("minimum_qlike", gain, least)
        rows += [("minimum_variance", float(gain[0] ** 2), *loss[2:]), loss]
        for name, (first, second) in self.pairs.items():
            if len(first):
                rows.append(_qlike(name, r[first] - r[second], covariance.spreads(first, second)))
        return [row for row in rows if math.isfinite(row[1])]


Row = tuple[str, float, float, float, float, int]


def _likelihood(covariance: FactorInverse, returns: Floats, seen: Bools) -> Row:
    """Minus the log-likelihood a stock, of the stocks that have a return."""
    whole = covariance
    if not seen.all():
        whole = FactorInverse(covariance.root[seen], covariance.specific[seen])
    r = returns[seen]
    distance, n = float(r @ whole.solve(r)), len(r)
    loss = (whole.log_determinant() + distance + n * math.log(2.0 * math.pi)) / (2.0 * n)
    own = np.einsum("ik,ik->i", whole.root, whole.root) + whole.specific
    return "log_likelihood", loss, distance / n, float(own.mean()), float((r**2).mean()), n


def _qlike(name: str, returns: Floats, variance: Floats) -> Row:
    """Mean QLIKE of portfolios; a return of exactly 0 has none."""
    q = returns**2 / variance
    moved = q > 0.0
    loss = float(np.mean(q[moved] - np.log(q[moved]) - 1.0)) if moved.any() else math.nan
    return name, loss, float(q.mean()), float(variance.mean()), float((returns**2).mean()), len(q)


def contest_table(
    daily: pd.DataFrame, *, against: str = "industry", days_a_year: float = DAYS_A_YEAR
) -> pd.DataFrame:
    """Means over the days that all models have, with the test of each model against one of them.

    Returns:
        measure, model, loss (mean), bias (root mean z_square), forecast and realised (volatility a year), against (""
        in that model's own rows), gain (its loss less the model's: positive is better), dm and p_value (Diebold and
        Mariano's), n_days, n (mean of stocks, portfolios or pairs a day).
    """
    rows = []
    for measure in MEASURES:
        part = daily[daily["measure"] == measure]
        wide = part.set_index(["date", "model"])["loss"].unstack("model").dropna()  # noqa: PD010
        part = part[part["date"].isin(wide.index)]
        for model in dict.fromkeys(part["model"]):
            own = part[part["model"] == model]
            test = None
            if model != against and against in wide:
                test = diebold_mariano((wide[against] - wide[model]).to_numpy())
            rows.append(
                (
                    measure,
                    model,
                    float(own["loss"].mean()),
                    math.sqrt(own["z_square"].mean()),
                    math.sqrt(own["forecast"].mean() * days_a_year),
                    math.sqrt(own["realised"].mean() * days_a_year),
                    against if test else "",
                    test.mean if test else math.nan,
                    test.statistic if test else math.nan,
                    test.p_value if test else math.nan,
                    len(own),
                    float(own["n"].mean()),
                )
            )
    return pd.DataFrame(rows, columns=list(TABLE))
