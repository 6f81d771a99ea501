"""How a score becomes a portfolio: the constructions that there are, and a portfolio's name.

A portfolio is a pair (arm, construction). A new construction is a class and a line in `CONSTRUCTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import RunError
from samgraph.factors.portfolio.optimise import RELAXED, Bounds
from samgraph.factors.portfolio.optimised import OptimisedBooks, optimised_books
from samgraph.factors.portfolio.paths import Path, path_books
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult, Simulation
from samgraph.factors.portfolio.topk_portfolio import topk_books
from samgraph.factors.risk.forecasts import FEWEST_DAYS, RiskForecasts
from samgraph.hist.market import Market

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Portfolio:
    """Whose scores, made into a portfolio how; `name` is what tables and the summary call it."""

    arm: str
    construction: str
    name: str

    def as_dict(self) -> dict[str, str]:
        """For summary.json."""
        return {"arm": self.arm, "construction": self.construction}


def portfolios(arms: Iterable[str], constructions: Iterable[str]) -> list[Portfolio]:
    """All pairs, construction by construction; those of the first are called as their arms are."""
    arms = list(arms)
    return [
        Portfolio(arm, construction, arm if number == 0 else f"{arm}_{construction}")
        for number, construction in enumerate(constructions)
        for arm in arms
    ]


@dataclass(frozen=True, eq=False)
class Desk:
    """What constructions share.

    Attributes:
        market: the bars; rules: of trading.
        forecasts: of risk; None where there are too few days.
        bounds: of the optimiser; path: how tranches, bands and an aim follow a score.
    """

    market: Market
    rules: Rules
    forecasts: RiskForecasts | None
    bounds: Bounds
    path: Path


@dataclass(frozen=True, eq=False)
class Made:
    """The books of a portfolio, and what its optimiser decided (None where there is none)."""

    book: PortfolioResult
    decisions: pd.DataFrame | None = None

    @classmethod
    def by(cls, books: Simulation) -> Made:
        """Take books through all days."""
        book = books.run()
        return cls(book, books.decided if isinstance(books, OptimisedBooks) else None)


class Construction(Protocol):
    """One way from a score to a portfolio.

    Attributes:
        words: what it is, in a few words.
        dash: of its lines in pictures, as plotly names them.
    """

    @property
    def words(self) -> str: ...
    @property
    def dash(self) -> str | None: ...

    def books(self, score: FloatArray, desk: Desk) -> Simulation:
        """The portfolio of a score [n_dates, n_stocks] before its first day: to be simulated, or to trade one evening.

        Raises:
            SamgraphError: what it lacks.
        """

    def timeline(self, rules: Rules, bounds: Bounds, path: Path) -> list[str]:
        """What is decided when, beside the rules of trading, in sentences."""


@dataclass(frozen=True)
class TopK:
    """The best K, some of them replaced at a rebalance."""

    words: str = "Top-K with drop-out"
    dash: str | None = "dash"

    def books(self, score: FloatArray, desk: Desk) -> Simulation:
        """See `samgraph.factors.portfolio.topk_portfolio`."""
        return topk_books(score, desk.market, desk.rules)

    def timeline(self, rules: Rules, bounds: Bounds, path: Path) -> list[str]:
        """How many names are replaced."""
        split = "evenly" if rules.weighting == "equal" else "by the market caps of t"
        return [
            f"{_often(rules)}, at the close of t, at most {rules.drop} of the {rules.top} names of Top-K are replaced "
            f"by the score of t; the cash is split {split}."
        ]


@dataclass(frozen=True)
class Following:
    """The top of the score at a pace of its own (`samgraph.factors.portfolio.paths`)."""

    kind: str
    words: str
    dash: str | None

    def books(self, score: FloatArray, desk: Desk) -> Simulation:
        """See `samgraph.factors.portfolio.paths`."""
        return path_books(self.kind, score, desk.market, desk.rules, desk.path)

    def timeline(self, rules: Rules, bounds: Bounds, path: Path) -> list[str]:
        """What is bought and when it is let go."""
        count = max(1, round(path.days / rules.every))
        how = {
            "tranches": f"the oldest of {count} tranches is put into the top {path.share:.0%} of the scores of t, "
            f"evenly, and held {count * rules.every} trading days",
            "bands": f"names outside the top {path.outside:.0%} of the scores of t are let go, and names of the top "
            f"{path.share:.0%} take their place",
            "aim": f"the portfolio goes {path.pace:.0%} of the way to the top {path.share:.0%} of the scores of t",
        }[self.kind]
        return [f"{_often(rules)}, at the close of t: {how} ({self.words})."]


@dataclass(frozen=True)
class Optimised:
    """Index-enhanced weights within bounds."""

    words: str = "optimised around the benchmark"
    dash: str | None = "dot"

    def books(self, score: FloatArray, desk: Desk) -> Simulation:
        """See `samgraph.factors.portfolio.optimised`."""
        if desk.forecasts is None:
            raise RunError(
                f"an optimised portfolio needs {FEWEST_DAYS} trading days of bars before the first test day for its "
                "forecast of risk; lengthen the training, or set construction = 'topk'"
            )
        return optimised_books(score, desk.market, desk.forecasts, desk.rules, desk.bounds)

    def timeline(self, rules: Rules, bounds: Bounds, path: Path) -> list[str]:
        """Its bounds, and in which order they give way."""
        order = "; ".join(name for name, _ in RELAXED if name)
        return [
            "At the close of t an optimised portfolio is chosen from the score of t, covariances estimated on days "
            f"before t, and exposures, market caps and holdings of t: {bounds.words()}. Where these cannot all be met, "
            f"they are dropped in this order: {order}; if nothing is left, holdings are kept."
        ]


CONSTRUCTIONS: dict[str, Construction] = {
    "topk": TopK(),
    "tranches": Following("tranches", "tranches held for the label's horizon", None),
    "bands": Following("bands", "bands of ranks", "dashdot"),
    "aim": Following("aim", "partial trading towards an aim", "longdash"),
    "optimised": Optimised(),
}


def _often(rules: Rules) -> str:
    return "Every trading day" if rules.every == 1 else f"Every {rules.every} trading days"


def portfolios_in(summary: dict[str, Any]) -> dict[str, Portfolio]:
    """The portfolios of a run's summary by name; of runs from before they were kept, as their names tell."""
    kept = summary.get("portfolios")
    if isinstance(kept, dict):
        return {name: Portfolio(one["arm"], one["construction"], name) for name, one in kept.items()}
    every = {one.name: one for one in portfolios(summary["variants"], CONSTRUCTIONS)}
    return {name: every[name] for name in summary["variants"]}
