"""What the portfolios are held against: the index, its twin of the other kind, and the universe by weights of its own.

The universe by equal and by cap weights stands beside every run: a portfolio that does not beat what anybody gets who
buys all members has chosen nothing. The cap-weighted row is the optimiser's benchmark, and its tracking error says how
near to the index that is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from samgraph.exchange.access import marks
from samgraph.factors.portfolio.benchmark import (
    benchmark_returns,
    equal_weights,
    missing_levels,
    universe_weights,
    weighted_returns,
    weights_in_words,
)
from samgraph.run.inputs import Inputs

UNIVERSE = "universe"
EQUAL, CAPS = "universe_equal", "universe_caps"
IN_WORDS = {"total_return": "total return", "price": "price index, without dividends"}


def benchmark_table(inputs: Inputs, daily: pd.DataFrame, price: str) -> pd.DataFrame:
    """Daily returns of everything that the portfolios are held against, on the days of the books.

    Args:
        inputs: the run's.
        daily: date and benchmark_return of any of its portfolios.
        price: execution price; at the close all start at the close of the first day.

    Returns:
        date, benchmark, kind (total_return, price), return; the run's benchmark first.
    """
    market, dates = inputs.market, pd.DatetimeIndex(daily["date"])
    rows = market.dates.get_indexer(dates)
    total = marks(market).total
    name, kind = benchmark_name(inputs)
    series = [(name, kind, daily["benchmark_return"].to_numpy(dtype=np.float64))]
    for index in inputs.indexes[1:]:
        twin = replace(market, benchmark=index.level)
        ends = (rows[0] - (price != "close"), market.n_dates - 1)
        if not np.isin(ends, missing_levels(twin, ends[0])).any():
            series.append((index.name, index.kind, benchmark_returns(twin, total, int(rows[0]), price)[rows]))
    for own, weights in ((EQUAL, equal_weights(market)), (CAPS, universe_weights(market))):
        gain = weighted_returns(market, total, weights)[rows]
        if price == "close":
            gain[0] = 0.0
        series.append((own, "total_return", gain))
    return pd.concat(
        pd.DataFrame({"date": dates, "benchmark": own, "kind": what, "return": gain})
        for own, what, gain in series
    ).reset_index(drop=True)


def benchmark_name(inputs: Inputs) -> tuple[str, str]:
    """Name and kind of a run's benchmark; the universe itself where the dataset has no index."""
    return (inputs.indexes[0].name, inputs.indexes[0].kind) if inputs.indexes else (UNIVERSE, "total_return")


def benchmark_summary(inputs: Inputs, table: pd.DataFrame, year: float) -> dict[str, Any]:
    """For summary.json: by name its kind, annualised return (compounded), and arithmetic excess and tracking error
    against the run's benchmark; of the cap-weighted universe, what its weights are.
    """
    main = table["benchmark"].iloc[0]
    wide = table.pivot_table(index="date", columns="benchmark", values="return", sort=False)
    found: dict[str, Any] = {}
    for name, kind in table.drop_duplicates("benchmark")[["benchmark", "kind"]].itertuples(index=False):
        gain, gap = wide[name].to_numpy(), (wide[name] - wide[main]).to_numpy()
        found[name] = {
            "kind": kind,
            "return": math.pow(float(np.prod(1.0 + gain)), year / len(gain)) - 1.0,
            "excess_return": float(gap.mean()) * year,
            "tracking_error": float(gap.std(ddof=1)) * math.sqrt(year) if len(gap) > 1 else None,
        }
    found[CAPS]["weights"] = weights_in_words(inputs.market, inputs.test)
    return {"main": main, "rows": found}


def benchmark_in_words(inputs: Inputs) -> str:
    """A sentence for the timeline."""
    name, kind = benchmark_name(inputs)
    if name == UNIVERSE:
        return (
            "The benchmark is the universe itself (total return): its members weighted by the market caps of the day "
            "before, for the dataset has no index of the universe's name."
        )
    beside = "".join(
        f"; {index.name} ({IN_WORDS[index.kind]}) stands beside it" for index in inputs.indexes[1:]
    )
    return f"The benchmark is {name} ({IN_WORDS[kind]}){beside}. Holdings reinvest their dividends."
