"""How much of a good result is the reward of having tried many: deflated Sharpe ratio, probability of overfitting.

Sources: Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio", equations 1 and 2, for the first; Bailey,
Borwein, Lopez de Prado and Zhu (2017), "The Probability of Backtest Overfitting", section 3 (combinatorially
symmetric cross-validation), for the second.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats
from samgraph.rounding import varies


@dataclass(frozen=True)
class Deflated:
    """A Sharpe ratio against the best that luck alone would give.

    Attributes:
        sharpe: mean by standard deviation of the daily returns, not annualised.
        threshold: expected highest daily Sharpe ratio of `n_trials` skill-less trials.
        probability: that the true ratio is above the threshold: the deflated Sharpe ratio.
        n_trials, n_days: what it rests on.
    """

    sharpe: float
    threshold: float
    probability: float
    n_trials: int
    n_days: int


def expected_best_sharpe(n_trials: int, variance: float) -> float:
    """Expected highest Sharpe ratio of `n_trials` skill-less trials whose ratios have this variance."""
    if n_trials < 1:
        raise ModelError(f"{n_trials} trials make no sense; count at least the one that is reported.")
    if n_trials == 1:
        return 0.0
    euler = np.euler_gamma
    high = (1.0 - euler) * stats.norm.ppf(1.0 - 1.0 / n_trials)
    return math.sqrt(variance) * float(high + euler * stats.norm.ppf(1.0 - 1.0 / (n_trials * math.e)))


def deflated_sharpe(returns: Any, n_trials: int, *, trial_variance: float | None = None) -> Deflated:
    """The deflated Sharpe ratio of daily returns [n_dates]; missing days are left out.

    Args:
        returns: daily (excess) returns of the reported strategy.
        n_trials: independent variants that were tried, with the reported one.
        trial_variance: variance of the trials' daily Sharpe ratios; if None that of skill-less ones, 1 / (n-1).

    Raises:
        ModelError: fewer than 3 days, or returns that do not vary.
    """
    x = np.asarray(returns, dtype=np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 3 or not varies(x):
        raise ModelError(f"{n} days of returns that vary too little have no Sharpe ratio.")
    sharpe = float(x.mean() / x.std(ddof=1))
    moments = float(stats.skew(x)), float(stats.kurtosis(x, fisher=False))
    threshold = expected_best_sharpe(n_trials, 1.0 / (n - 1.0) if trial_variance is None else trial_variance)
    probability = probabilistic_sharpe(sharpe, threshold, n, *moments)
    return Deflated(sharpe, threshold, probability, n_trials, n)


def probabilistic_sharpe(sharpe: float, threshold: float, n: int, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe ratio is above `threshold`, with returns of this skew and kurtosis.

    Ratios are by period, `n` periods were seen, a normal distribution has kurtosis 3.
    """
    spread = math.sqrt(max(1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2, 1e-12))
    return float(stats.norm.cdf((sharpe - threshold) * math.sqrt(n - 1.0) / spread))


@dataclass(frozen=True)
class Overfitting:
    """What combinatorially symmetric cross-validation found.

    Attributes:
        probability: share of splits in which the best trial of one half is below the median in the other.
        mean_rank: mean relative rank (0..1) of the chosen trial in the other half.
        n_splits, n_trials: what it rests on.
    """

    probability: float
    mean_rank: float
    n_splits: int
    n_trials: int


def probability_of_overfitting(returns: Any, *, blocks: int = 16) -> Overfitting:
    """Probability that choosing the trial with the best Sharpe ratio is choosing noise.

    The days are cut into `blocks` runs; for every way to take half of them, the trial with the best Sharpe ratio
    there is ranked among all by its Sharpe ratio on the other half.

    Args:
        returns: [n_dates, n_trials] daily returns of all that was tried, none missing.
        blocks: even, 2 to 20.

    Raises:
        ModelError: fewer than two trials, missing returns, an odd number of blocks, or too few days for them.
    """
    x = np.asarray(returns, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or not np.isfinite(x).all():
        raise ModelError(f"returns of shape {x.shape} must be [n_dates, 2 or more trials] without gaps.")
    if blocks % 2 or not 2 <= blocks <= 20 or len(x) < 2 * blocks:
        raise ModelError(f"{blocks} blocks cannot be made of {len(x)} days; give an even number, 2 to 20.")
    length = len(x) // blocks
    cut = x[len(x) - blocks * length :].reshape(blocks, length, -1)  # days that do not fill a block go first
    first, second = cut.sum(axis=1), (cut**2).sum(axis=1)
    chosen = np.asarray(list(itertools.combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    days = blocks // 2 * length
    best = np.argmax(_sharpe(inside @ first, inside @ second, days), axis=1)
    other = _sharpe((1.0 - inside) @ first, (1.0 - inside) @ second, days)
    rank = stats.rankdata(other, axis=1)[np.arange(len(best)), best] / (x.shape[1] + 1.0)
    return Overfitting(float((rank <= 0.5).mean()), float(rank.mean()), len(chosen), x.shape[1])


def _sharpe(total: Floats, squares: Floats, days: int) -> Floats:
    mean = total / days
    ratio = mean / np.sqrt(np.maximum(squares / days - mean**2, 1e-300))
    out: Floats = np.round(
        ratio, 10
    )  # trials that are one and the same tie, whatever their products' last digits
    return out
