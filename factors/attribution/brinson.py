"""Allocation and selection by group (Brinson and Fachler).

With W_k, R_k weight and return of group k in the portfolio, V_k, S_k in the benchmark and B = sum_k V_k S_k

    allocation_k = (W_k - V_k) (S_k - B)
    selection_k  = W_k (R_k - S_k)

Selection is with the portfolio's weights, so it holds the interaction (W_k - V_k) (R_k - S_k). A group that the
benchmark lacks has no S_k; what it brings over B is allocation. Both add up to

    sum_i (w_i - v_i) (r_i - B)

over the group's stocks, or the parts of them that are in it. So the effects of all groups add up to the excess less
what cash did, whatever the groups, and those of the children in a taxonomy to their parent's.

Source: Brinson and Fachler (1985), "Measuring Non-US Equity Portfolio Performance", Journal of Portfolio Management
11(3); interaction folded into selection as in Bacon, Practical Portfolio Performance Measurement and Attribution,
2nd ed., chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samgraph.factors.arrays import Floats
from samgraph.factors.attribution.split import Split
from samgraph.sums import over_stocks


@dataclass(frozen=True, eq=False)
class Brinson:
    """Effects by group; all [n_dates, n_groups], fractions of a day.

    Attributes:
        groups: [n_groups] ids.
        weight, benchmark_weight: W and V above; allocation, selection: the effects.
    """

    groups: tuple[str, ...]
    weight: Floats
    benchmark_weight: Floats
    allocation: Floats
    selection: Floats

    @property
    def effect(self) -> Floats:
        """Allocation and selection together [n_dates, n_groups]."""
        return self.allocation + self.selection


def brinson(weights: Floats, benchmark: Floats, returns: Floats, split: Split) -> Brinson:
    """Allocation and selection of each day.

    Args:
        weights: [n_dates, n_stocks] at the close before, shares of the portfolio's value; cash is what lacks to 1.
        benchmark: [n_dates, n_stocks] at the close before, not negative, a sum of 1.
        returns: [n_dates, n_stocks] of the day; 0 where neither holds anything.
        split: of the same days and stocks.
    """
    held, bench = weights * returns, benchmark * returns
    whole = over_stocks(bench)[:, None]
    w, v, gained, theirs = (split.sums(values) for values in (weights, benchmark, held, bench))
    there = v > 0.0
    rate = np.divide(theirs, v, out=np.zeros_like(v), where=there)
    allocation = np.where(there, (w - v) * (rate - whole), gained - w * whole)
    selection = np.where(there, gained - w * rate, 0.0)
    return Brinson(split.groups, w, v, allocation, selection)
