"""Figures of a portfolio against a slow reading of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from samgraph.errors import RunError
from samgraph.factors.evaluation.performance import performance


def daily(seed: int, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    gain, market = rng.normal(0.0005, 0.012, n), rng.normal(0.0002, 0.01, n)
    value = 1e6 * np.cumprod(1 + gain)
    return pd.DataFrame(
        {
            "value": value,
            "return": gain,
            "benchmark_return": market,
            "cost": rng.uniform(0, 1e-3, n) * value,
            "turnover": rng.uniform(0, 0.1, n),
        }
    )


@pytest.mark.parametrize("days_a_year", [252.0, 242.3])
def test_figures_follow_their_definitions(days_a_year: float) -> None:
    table = daily(0)
    figures = performance(table, days_a_year)
    years = len(table) / days_a_year
    growth = (table["value"].iloc[-1] / 1e6) ** (1 / years) - 1
    market = math.prod(1 + r for r in table["benchmark_return"]) ** (1 / years) - 1
    excess = table["return"] - table["benchmark_return"]
    assert figures.return_ == pytest.approx(growth, rel=1e-12)
    assert figures.benchmark_return == pytest.approx(market, rel=1e-12)
    assert figures.compound_excess_return == pytest.approx(growth - market, rel=1e-12)
    assert figures.excess_return == pytest.approx(excess.mean() * days_a_year, rel=1e-12)
    assert figures.tracking_error == pytest.approx(excess.std() * days_a_year**0.5, rel=1e-12)
    assert figures.information_ratio == pytest.approx(
        excess.mean() / excess.std() * days_a_year**0.5, rel=1e-12
    )
    assert figures.volatility == pytest.approx(table["return"].std() * days_a_year**0.5, rel=1e-12)
    assert figures.turnover == pytest.approx(table["turnover"].sum() / years, rel=1e-12)
    before = [1e6, *table["value"][:-1]]
    assert figures.cost == pytest.approx(sum(table["cost"] / before) / years, rel=1e-12)
    curve = [1e6, *table["value"]]
    index = [1.0]
    for r in table["benchmark_return"]:
        index.append(index[-1] * (1 + r))
    over = [a / b for a, b in zip(curve, index, strict=True)]
    below = min(b / a - 1 for i, a in enumerate(over) for b in over[i:])
    assert figures.max_drawdown == pytest.approx(below, rel=1e-10)
    worst = min(b / a - 1 for i, a in enumerate(curve) for b in curve[i:])
    assert figures.value_max_drawdown == pytest.approx(worst, rel=1e-10)


def test_drawdowns_of_a_hand_made_path() -> None:
    table = daily(0, 4).assign(**{"return": [0.1, -0.2, 0.05, 0.3], "benchmark_return": [0.0, 0.1, 0.0, 0.0]})
    figures = performance(table)
    # value over benchmark: 1.1, 0.88 / 1.1 = 0.8, 0.84, 1.092; the sum of daily excess returns fell by 0.3
    assert figures.max_drawdown == pytest.approx(0.8 / 1.1 - 1)
    assert figures.value_max_drawdown == pytest.approx(-0.2)


def test_a_year_is_that_of_the_table_s_own_days() -> None:
    """474 days in 1.957 years are 242 a year, as the Shanghai exchange trades; a short table tells nothing."""
    days = pd.DatetimeIndex(pd.date_range("2024-05-23", "2026-05-07", periods=474)).normalize()
    table = daily(0, 474).assign(date=days)
    year = 473 / (days[-1] - days[0]).days * 365.25
    assert year == pytest.approx(242, abs=0.5)
    assert performance(table) == performance(table.drop(columns="date"), year)
    assert performance(table.iloc[:100]) == performance(table.iloc[:100].drop(columns="date"), 252.0)


def test_json_names_and_missing_figures() -> None:
    table = daily(0, 5).assign(benchmark_return=lambda t: t["return"])
    figures = performance(table).as_dict()
    assert figures["return"] == performance(table).return_
    assert figures["information_ratio"] is None
    assert figures["excess_return"] == 0.0


def test_one_day_has_no_deviation() -> None:
    assert math.isnan(performance(daily(0, 1)).tracking_error)


@pytest.mark.parametrize("table", [daily(0, 0), daily(0, 3).assign(benchmark_return=[0.0, np.nan, 0.0])])
def test_nothing_is_made_of_missing_returns(table: pd.DataFrame) -> None:
    with pytest.raises(RunError, match="cannot be computed"):
        performance(table)
