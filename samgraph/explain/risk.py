"""The risk model that a run kept, as of a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.factors.risk.model import RiskModel
from samgraph.run.folder import RunFolder


def risk_of_day(run: RunFolder, as_of: pd.Timestamp | None = None) -> tuple[RiskModel, pd.Timestamp]:
    """The model of the last day up to `as_of` (of the run's last day if None), and when its covariances were estimated.

    Its stocks are the universe's members on that day, in the order of their ids. Nothing later is in it.

    Raises:
        RunError: a table is missing, or the run knows nothing by that day
    """
    exposures, covariance = run.table("exposures"), run.table("covariance")
    date = run.day(as_of, exposures.loc[exposures["kind"] == "style", "first"])
    estimated = run.day(date, covariance["date"])
    rows = exposures[(exposures["first"] <= date) & (exposures["last"] >= date)]
    stocks = sorted(rows.loc[rows["kind"] == "style", "company_id"].unique())
    factors = run.table("risk_factors")
    place, column = pd.Index(stocks), pd.Index(factors["factor"])
    matrix = np.zeros((len(stocks), len(factors)))
    matrix[:, factors["kind"].to_numpy() == "market"] = 1.0
    kept = rows[rows["company_id"].isin(stocks)]
    matrix[place.get_indexer(kept["company_id"]), column.get_indexer(kept["factor"])] = kept["exposure"]
    part = covariance[covariance["date"] == estimated]
    a, b = column.get_indexer(part["factor_a"]), column.get_indexer(part["factor_b"])
    common = np.zeros((len(factors), len(factors)))
    common[a, b] = common[b, a] = part["covariance"]
    risk = run.table("specific_risk")
    own = risk[risk["date"] == estimated].set_index("company_id")["variance"].reindex(stocks).to_numpy()
    model = RiskModel(
        as_of=date,
        stocks=tuple(stocks),
        columns=tuple(factors["factor"]),
        kinds=tuple(factors["kind"]),
        names=tuple(factors["name"]),
        exposures=matrix,
        factor_covariance=common,
        specific_variance=own,
    )
    return model, estimated
