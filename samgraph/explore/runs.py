"""What a run says of a company or a product by a day: scores, explanations, factor returns. Later rows are not told."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.explain.scores import RunModels
from samgraph.explore.brought import Brought
from samgraph.explore.tables import Column, table
from samgraph.graph.db.asof import AsOf
from samgraph.run.folder import RunFolder

CONSTANT = (
    "A score is the sum of its parts and of a constant, the same for all stocks, which changes no rank."
)


class RunAnswers:
    """A finished run that is asked again and again."""

    def __init__(self, folder: Path) -> None:
        """Open the run.

        Raises:
            RunError: it is not a finished run, or was changed
        """
        self.run = RunFolder.open(folder)
        self.folder = folder

    @cached_property
    def brought(self) -> Brought:
        """What its portfolios owe to products and companies."""
        return Brought(self.run)

    @cached_property
    def _constant(self) -> str:
        """Why the parts of a score do not add up to it, where they would but for that."""
        exact = self.run.config.model.hist(self.run.config.trading).split == "exact"
        return CONSTANT if exact else ""

    @cached_property
    def _scores(self) -> pd.DataFrame:
        """Means over seeds by company, variant and day."""
        parts = ["concept", "hidden", "individual", "score"]
        return (
            self.run.table("predictions")
            .groupby(["company_id", "variant", "date"])[parts]
            .mean()
            .sort_index()
        )

    @cached_property
    def _ranks(self) -> pd.Series:
        ranked = (
            self._scores["score"].groupby(level=["variant", "date"]).rank(ascending=False, method="first")
        )
        return ranked.rename("rank")

    @cached_property
    def _returns(self) -> pd.DataFrame:
        return self.run.table("factor_returns") if self.run.has("factor_returns") else pd.DataFrame()

    @cached_property
    def _models(self) -> RunModels:
        return RunModels(self.folder)

    def about(self) -> dict[str, Any]:
        """The run in a few words: name, universe, first and last scored day, its moment of knowledge."""
        dates = self.run.table("predictions")["date"]
        return {
            "name": self.folder.resolve().name,
            "universe": self.run.config.universe,
            "first": str(dates.min().date()),
            "last": str(dates.max().date()),
            "known": self.run.manifest.get("known"),
        }

    def scores(self, company: str, as_of: AsOf) -> dict[str, Any]:
        """The company's scores up to the day, for a chart, and the last of each model as a table."""
        if company not in self._scores.index.get_level_values(0):
            return {
                "note": "The run has no score of this company: it was never a member on a test day.",
                "last": None,
            }
        own = self._scores.loc[company].join(self._ranks.loc[company]).reset_index()
        own = own[own["date"] <= pd.Timestamp(as_of.valid)]
        if own.empty:
            return {"note": f"The run has no score of this company up to {as_of.valid}.", "last": None}
        order = {name: place for place, name in enumerate(self.run.config.variants)}
        last = (
            own.sort_values("date")
            .groupby("variant")
            .tail(1)
            .sort_values("variant", key=lambda v: v.map(order))
        )
        base = own[own["variant"] == BASE] if (own["variant"] == BASE).any() else own
        columns = [
            Column("variant", "model"),
            Column("date", "day", "day"),
            Column("score", "score", "number"),
        ]
        columns += [Column(part, part, "number") for part in ("concept", "hidden", "individual")]
        return {
            "note": "",
            "last": str(base["date"].max().date()),
            "chart": {
                "title": f"Score by the {base['variant'].iloc[0]} model, mean of the seeds",
                "days": [str(day.date()) for day in base["date"]],
                "lines": {"score": [float(value) for value in base["score"]]},
            },
            "table": table(
                "scores",
                "Last score of each model",
                last,
                [*columns, Column("rank", "rank", "whole")],
                note=self._constant,
            ),
        }

    def explanation(self, company: str, day: str) -> dict[str, Any]:
        """Why the company scored as it did on a test day; the models are applied once more.

        Raises:
            RunError: no test day
        """
        found = self._models.day(pd.Timestamp(day)).explain(company)
        split = pd.DataFrame(
            [{key: found.split[key] for key in ("score", "concept", "hidden", "individual")}]
        )
        numbers = [Column(key, key, "number") for key in split.columns]
        attention, revenue = (
            Column("attention", "attention", "share"),
            Column("revenue", "share of revenue", "share"),
        )
        concept = Column("name", "concept", "product", "concept_id")
        alike = [
            Column("name", "company", "company", "company_id"),
            Column("similarity", "similarity", "number"),
        ]
        return {
            "title": f"{found.name}: rank {found.split['rank']:.0f} of {found.split['stocks']:.0f} on {found.date}",
            "tables": [
                table("split", "The score and its parts", split, numbers, note=self._constant),
                table(
                    "concepts", "Concepts that it attends to", found.concepts, [concept, attention, revenue]
                ),
                table("neighbours", "Companies that the model finds alike", found.neighbours, alike),
            ],
        }

    def factor_return(self, path: list[str], as_of: AsOf) -> dict[str, Any]:
        """The cumulative factor return of the nearest product of a path (root first) that the run has a factor of.

        Only returns that had been earned by the day are told.
        """
        if self._returns.empty:
            return {"note": "The run has no factor returns.", "chart": None}
        rows = self._returns[(self._returns["kind"] == "product")]
        if "return_date" in rows:
            rows = rows[rows["return_date"] <= pd.Timestamp(as_of.valid)]
        for factor in reversed(path):
            own = rows[rows["factor"] == factor]
            if own.empty:
                continue
            model = "both" if (own["model"] == "both").any() else str(own["model"].iloc[0])
            own = own[own["model"] == model].sort_values("return_date")
            return {
                "note": f"Factor return of {own['name'].iloc[0]} ({factor}) in the regression {model!r}, summed over "
                f"the {len(own)} days up to {own['return_date'].iloc[-1].date()} on which it has one."
                + ("" if factor == path[-1] else " The run has none of this product itself."),
                "chart": {
                    "title": "Cumulative factor return",
                    "days": [str(day.date()) for day in own["return_date"]],
                    "lines": {
                        "sum of daily factor returns": [float(v) for v in own["factor_return"].cumsum()]
                    },
                },
            }
        return {
            "note": "The run has no factor return of this product, or of one above it, up to the day.",
            "chart": None,
        }
