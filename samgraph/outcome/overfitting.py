"""What of a run's result may be the reward of trying: deflated Sharpe ratio and probability of overfitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from samgraph.errors import ModelError
from samgraph.factors.evaluation.overfitting import deflated_sharpe, probability_of_overfitting
from samgraph.run.trials import FloatArray, Trial, sharpe_ratio

BLOCKS = 16  # of combinatorially symmetric cross-validation; fewer where days are few


def overfitting(ledger: list[Trial], own: Trial) -> dict[str, Any]:
    """How much of this run's result may be the reward of trying: for summary.json.

    Args:
        ledger: trials, with or without this run's; those of its question count, and of the one it began with.
        own: this run's.

    Returns:
        trials: distinct configuration x variant that were tried on the same data, universe and period; configurations;
        variants: name -> sharpe (daily excess return, not annualised), threshold (the best that many skill-less trials
        would give), deflated_sharpe (probability that the true ratio is above it); probability_of_overfitting: over
        all trials, and over this run's variants (None where fewer than two, or days are too few).
    """
    parent = own.parent
    asked = {own.question} if parent is None else {own.question, parent.origin}
    mine = {(own.question, own.config)} | (set() if parent is None else {(parent.question, parent.config)})
    others = [one for one in ledger if one.question in asked and (one.question, one.config) not in mine]
    same = [one for one in others if one.question == own.question]  # of the same days
    every = [values for trial in (*others, own) for values in trial.returns.values()]
    ratios = np.array([ratio for values in every if (ratio := sharpe_ratio(values)) is not None])
    spread = float(ratios.var(ddof=1)) if len(ratios) > 1 else 0.0
    variants = {}
    for name, values in own.returns.items():
        floor = 1.0 / max(
            len(values) - 1.0, 1.0
        )  # few or like trials must not make luck look smaller than it is
        try:
            found = deflated_sharpe(values, len(every), trial_variance=max(spread, floor))
        except ModelError:  # a portfolio that never left its benchmark has no ratio
            variants[name] = dict.fromkeys(("sharpe", "threshold", "deflated_sharpe"))
            continue
        variants[name] = {
            "sharpe": found.sharpe,
            "threshold": found.threshold,
            "deflated_sharpe": found.probability,
        }
    return {
        "trials": len(every),
        "configurations": len(others) + 1,
        "variants": variants,
        "probability_of_overfitting": {
            "trials": _cscv([values for trial in (*same, own) for values in trial.returns.values()]),
            "variants": _cscv(list(own.returns.values())),
        },
    }


def _cscv(returns: list[FloatArray]) -> dict[str, Any] | None:
    """CSCV over the days that all trials share, counted from the end; None where there are too few of either."""
    days = min(len(values) for values in returns)
    blocks = min(BLOCKS, days // 4 * 2)
    if len(returns) < 2 or blocks < 4:
        return None
    found = probability_of_overfitting(np.column_stack([v[-days:] for v in returns]), blocks=blocks)
    return {
        "probability": found.probability,
        "mean_rank": found.mean_rank,
        "trials": found.n_trials,
        "days": days,
        "splits": found.n_splits,
    }
