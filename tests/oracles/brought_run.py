"""Tables of a run by hand: what two portfolios held and owe to products, and a risk model, on four days of 2021."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from samgraph.config import RunConfig
from samgraph.run.folder import RunFolder

DAYS = pd.to_datetime(["2021-06-28", "2021-06-29", "2021-06-30", "2021-07-01"])
ALLOCATION = (
    0.01,
    -0.002,
    0.003,
    0.5,
)  # of product R in the main portfolio; the last day is later than 2021-06-30
SELECTION = (0.001, 0.0, 0.004, -0.25)
EXCESS = (0.02, 0.01, -0.01, 0.25)
WEIGHTS = (0.4, 0.0, 0.6, 0.9)  # of 1.SZ
EXPOSURES = {"1.SZ": (0.8, 1.0), "2.SZ": (0.3, -0.5)}  # to product A and to size, on 2021-06-29
COVARIANCE = {("market", "market"): 1e-4, ("market", "size"): 1e-5, ("size", "size"): 4e-5, ("A", "A"): 9e-5}
SPECIFIC = {"1.SZ": 2e-4, "2.SZ": 3e-4}
YEAR = 250.0


def tables() -> dict[str, pd.DataFrame]:
    """The tables by name, with the columns that are asked for."""
    effects = [
        ("R", "allocation", ALLOCATION),
        ("R", "selection", SELECTION),
        ("L", "allocation", (0.1,) * 4),
    ]
    attribution = [
        ("product", day, "product", effect, group, value)
        for group, effect, values in effects
        for day, value in zip(DAYS, values, strict=True)
        if value != 0.0
    ] + [
        ("product", DAYS[0], "industry", "allocation", "R", 9.0),
        ("gru", DAYS[1], "product", "selection", "R", 0.125),
    ]
    linked = [
        ("product", "all", "product", 1, "R", 0.6, 0.5, 0.2, 0.1, 0.3),
        ("product", "all", "product", 2, "A", 0.4, 0.3, 0.05, 0.02, 0.07),
        ("product", "all", "product", 3, "A", 0.4, 0.3, 0.05, 0.02, 0.07),
        ("product", "2021", "product", 2, "A", 0.4, 0.3, 9.0, 9.0, 9.0),
        ("product", "all", "stock", 1, "1.SZ", 0.475, 0.25, None, None, 0.21),
    ]
    exposures = [
        row
        for stock, (product, size) in EXPOSURES.items()
        for row in (
            (DAYS[1], DAYS[1], stock, "style", "size", size),
            (DAYS[3], DAYS[3], stock, "style", "size", 7.0),
            (DAYS[0], DAYS[2], stock, "product", "A", product),
            (DAYS[3], DAYS[3], stock, "product", "A", 7.0),
        )
    ]
    covariance = [(day, a, b, scale * value) for day, scale in ((DAYS[0], 1.0), (DAYS[3], 50.0))
                  for (a, b), value in COVARIANCE.items()]  # fmt: skip
    specific = [(day, stock, scale * value) for day, scale in ((DAYS[0], 1.0), (DAYS[3], 50.0))
                for stock, value in SPECIFIC.items()]  # fmt: skip
    books = {
        name: pd.DataFrame({"variant": name, "date": DAYS, "excess_return": excess})
        for name, excess in (("product", EXCESS), ("gru", (0.0, 0.125, 0.0, 0.0)))
    }
    held = [("product", day, "1.SZ", weight) for day, weight in zip(DAYS, WEIGHTS, strict=True) if weight]
    scores = [("product", 0, day, "1.SZ", 0.1, 0.1, 0.1, 0.3) for day in DAYS]
    effect = ["allocation", "selection", "contribution"]
    return {
        "portfolio": pd.concat(books.values(), ignore_index=True),
        "attribution": pd.DataFrame(
            attribution, columns=["variant", "date", "by", "effect", "group", "contribution"]
        ),
        "attribution_linked": pd.DataFrame(
            linked,
            columns=["variant", "period", "by", "level", "group", "weight", "benchmark_weight", *effect],
        ),
        "holdings": pd.DataFrame(
            [*held, ("gru", DAYS[3], "1.SZ", 1.0)], columns=["variant", "date", "company_id", "weight"]
        ),
        "predictions": pd.DataFrame(
            scores,
            columns=["variant", "seed", "date", "company_id", "concept", "hidden", "individual", "score"],
        ),
        "exposures": pd.DataFrame(
            exposures, columns=["first", "last", "company_id", "kind", "factor", "exposure"]
        ),
        "covariance": pd.DataFrame(covariance, columns=["date", "factor_a", "factor_b", "covariance"]),
        "specific_risk": pd.DataFrame(specific, columns=["date", "company_id", "variance"]),
        "risk_factors": pd.DataFrame(
            {
                "factor": ["market", "size", "A"],
                "kind": ["market", "style", "product"],
                "name": ["market", "size", "EV"],
            }
        ),
    }


def run_of(kept: dict[str, pd.DataFrame]) -> Any:
    """The tables as a run's folder that is open."""

    run = SimpleNamespace(
        folder="run",
        has=lambda *names: set(names) <= set(kept),
        table=kept.__getitem__,
        days_a_year=YEAR,
        config=RunConfig(
            data=Path("data"), universe="ALL", start=dt.date(2021, 1, 1), end=dt.date(2021, 7, 1)
        ),
    )
    run.day = lambda as_of, dates: RunFolder.day(run, as_of, dates)
    return run
