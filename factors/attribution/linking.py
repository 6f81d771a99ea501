"""Daily effects linked over a period, so that they add up to the compounded excess return without a rest.

Effects of a day add up to that day's excess r_t - b_t, but excess returns of days do not add up to the excess of the
compounded returns R - B. With

    k_t = (ln(1 + r_t) - ln(1 + b_t)) / (r_t - b_t),   K = (ln(1 + R) - ln(1 + B)) / (R - B)

(1 / (1 + r_t) where both are equal) the effects times k_t / K do. Source: Carino (1999), "Combining Attribution
Effects Over Time", Journal of Performance Measurement 3(4).
"""

from __future__ import annotations

import numpy as np

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats


def carino(returns: Floats, benchmark: Floats) -> Floats:
    """What each day's effects count for in the whole period [n_dates].

    Args:
        returns: [n_dates] of the portfolio, fractions a day.
        benchmark: [n_dates] likewise.

    Raises:
        ModelError: a return of -100% or less, or one that is not known: nothing compounds over it.
    """
    if not (np.isfinite(returns).all() and np.isfinite(benchmark).all()):
        raise ModelError(
            "effects cannot be linked over a day whose return is not known; leave such days out."
        )
    if (returns <= -1.0).any() or (benchmark <= -1.0).any():
        worst = float(min(returns.min(initial=0.0), benchmark.min(initial=0.0)))
        raise ModelError(f"effects cannot be linked over a day with a return of {worst:.0%}; end before it.")
    whole, market = np.prod(1.0 + returns) - 1.0, np.prod(1.0 + benchmark) - 1.0
    scale = _slope(np.array([whole]), np.array([market]))[0]
    out: Floats = _slope(returns, benchmark) / scale
    return out


def compounded_excess(returns: Floats, benchmark: Floats) -> float:
    """Compounded return of the portfolio less that of the benchmark; both [n_dates]."""
    return float(np.prod(1.0 + returns) - np.prod(1.0 + benchmark))


def _slope(returns: Floats, benchmark: Floats) -> Floats:
    """(ln(1 + r) - ln(1 + b)) / (r - b), also where r is near b."""
    share = (returns - benchmark) / (1.0 + benchmark)
    ratio = np.divide(np.log1p(share), share, out=np.ones_like(share), where=share != 0.0)
    out: Floats = ratio / (1.0 + benchmark)
    return out
