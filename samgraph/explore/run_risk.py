"""What a run's risk model says of a list of holdings as of a day."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from samgraph.explain.risk import risk_of_day
from samgraph.explore.tables import Column, table
from samgraph.factors.risk.model import Decomposition
from samgraph.graph.db.asof import AsOf
from samgraph.run.folder import RunFolder
from samgraph.words import many

SHARE = Column("share", "share of the variance", "share")


def holdings_risk_tables(
    run: RunFolder,
    holdings: pd.Series,
    as_of: AsOf,
    parents: Mapping[str, str | None],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Forecast volatility of holdings, and where it comes from: `subtitle`, `notes` and `tables`.

    Args:
        run: its risk model of the last day up to `as_of` is used.
        holdings: weights by company id; those that the model does not know are counted and left out.
        as_of: the day.
        parents: of the products of the day's taxonomy, None for a root.
        names: of the same.

    Raises:
        RunError: the run has no risk model by that day
    """
    model, estimated = risk_of_day(run, pd.Timestamp(as_of.valid))
    known = holdings[holdings.index.isin(model.stocks)]
    lost = holdings.drop(known.index)
    if known.empty:
        said = (
            f"None of the holdings is in the run's risk model of {model.as_of.date()}: no forecast of risk."
        )
        return {"subtitle": "", "notes": [said], "tables": []}
    split = model.decompose(model.weights({str(company): float(weight) for company, weight in known.items()}))
    volatility = math.sqrt(max(split.total, 0.0) * run.days_a_year)
    notes = []
    if len(lost):
        share = float(lost.abs().sum() / holdings.abs().sum())
        notes.append(
            f"The forecast leaves out {many(len(lost), 'holding')} ({share:.1%}) outside the run's universe on "
            "that day."
        )
    behind = (
        f"By the run's risk model of {model.as_of.date()}, its covariances estimated on {estimated.date()}."
    )
    return {
        "subtitle": f"forecast volatility {volatility:.1%} a year",
        "notes": notes,
        "tables": _tables(split, parents, names, behind),
    }


def _tables(
    split: Decomposition, parents: Mapping[str, str | None], names: Mapping[str, str], behind: str
) -> list[dict[str, Any]]:
    own = dict(zip(split.model.columns, split.model.names, strict=True))
    levels = split.by_level(parents, names=own | dict(names)).rename(
        columns={"node": "product_id", "name": "product"}
    )
    levels = levels[(levels["exposure"] != 0.0) | (levels["variance"] != 0.0)]
    others = split.factors().query("kind != 'product' and exposure != 0")
    return [
        table(
            "kinds",
            "Where its risk comes from",
            split.by_kind(),
            [Column("kind", "kind"), SHARE],
            note=f"{behind} Shares add up to 100%; a negative one hedges the rest. Specific: of each stock alone.",
        ),
        table(
            "risk",
            "Risk by product",
            levels.sort_values(["level", "share"], ascending=[True, False], kind="stable"),
            [
                Column("product", "product", "product", "product_id"),
                Column("level", "level", "whole"),
                Column("exposure", "exposure", "share"),
                SHARE,
            ],
            note="Each with everything below it, of the products of the run's regressions.",
        ),
        table(
            "factors",
            "Risk by market, industry and style",
            others,
            [
                Column("name", "factor"),
                Column("kind", "kind"),
                Column("exposure", "exposure", "number"),
                SHARE,
            ],
        ),
    ]
