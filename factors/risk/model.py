"""The risk of a portfolio: a forecast of its variance, by product at each level, industry, style and stock.

With exposures X, factor covariance F and specific variances D, a portfolio h has exposures x = X' h and
variance

    x' F x + h' D h = sum_k x_k (F x)_k + sum_i D_i h_i^2

so each factor's contribution x_k (F x)_k and each stock's specific one add up to the whole (Euler's
theorem); a contribution may be negative, when a factor hedges the rest. Products add up along the taxonomy:
a node's contribution is that of the factors at and below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError
from samgraph.exchange.calendar import DAYS_A_YEAR
from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.labels import paired
from samgraph.factors.regression.cross_sectional import Regression
from samgraph.factors.risk.covariance import CovarianceSettings, factor_covariance, specific_variance
from samgraph.sums import total


@dataclass(frozen=True, eq=False)
class RiskModel:
    """A day's forecast of risk, in squared returns a day.

    Attributes:
        as_of: the day; nothing later is in it.
        stocks: [n_stocks]; columns, kinds, names: [n_factors] as in `Regression`.
        exposures: [n_stocks, n_factors]; factor_covariance: [n_factors, n_factors].
        specific_variance: [n_stocks].
    """

    as_of: pd.Timestamp
    stocks: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    exposures: Floats
    factor_covariance: Floats
    specific_variance: Floats

    def weights(self, holdings: Mapping[str, float]) -> Floats:
        """Holdings (company id -> weight) as [n_stocks].

        Raises:
            ModelError: a holding that the model does not know.
        """
        place = {stock: i for i, stock in enumerate(self.stocks)}
        unknown = [stock for stock in holdings if stock not in place]
        if unknown:
            raise ModelError(
                f"{len(unknown)} holdings are not in the risk model, such as {unknown[0]}; leave them out or "
                "widen its universe."
            )
        out = np.zeros(len(self.stocks))
        for stock, weight in holdings.items():
            out[place[stock]] += weight
        return out

    def variance(self, weights: Floats) -> float:
        """Forecast variance of one day's return of a portfolio [n_stocks]."""
        return sum(self.parts(weights))

    def parts(self, weights: Floats) -> tuple[float, float]:
        """That variance by factors, and by the stocks' own returns."""
        x, there = self.behind(weights)
        systematic = float(x[there] @ self.factor_covariance[np.ix_(there, there)] @ x[there])
        return systematic, total(self.specific_variance * weights**2)

    def behind(self, weights: Floats) -> tuple[Floats, Ints]:
        """Exposures of a portfolio [n_factors], and which of them its stocks have any of.

        Sums are over the stocks held and their factors: which others a model knows of moves no bit.
        """
        held = np.flatnonzero(weights)
        own = self.exposures[held]
        there = np.flatnonzero((own != 0.0).any(axis=0))
        x = np.zeros(len(self.columns))
        x[there] = np.ascontiguousarray(own[:, there]).T @ weights[held]
        return x, there

    def volatility(self, weights: Floats, days_a_year: float = DAYS_A_YEAR) -> float:
        """Forecast standard deviation of a portfolio's return over a year."""
        return math.sqrt(self.variance(weights) * days_a_year)

    def covariance(self) -> Floats:
        """Forecast covariance of the stocks [n_stocks, n_stocks], as optimisers take it."""
        whole: Floats = self.exposures @ self.factor_covariance @ self.exposures.T
        whole[np.diag_indices(len(whole))] += self.specific_variance
        return whole

    def decompose(self, weights: Floats) -> Decomposition:
        """Split a portfolio's [n_stocks] variance by factor and stock."""
        x, _ = self.behind(weights)
        return Decomposition(self, x, x * (self.factor_covariance @ x), self.specific_variance * weights**2)


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A portfolio's variance, split; parts add up to `total`, in squared returns a day.

    Attributes:
        model: the forecast; exposure: [n_factors] the portfolio's.
        by_factor: [n_factors] contributions; by_stock: [n_stocks] specific contributions.
    """

    model: RiskModel
    exposure: Floats
    by_factor: Floats
    by_stock: Floats

    @property
    def total(self) -> float:
        """The variance of one day's return."""
        return math.fsum(self.by_factor) + math.fsum(self.by_stock)

    def by_kind(self) -> pd.DataFrame:
        """Kind (market, style, product, industry, specific), variance, share of the total."""
        rows = {}
        for kind in dict.fromkeys(self.model.kinds):
            rows[kind] = math.fsum(
                v for k, v in zip(self.model.kinds, self.by_factor, strict=True) if k == kind
            )
        rows["specific"] = math.fsum(self.by_stock)
        frame = pd.DataFrame({"kind": list(rows), "variance": list(rows.values())})
        return frame.assign(share=frame["variance"] / self._whole)

    def factors(self) -> pd.DataFrame:
        """kind, factor, name, exposure, variance, share of the total; the largest share first."""
        frame = pd.DataFrame(
            {
                "kind": self.model.kinds,
                "factor": self.model.columns,
                "name": self.model.names,
                "exposure": self.exposure,
                "variance": self.by_factor,
                "share": self.by_factor / self._whole,
            }
        )
        return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    def by_level(
        self,
        parents: Mapping[str, str | None],
        *,
        kind: str = "product",
        names: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Contributions along a taxonomy: every node with its own factor and all below it.

        Args:
            parents: node id -> parent id, None or empty for a root.
            kind: the family of factors.
            names: node id -> name.

        Returns:
            level (1 is a root), node, parent, name, exposure, variance, share: the nodes with factors at or
            below them, level by level. Roots add up to the family's variance; a node is its children and its
            own factor.
        """
        held = [k for k, of in enumerate(self.model.kinds) if of == kind]
        parts: dict[str, list[int]] = {}
        depth: dict[str, int] = {}
        for k in held:
            path = node_path(self.model.columns[k], parents)
            for level, node in enumerate(reversed(path), start=1):
                parts.setdefault(node, []).append(k)
                depth[node] = level
        known = names or dict(zip(self.model.columns, self.model.names, strict=True))
        rows = [
            {
                "level": depth[node],
                "node": node,
                "parent": parents.get(node) or "",
                "name": known.get(node, node),
                "exposure": math.fsum(self.exposure[parts[node]]),
                "variance": math.fsum(self.by_factor[parts[node]]),
            }
            for node in sorted(parts, key=lambda node: (depth[node], node))
        ]
        columns = ["level", "node", "parent", "name", "exposure", "variance"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.assign(share=frame["variance"] / self._whole)

    @property
    def _whole(self) -> float:
        return self.total if self.total > 0.0 else math.nan


def node_path(node: str, parents: Mapping[str, str | None]) -> list[str]:
    """The node, its parent, ... up to its root.

    Raises:
        ModelError: the parents run in a circle.
    """
    path: list[str] = []
    step: str | None = node
    while step:
        if step in path:
            raise ModelError(f"the taxonomy runs in a circle through {step}; give each product one parent.")
        path.append(step)
        step = parents.get(step)
    return path


def risk_model(
    regression: Regression,
    t: int | None = None,
    settings: CovarianceSettings | None = None,
    *,
    history: int = 750,
) -> RiskModel:
    """The forecast of day number `t` (the last one if None) from factor and specific returns known by then.

    Row s of a regression explains the return from s to s+1, so rows up to t-1 are known at t. Factors that no
    stock is exposed to at t are kept, with exposure 0; those without a return so far get the median variance.

    Raises:
        ModelError: too few days before t.
    """
    day = len(regression.dates) - 1 if t is None else t
    past = slice(max(0, day - history), day)
    return RiskModel(
        as_of=regression.dates[day],
        stocks=regression.stocks,
        columns=regression.columns,
        kinds=regression.kinds,
        names=regression.names,
        exposures=regression.exposures(day),
        factor_covariance=factor_covariance(regression.returns[past], settings),
        specific_variance=specific_variance(regression.specific[past], settings),
    )


def bias_statistic(returns: Any, volatility: Any) -> float:
    """Standard deviation of realised returns by forecast volatility: 1 is right, more is a forecast too low.

    Over n periods it lies within 1 +- sqrt(2 / n) about 95% of the time if the forecast is right and returns
    are normal. Source: Menchero, Orr and Wang, "The Barra US Equity Model (USE4)", methodology notes.
    Shapes: both [n_dates], in the same units; days that either lacks are left out; series by their days.
    """
    returns, volatility = paired(returns, volatility)
    z = np.asarray(returns, dtype=np.float64) / np.asarray(volatility, dtype=np.float64)
    z = z[np.isfinite(z)]
    return float(z.std(ddof=1)) if len(z) > 1 else math.nan


def qlike(returns: Any, volatility: Any) -> float:
    """QLIKE loss of variance forecasts: mean of q - log q - 1 with q = squared return by forecast; less is
    better.

    Source: Patton (2011), "Volatility Forecast Comparison Using Imperfect Volatility Proxies".
    Shapes: both [n_dates]; days that either lacks, or with a return of 0, are left out; series by their days.
    """
    returns, volatility = paired(returns, volatility)
    q = (np.asarray(returns, dtype=np.float64) / np.asarray(volatility, dtype=np.float64)) ** 2
    q = q[np.isfinite(q) & (q > 0.0)]
    return float(np.mean(q - np.log(q) - 1.0)) if len(q) else math.nan
