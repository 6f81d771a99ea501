"""A simulated economy's tables as arrays, by plain reading: what the simulator's tests compare with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.economy.simulate import Economy


def days_of(column: pd.Series) -> np.ndarray:
    """A column of ISO days as datetime64[D], NaT where empty."""
    return np.array([x if x else "NaT" for x in column], dtype="datetime64[D]")


@dataclass
class Made:
    """Arrays [n_dates, n_stocks] of an economy; `bars` by column, NaN (False) where there is no bar."""

    economy: Economy
    days: np.ndarray
    stocks: list[str]
    bars: dict[str, np.ndarray]
    member: np.ndarray
    sector: np.ndarray
    mixes: tuple[list[str], dict[int, np.ndarray]] | None = None  # kept by `reported_mixes`

    @property
    def returns(self) -> np.ndarray:
        """Adjusted close to close, NaN without a bar on both days."""
        price = self.bars["close"] * self.bars["adj_factor"]
        return np.vstack([np.full(len(self.stocks), np.nan), price[1:] / price[:-1] - 1])

    def forward(self, horizon: int) -> np.ndarray:
        """Return from the close of t + 1 to that of t + 1 + horizon."""
        price = self.bars["close"] * self.bars["adj_factor"]
        out = np.full(price.shape, np.nan)
        out[: -1 - horizon] = price[1 + horizon :] / price[1:-horizon] - 1
        return out


def read(economy: Economy) -> Made:
    tables = economy.tables
    stocks = tables["companies"]["company_id"].tolist()
    bars = tables["bars"]
    days = np.unique(bars["date"].to_numpy().astype("datetime64[D]"))
    row = np.searchsorted(days, bars["date"].to_numpy().astype("datetime64[D]"))
    column = pd.Index(stocks).get_indexer(bars["company_id"])
    arrays: dict[str, np.ndarray] = {}
    for name in bars.columns[2:]:
        flag = bars[name].dtype == bool
        array = (
            np.zeros((len(days), len(stocks)), dtype=bool)
            if flag
            else np.full((len(days), len(stocks)), np.nan)
        )
        array[row, column] = bars[name].to_numpy()
        arrays[name] = array
    member = np.zeros((len(days), len(stocks)), dtype=bool)
    universes = tables["universes"]
    spans = zip(
        universes["company_id"], days_of(universes["valid_from"]), days_of(universes["valid_to"]), strict=True
    )
    for company, start, end in spans:
        member[(days >= start) & (np.isnat(end) | (days < end)), stocks.index(company)] = True
    parent = dict(zip(tables["industries"]["industry_id"], tables["industries"]["parent_id"], strict=True))
    roots = sorted(k for k, above in parent.items() if not above)
    sector = np.full((len(days), len(stocks)), -1)
    labels = tables["company_industries"]
    spans = zip(labels["company_id"], labels["industry_id"], days_of(labels["valid_from"]), strict=True)
    for company, industry, start in spans:  # later spans of a company come later
        sector[days >= start, stocks.index(company)] = roots.index(parent[industry])
    return Made(economy, days, stocks, arrays, member, sector)


def family_of(economy: Economy) -> dict[str, str]:
    """Leaf product -> its level-4 ancestor, by walking up the table (first parents)."""
    products = economy.tables["products"].drop_duplicates("product_id")
    parent = dict(zip(products["product_id"], products["parent_id"], strict=True))
    out = {}
    for product in economy.tables["segments"]["product_id"].unique():
        line = [product]
        while parent[line[-1]]:
            line.append(parent[line[-1]])
        out[product] = line[::-1][3]
    return out


def reported_mixes(made: Made) -> tuple[list[str], dict[int, np.ndarray]]:
    """Families, and on every 21st day the as-of mix over them [n_stocks, n_families] by the time rules."""
    if made.mixes is None:
        made.mixes = _reported_mixes(made)
    return made.mixes


def _reported_mixes(made: Made) -> tuple[list[str], dict[int, np.ndarray]]:
    segments = made.economy.tables["segments"]
    family = family_of(made.economy)
    families = sorted(set(family.values()))
    reports: dict[str, dict[tuple[Any, Any], np.ndarray]] = defaultdict(dict)
    keys = zip(
        segments["company_id"],
        days_of(segments["period_end"]),
        days_of(segments["announced_on"]),
        [families.index(family[p]) for p in segments["product_id"]],
        segments["weight"],
        strict=True,
    )
    for company, end, announced, k, weight in keys:
        reports[company].setdefault((end, announced), np.zeros(len(families)))[k] += weight
    mixes = {}
    for t in range(0, len(made.days), 21):
        mix = np.zeros((len(made.stocks), len(families)))
        for i, company in enumerate(made.stocks):
            known = [key for key in reports[company] if key[1] < made.days[t]]
            if known:
                mix[i] = reports[company][max(known)]
        mixes[t] = mix
    return families, mixes


def family_returns(
    made: Made, families: list[str], mixes: dict[int, np.ndarray], *, who: np.ndarray
) -> np.ndarray:
    """Daily returns of the families by least squares on the mixes of the stocks `who` [n_dates, n_families]."""
    out = np.zeros((len(made.days), len(families)))
    returns = made.returns
    for t in range(1, len(made.days)):
        mix = mixes[t - t % 21]
        used = who & made.member[t] & np.isfinite(returns[t]) & made.bars["tradable"][t]
        w = mix[used]
        # A little ridge: families with few sellers would blow up.
        gain = returns[t, used] - returns[t, used].mean()
        out[t] = np.linalg.solve(w.T @ w + 0.3 * np.eye(len(families)), w.T @ gain)
    return out


def product_lead(made: Made, window: int = 40) -> np.ndarray:
    """What a stock's families earned over the last `window` days, weighted by its reported mix."""
    families, mixes = reported_mixes(made)
    everyone = np.ones(len(made.stocks), dtype=bool)
    daily = family_returns(made, families, mixes, who=everyone)
    trailing = np.cumsum(daily, axis=0)
    trailing[window:] -= trailing[:-window].copy()
    trailing[:window] = np.nan
    return np.stack([mixes[t - t % 21] @ trailing[t] for t in range(len(made.days))])


def neutral(factor: np.ndarray, made: Made) -> np.ndarray:
    """What each day's regression on sector dummies and log market cap leaves of a factor."""
    out = np.full(factor.shape, np.nan)
    for t in range(len(factor)):
        ok = made.member[t] & np.isfinite(factor[t]) & made.bars["tradable"][t]
        if ok.sum() < 20:
            continue
        dummies = np.eye(made.sector.max() + 1)[made.sector[t, ok]]
        x = np.column_stack([dummies, np.log(made.bars["market_cap"][t, ok])])
        # A little ridge stands in for sectors without a company.
        beta = np.linalg.solve(x.T @ x + 1e-9 * np.eye(x.shape[1]), x.T @ factor[t, ok])
        out[t, ok] = factor[t, ok] - x @ beta
    return out


def rank_ic(factor: np.ndarray, forward: np.ndarray, lags: int) -> tuple[float, float]:
    """Mean daily Rank IC of a neutral factor and its Newey-West t with Bartlett weights."""
    known = np.isfinite(factor) & np.isfinite(forward)
    x, y = (pd.DataFrame(np.where(known, v, np.nan)).rank(axis=1) for v in (factor, forward))
    ic = x.corrwith(y, axis=1).to_numpy()[known.sum(axis=1) >= 20]
    z = ic - ic.mean()
    variance = z @ z
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (z[lag:] @ z[:-lag])
    return float(ic.mean()), float(ic.mean() / np.sqrt(variance) * len(ic))
