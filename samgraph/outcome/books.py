"""A run's portfolios: every arm's scores through every construction that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.config import RunConfig
from samgraph.factors.portfolio.optimise import Bounds
from samgraph.factors.portfolio.optimised import DECISIONS, relaxations
from samgraph.factors.portfolio.paths import Path
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.outcome.constructions import CONSTRUCTIONS, Desk, Made, Portfolio, portfolios
from samgraph.outcome.decision import DecisionInputs
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Books:
    """Portfolios, and what the optimiser decided: variant (the portfolio's name), then the columns of `DECISIONS`."""

    results: Mapping[Portfolio, PortfolioResult]
    decisions: pd.DataFrame

    def first(self, arm: str) -> PortfolioResult:
        """The books of an arm's first construction."""
        return next(book for one, book in self.results.items() if one.arm == arm)

    def of_arm(self, arm: str) -> dict[Portfolio, PortfolioResult]:
        """The books of all of an arm's constructions."""
        return {one: book for one, book in self.results.items() if one.arm == arm}

    def named(self) -> dict[str, PortfolioResult]:
        """All books by the names of their portfolios."""
        return {one.name: book for one, book in self.results.items()}

    def optimiser(self) -> dict[str, Any]:
        """Days decided, within all bounds, and with which bounds dropped, by portfolio: for summary.json."""
        return {str(name): relaxations(rows) for name, rows in self.decisions.groupby("variant", sort=False)}


def trading_rules(config: RunConfig, inputs: DecisionInputs) -> Rules:
    """The rules of trading of a run's settings; how many names depends on the universe's size on the first test day."""
    members = int(inputs.market.member[inputs.test.start].sum())
    return config.trading.rules(config.trading.top or max(1, min(50, members // 5)))


def bounds_of(config: RunConfig) -> Bounds:
    """The optimiser's bounds; expected returns are earned over the label's horizon."""
    return config.optimiser.bounds(config.model.hist(config.trading).horizon)


def path_of(config: RunConfig) -> Path:
    """How tranches, bands and an aim follow the score; by default at the pace of the label's horizon."""
    own, horizon = config.trading, config.model.hist(config.trading).horizon
    days = own.tranche_days or horizon
    return Path(own.share, own.outside, days, own.pace or min(1.0, own.rebalance_days / days))


def keep_books(
    config: RunConfig,
    inputs: Inputs,
    scores: Mapping[str, FloatArray],
    rules: Rules,
    forecasts: RiskForecasts | None,
) -> Books:
    """Simulate each arm's portfolios.

    Args:
        config: `trading.constructions` says which.
        inputs: the market.
        scores: arm -> [n_dates, n_stocks].
        rules: of trading.
        forecasts: of risk; needed for an optimised portfolio.

    Raises:
        RunError: an optimised portfolio without forecasts of risk.
    """
    desk = Desk(inputs.market, rules, forecasts, bounds_of(config), path_of(config))
    results: dict[Portfolio, PortfolioResult] = {}
    told = []
    for one in portfolios(scores, config.trading.constructions):
        made = Made.by(CONSTRUCTIONS[one.construction].books(scores[one.arm], desk))
        results[one] = made.book
        if made.decisions is not None:
            told.append(made.decisions.assign(variant=one.name)[["variant", *made.decisions]])
    empty = pd.DataFrame(columns=["variant", *DECISIONS])
    return Books(results, pd.concat(told, ignore_index=True) if told else empty)


def construction_in_words(config: RunConfig, rules: Rules) -> list[str]:
    """What the constructions do beyond the rules of trading, for the timeline."""
    known = rules, bounds_of(config), path_of(config)
    return [line for name in config.trading.constructions for line in CONSTRUCTIONS[name].timeline(*known)]
