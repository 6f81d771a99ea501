"""True returns: the market, sectors, families and products a company sells, hidden groups, itself.

The return of company i on day t is

    beta_i m_t + sum_k W_ikt (f_kt + premium_kt) + hidden_gt + e_it

with W the mix of that very day, which reports show only later. What makes it predictable:

- `premium`: each family's expected return is an AR(1) with a half-life of months;
- slow reaction: of a family's shock a large company takes all at once, a small one only a part; the
  rest follows over `slow_days` on average;
- value chains: a share of a supplier family's shock reaches its customers' families over `chain_days`;
- reversal: part of a company's own shock is given back over the next three days, and a further part, the
  overreaction, over `overreaction_days` on average, so that its own trailing return says less by itself;
- hidden groups move together, with a slowly drifting premium, and no table names them.
"""

from dataclasses import dataclass

import numpy as np

from samgraph.economy.companies import Companies, Mixes
from samgraph.economy.parameters import Parameters
from samgraph.economy.taxonomy import ProductTree

_TAIL = 5  # degrees of freedom of the shocks


@dataclass(frozen=True)
class Returns:
    """Truth by day. `value` [n_dates, n_stocks] is the simple daily return before the price limit; `shock` [n_dates,
    n_families] the families' own returns, which nothing foretells.
    """

    value: np.ndarray
    shock: np.ndarray
    premium: np.ndarray
    family: np.ndarray
    slow: np.ndarray
    group: np.ndarray


def _student(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Student t shocks of unit variance."""
    shocks: np.ndarray = rng.standard_t(_TAIL, shape) * np.sqrt((_TAIL - 2) / _TAIL)
    return shocks


def _drifting(rng: np.random.Generator, shape: tuple[int, int], half_life: float) -> np.ndarray:
    """Stationary AR(1) paths of unit variance [n_dates, n_series]."""
    keep = 0.5 ** (1 / half_life)
    shocks = rng.normal(size=shape)
    path = np.empty(shape)
    path[0] = shocks[0]
    for t in range(1, len(path)):
        path[t] = keep * path[t - 1] + np.sqrt(1 - keep**2) * shocks[t]
    return path


def _late(shocks: np.ndarray, days: float) -> np.ndarray:
    """What of past shocks arrives on each day: exponential weights, from the day after, that sum to 1."""
    keep = 1 - 1 / days
    pending = np.zeros(shocks.shape[1])
    out = np.empty_like(shocks)
    for t in range(len(shocks)):
        out[t] = pending / days
        pending = keep * pending + shocks[t]
    return out


def blend(mixes: Mixes, days: np.ndarray, columns: np.ndarray, factors: list[np.ndarray]) -> list[np.ndarray]:
    """Each factor [n_dates, n_columns] seen through the mix of its day: arrays [n_dates, n_stocks]."""
    n_columns = factors[0].shape[1]
    out = [np.empty((len(days), mixes.product.shape[1])) for _ in factors]
    after = np.searchsorted(mixes.period_end, days)  # first half-year end at or after the day
    for p in np.unique(after):
        rows = np.flatnonzero(after == p)
        span = (mixes.period_end[p] - mixes.period_end[p - 1]).astype(int)
        share = ((days[rows] - mixes.period_end[p - 1]).astype(int) / span)[:, None]
        old, new = mixes.matrix(p - 1, columns, n_columns), mixes.matrix(p, columns, n_columns)
        for factor, result in zip(factors, out, strict=True):
            result[rows] = (1 - share) * (old @ factor[rows].T).T + share * (new @ factor[rows].T).T
    return out


def draw(
    parameters: Parameters, taxonomy: ProductTree, companies: Companies, mixes: Mixes, days: np.ndarray
) -> Returns:
    """All returns of the economy. With `signal` 0 no function of the past predicts them."""
    signal = parameters.signal
    n_dates, n = len(days), len(companies.company_id)
    rng = parameters.stream("factors")
    heat = np.exp(0.3 * _drifting(rng, (n_dates, 1), 40.0) - 0.045)  # shared swings of volatility
    market = parameters.market_drift + parameters.market_volatility * heat[:, 0] * _student(rng, (n_dates,))
    sector = parameters.sector_volatility * heat * _student(rng, (n_dates, len(taxonomy.sector_names)))
    family = parameters.family_volatility * heat * _student(rng, (n_dates, taxonomy.n_families))
    leaf = parameters.leaf_volatility * heat * _student(rng, (n_dates, len(taxonomy.leaves)))
    path = _drifting(rng, (n_dates, taxonomy.n_families), parameters.premium_half_life)
    premium = signal * parameters.premium * path
    group = _membership(parameters, n, rng)
    tide = parameters.group_volatility * heat * _student(rng, (n_dates, parameters.groups))
    tide += signal * parameters.premium * _drifting(rng, tide.shape, parameters.premium_half_life)
    beta = rng.normal(1.0, 0.2, n).clip(0.4, 1.6)

    # Supplier shocks arrive late in the customers' families; all companies see that alike.
    chained = signal * parameters.chain * _late(family, parameters.chain_days) @ row_shares(taxonomy)
    at_once = family + premium + chained + sector[:, taxonomy.sector]
    slow = np.minimum(signal * parameters.slow_share * (1 - companies.size_rank), 0.95)
    fam = taxonomy.family
    now, shock, late = blend(mixes, days, fam, [at_once, family, _late(family, parameters.slow_days)])
    (own_products,) = blend(mixes, days, np.arange(len(fam)), [leaf])

    own = parameters.stream("idiosyncratic")
    scale = np.exp(own.normal(0, 0.15, n)) * (1.15 - 0.3 * companies.size_rank)
    shocks = parameters.idiosyncratic_volatility * scale * heat * _student(own, (n_dates, n))
    noise = shocks.copy()
    for lag, share in enumerate(parameters.reversal, start=1):
        noise[lag:] -= signal * share * shocks[:-lag]
    noise -= signal * parameters.overreaction * _late(shocks, parameters.overreaction_days)

    value = market[:, None] * beta + now + slow * (late - shock) + own_products + noise
    in_group = group >= 0
    value[:, in_group] += tide[:, group[in_group]]
    return Returns(
        value=value,
        shock=family,
        premium=premium,
        family=family + premium + chained,
        slow=slow,
        group=group,
    )


def row_shares(taxonomy: ProductTree) -> np.ndarray:
    """Supplier shares scaled so that the inputs of each customer family sum to 1 [supplier, customer]."""
    total = taxonomy.suppliers.sum(axis=0)
    shares: np.ndarray = taxonomy.suppliers / np.where(total > 0, total, 1.0)
    return shares


def _membership(parameters: Parameters, n: int, rng: np.random.Generator) -> np.ndarray:
    """Hidden group of each company, -1 for most."""
    size = max(2, round(parameters.group_share * n))
    group = np.full(n, -1)
    order = rng.permutation(n)
    for g in range(parameters.groups):
        group[order[g * size : (g + 1) * size]] = g
    return group
