"""A run's portfolios: Top-K, optimised, or both, from the scores of its variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.config import RunConfig
from samgraph.errors import RunError
from samgraph.factors.portfolio.optimise import RELAXED, Bounds
from samgraph.factors.portfolio.optimised import DECISIONS, relaxations, run_optimised
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import PortfolioResult, run_topk
from samgraph.factors.risk.forecasts import FEWEST_DAYS, RiskForecasts
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]

OPTIMISED = "_optimised"  # ends the names of optimised portfolios where Top-K stands beside them


@dataclass(frozen=True, eq=False)
class Books:
    """Portfolios by name, and what the optimiser decided: variant, then the columns of `DECISIONS`."""

    results: Mapping[str, PortfolioResult]
    decisions: pd.DataFrame

    def optimiser(self) -> dict[str, Any]:
        """Days decided, within all bounds, and with which bounds dropped, by portfolio: for summary.json."""
        return {str(name): relaxations(rows) for name, rows in self.decisions.groupby("variant", sort=False)}


def trading_rules(config: RunConfig, inputs: Inputs) -> Rules:
    """The rules of trading of a run's settings; how many names depends on the universe's size on the first test day."""
    trading = config.trading
    members = int(inputs.market.member[inputs.test.start].sum())
    top = trading.top or max(1, min(50, members // 5))
    return Rules(
        top=top,
        drop=min(top, trading.drop or max(1, top // 10)),
        weighting=trading.weighting,
        every=trading.rebalance_days,
        lag=trading.lag,
        price=trading.price,
        lot=trading.lot,
        cash=trading.capital,
        buy_cost=trading.buy_cost,
        sell_cost=trading.sell_cost,
        impact=trading.impact,
        impact_coefficient=trading.impact_coefficient,
    )


def bounds_of(config: RunConfig) -> Bounds:
    """The optimiser's bounds; expected returns are earned over the label's horizon."""
    return Bounds(**config.optimiser.model_dump(), horizon=config.model.hist(config.trading).horizon)


def keep_books(
    config: RunConfig,
    inputs: Inputs,
    scores: Mapping[str, FloatArray],
    rules: Rules,
    forecasts: RiskForecasts | None,
) -> Books:
    """Simulate each variant's portfolios.

    Args:
        config: `trading.construction` says which.
        inputs: the market.
        scores: variant -> [n_dates, n_stocks].
        rules: of trading.
        forecasts: of risk; needed for an optimised portfolio.

    Raises:
        RunError: an optimised portfolio without forecasts of risk.
    """
    wanted = config.trading.construction
    results: dict[str, PortfolioResult] = {}
    if wanted != "optimised":
        results |= {name: run_topk(score, inputs.market, rules) for name, score in scores.items()}
    told = []
    if wanted != "topk":
        if forecasts is None:
            raise RunError(
                f"an optimised portfolio needs {FEWEST_DAYS} trading days of bars before the first test day for its "
                "forecast of risk; lengthen the training, or set construction = 'topk'"
            )
        suffix = OPTIMISED if wanted == "both" else ""
        for name, score in scores.items():
            result, decisions = run_optimised(score, inputs.market, forecasts, rules, bounds_of(config))
            results[name + suffix] = result
            decisions.insert(0, "variant", name + suffix)
            told.append(decisions)
    empty = pd.DataFrame(columns=["variant", *DECISIONS])
    return Books(results, pd.concat(told, ignore_index=True) if told else empty)


def construction_in_words(config: RunConfig) -> list[str]:
    """How the optimised portfolios are made, for the timeline; nothing where there are none."""
    if config.trading.construction == "topk":
        return []
    order = "; ".join(name for name, _ in RELAXED if name)
    return [
        "At the close of t an optimised portfolio is chosen from the score of t, covariances estimated on days before "
        f"t, and exposures, market caps and holdings of t: {bounds_of(config).words()}. Where these cannot all be met, "
        f"they are dropped in this order: {order}; if nothing is left, holdings are kept."
    ]
