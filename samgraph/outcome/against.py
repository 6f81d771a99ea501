"""Is the main portfolio better than what it is held against: the benchmark, the control and every other arm."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from samgraph.arms.registry import ARMS, BASE
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.inference import FEWEST_DAYS, Z95, mean_test
from samgraph.files import json_figures

BENCHMARK = "benchmark"


def against(portfolio: pd.DataFrame, *, seed: int, days_a_year: float) -> dict[str, dict[str, float | None]]:
    """The main portfolio's return after costs less that of each comparison, with its interval and p-value.

    Args:
        portfolio: variant, date, return, benchmark_return (fractions of a day) of a run's portfolios.
        seed: of the resampling.
        days_a_year: trading days in a year, to annualise.

    Returns:
        benchmark, and each other arm that has a portfolio -> the figures of
        `samgraph.factors.evaluation.compare.Difference`, arithmetic, a year (None where there is none); none with fewer
        than `FEWEST_DAYS` common days.
    """
    own = portfolio[portfolio["variant"] == BASE].set_index("date")
    others = {BENCHMARK: own["benchmark_return"]}
    for arm in ARMS:
        rows = portfolio[portfolio["variant"] == arm]
        if arm != BASE and len(rows):
            others[arm] = rows.set_index("date")["return"]
    found = {}
    for name, other in others.items():
        both = pd.concat([own["return"], other], axis=1, join="inner")
        if len(both) >= FEWEST_DAYS:
            pair = (both.iloc[:, place].to_numpy() for place in (0, 1))
            gap = paired_difference(*pair, seed=seed, days_a_year=days_a_year).as_dict()
            if all(math.isfinite(gap[key]) for key in ("ci_low", "ci_high", "p_value")):
                # equal portfolios, such as HIST kept as its encoder beside the GRU, have no t
                found[name] = json_figures(gap)
    return found


def rank_ic_over(ic: pd.DataFrame, factor: str, horizon: int, *, name: str = "score") -> dict[str, Any]:
    """Mean daily Rank IC of the score less that of another factor on the same days, tested as overlapping returns are.

    Args:
        ic: date, factor, horizon, rank_ic.
        factor: the other one.
        horizon: days of the returns.
        name: of the score.

    Returns:
        difference, ci_low, ci_high (95%), p_value, n_days; None where there are too few days for a test.
    """
    wide = ic[ic["horizon"] == horizon].pivot_table(index="date", columns="factor", values="rank_ic")
    gap = mean_test((wide[name] - wide[factor]).to_numpy(), horizon)
    tested = gap.se == gap.se
    return {
        "difference": gap.mean if gap.n else None,
        "ci_low": gap.mean - Z95 * gap.se if tested else None,
        "ci_high": gap.mean + Z95 * gap.se if tested else None,
        "p_value": gap.p_value if tested else None,
        "n_days": gap.n,
    }
