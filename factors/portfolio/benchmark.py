"""The returns that a portfolio is held against: an index, and the universe itself by weights of the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError
from samgraph.factors.arrays import Bools, Floats, Ints
from samgraph.sums import over_stocks
from samgraph.sums import total as sum_of

if TYPE_CHECKING:
    from samgraph.hist.market import Market


def benchmark_returns(market: Market, total: Floats, start: int, price: str) -> Floats:
    """Daily returns of the market's benchmark [n_dates], or of its cap-weighted universe where it has none.

    A day without a level has return 0 and the next known level makes up for it (`missing_levels` counts them).

    Args:
        market: `benchmark` [n_dates] levels; all NaN means none.
        total: [n_dates, n_stocks] total-return index of each stock, its last known value on days without trade.
        start: first day of the portfolio.
        price: execution price; at the close, the benchmark starts at the close of `start` (return 0 that
            day).

    Raises:
        ConfigError: the levels begin after the portfolio does, or end before it.
    """
    level = np.asarray(market.benchmark, dtype=np.float64)
    known: Bools = np.isfinite(level) & (level > 0)
    if not known.any():
        returns = weighted_returns(market, total, universe_weights(market))
    else:
        require_levels(market, start if price == "close" else start - 1)
        last = np.maximum.accumulate(np.where(known, np.arange(len(level)), int(np.argmax(known))))
        filled = level[last]
        returns = np.zeros(len(level))
        returns[1:] = filled[1:] / filled[:-1] - 1.0
    if price == "close":
        returns[start] = 0.0
    return returns


def missing_levels(market: Market, start: int) -> Ints:
    """Rows from `start` on that lack the benchmark's level; none where the market has no benchmark."""
    level = np.asarray(market.benchmark, dtype=np.float64)
    known = np.isfinite(level) & (level > 0)
    return start + np.flatnonzero(~known[start:]) if known.any() else np.zeros(0, dtype=np.int64)


def require_levels(market: Market, start: int) -> None:
    """Refuse a benchmark without a level on row `start` or on the last one: figures against it would be wrong.

    Raises:
        ConfigError: it names the days that have none.
    """
    missing = missing_levels(market, start)
    ends = np.isin([start, market.n_dates - 1], missing)
    if not ends.any():
        return
    days: pd.DatetimeIndex = market.dates[missing]
    level = np.asarray(market.benchmark, dtype=np.float64)
    known = market.dates[np.isfinite(level) & (level > 0)]
    listed = ", ".join(str(day.date()) for day in days[:3]) + (", …" if len(days) > 3 else "")
    raise ConfigError(
        f"the benchmark has levels from {known[0].date()} to {known[-1].date()} and none on {len(days)} of the days "
        f"from {market.dates[start].date()} to {market.dates[-1].date()} that the portfolio needs ({listed}, last "
        f"{days[-1].date()}); complete table benchmarks, change the period, or name another benchmark."
    )


def universe_weights(market: Market) -> Floats:
    """What the universe's companies weigh on each day [n_dates, n_stocks], a sum of 1 (0 on a day without members).

    The index's official weights where the market has the day's (`Market.index_weight`), else caps of the freely traded
    shares where those are known, else market caps; a member without a cap weighs as `Market.weights` says. A member
    that the official weights leave out weighs by its cap beside the others.
    """
    cap = market.weights()
    if market.float_cap is not None:
        known: Bools = np.isfinite(market.float_cap) & market.member
        cap = _filled(market.float_cap, known, cap)
    if market.index_weight is not None:
        cap = _filled(market.index_weight, np.isfinite(market.index_weight) & market.member, cap)
    return normalised(np.where(market.member, cap, 0.0))


def _filled(better: Floats, known: Bools, cap: Floats) -> Floats:
    """`better` where it is known; elsewhere the cap, scaled by what the known ones are beside their caps."""
    share = _ratio(
        over_stocks(np.where(known, np.nan_to_num(better), 0.0)), over_stocks(np.where(known, cap, 0.0))
    )
    return np.where(known, better, cap * share[:, None])


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.ones_like(above), where=below > 0)


def drifted(stated: Floats, member: Bools, total: Floats) -> Floats:
    """Official weights on every day, from those of the days on which they are stated [n_dates, n_stocks].

    A weight that is stated from day t on is that of the close before t. From there on every weight moves with its
    stock's total return, and all add up to 1. Where only some are stated anew (a company enters between two lists),
    the others share what these leave as they stood.

    Args:
        stated: the weight on the first day of its interval, NaN on all other days.
        member: of the universe on the day.
        total: total-return index of each stock, its last known value on days without trade.

    Returns:
        NaN before the first stated day, and for members whose weight was never stated.
    """
    out = np.full(stated.shape, np.nan)
    held = np.zeros(stated.shape[1])
    for t in range(len(stated)):
        held = np.where(member[t], held, 0.0)
        new = np.isfinite(stated[t]) & member[t]
        if new.any():
            rest = max(1.0 - sum_of(stated[t, new]), 0.0)
            held[new] = 0.0
            whole = sum_of(held)
            held *= rest / whole if whole > 0.0 else 0.0
            held[new] = stated[t, new]
        if t:
            with np.errstate(divide="ignore", invalid="ignore"):
                growth = total[t] / total[t - 1]
            held = held * np.where(np.isfinite(growth), growth, 1.0)
        whole = sum_of(held)
        if whole > 0.0:
            held = held / whole
            out[t] = np.where(held > 0.0, held, np.nan)
    return out


def weights_in_words(market: Market, days: slice) -> str:
    """What `universe_weights` of most of these days are."""
    for panel, words in (
        (market.index_weight, "official weights, drifted by returns between their days"),
        (market.float_cap, "market caps of the freely traded shares"),
        (market.market_cap, "market caps"),
    ):
        if panel is not None and float(np.isfinite(panel[days]).any(axis=1).mean()) > 0.5:
            return words
    return "equal weights, for no market cap is known"


def equal_weights(market: Market) -> Floats:
    """The same for every member of the day [n_dates, n_stocks]."""
    return normalised(market.member.astype(np.float64))


def normalised(weights: Floats) -> Floats:
    """Each day's weights over their sum; a day of none stays 0."""
    whole = over_stocks(weights)[:, None]
    out: Floats = weights / np.where(whole > 0.0, whole, 1.0)
    return out


def weighted_returns(market: Market, total: Floats, weights: Any) -> Floats:
    """Total return [n_dates] of the weights of the day before, without costs.

    A suspended stock returns 0 until it trades again; one that never traded is left out. Before the first weights 0.
    """
    returns = np.zeros(market.n_dates)
    for t in range(1, len(returns)):
        held = np.flatnonzero((weights[t - 1] > 0) & np.isfinite(total[t - 1]))
        if len(held):
            gain = total[t, held] / total[t - 1, held] - 1.0
            returns[t] = float((weights[t - 1, held] * gain).sum() / weights[t - 1, held].sum())
    return returns
