"""What a portfolio can bear: other costs and capitals, break-even, spreads net of costs, crowding."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market
from oracles.outcome_inputs import Assessed, assessed

from samgraph.factors.portfolio.paths import Path, path_weights, run_path
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.signals.plain import plain_factors
from samgraph.outcome import capacity as outcome_capacity
from samgraph.outcome.books import keep_books, trading_rules
from samgraph.outcome.capacity import (
    at_capitals,
    at_cost_multiples,
    break_even,
    capacity_tables,
    net_spreads,
    round_trip,
)
from samgraph.run.tables import TABLES

YEAR = 250.0
RULES = Rules(buy_cost=0.001, sell_cost=0.002, min_cost=0.0, lot=0.0, participation=0.0, cash=1e6)


def market() -> Any:
    """Twelve stocks, 80 days, without trouble; each trades some 30 million a day."""
    return calm_market(80, 12)


def build(rules: Rules) -> Any:
    score = np.random.default_rng(2).normal(size=(80, 12))
    return run_path("tranches", score, market(), rules, Path(0.25, 0.5, 5))


def test_other_costs_are_simulated_again() -> None:
    found = at_cost_multiples("product", RULES, build, YEAR).set_index("multiple")
    assert found.index.tolist() == [0.0, 1.0, 2.0, 4.0] and set(found["variant"]) == {"product"}
    assert found.loc[0.0, "cost"] == 0.0 and found["return"].is_monotonic_decreasing
    book = build(RULES)
    gain = book.daily["return"]
    assert found.loc[1.0, "return"] == pytest.approx(float(np.prod(1 + gain)) ** (YEAR / len(gain)) - 1)
    # the fees of each trade are twice as much; the trades themselves hardly differ
    twice = build(replace(RULES, cost_multiple=2.0)).trades
    np.testing.assert_allclose(
        twice["cost"] / twice["amount"], np.where(twice["side"] == "buy", 0.002, 0.004)
    )
    assert found.loc[2.0, "cost"] == pytest.approx(2 * found.loc[1.0, "cost"], rel=0.02)
    table = build(replace(RULES, buy_cost=None, sell_cost=None, min_cost=None, cost_multiple=3.0)).trades
    plain = build(replace(RULES, buy_cost=None, sell_cost=None, min_cost=None)).trades
    first = slice(0, 3)  # before what costs took moves the trades
    ratio = (table["cost"] / table["amount"])[first] / (plain["cost"] / plain["amount"])[first]
    np.testing.assert_allclose(ratio, 3.0, rtol=0.01)


def test_at_the_break_even_cost_the_mean_excess_is_nothing() -> None:
    book = build(RULES)
    found = break_even({"a": book})["a"]
    again = build(replace(RULES, cost_multiple=max(found["multiple"] or 0.0, 0.0)))
    gross = float(build(replace(RULES, cost_multiple=0.0)).daily["excess_return"].mean())
    if gross > 0:  # at the multiple that was found nothing is left of it
        assert abs(float(again.daily["excess_return"].mean())) < 0.05 * gross
    else:
        assert found["multiple"] < 0
    assert found["rate"] == pytest.approx(found["paid"] * found["multiple"])
    assert 0.001 < found["paid"] < 0.002


def test_break_even_by_hand() -> None:
    """1% gained over the benchmark after 0.5% of costs on 200% traded: three times the costs, 75 basis points."""
    daily = pd.DataFrame(
        {"value": [1.0], "return": [0.0], "excess_return": [0.01], "cost": [0.005], "turnover": [1.0]}
    )
    found = break_even(
        {"a": SimpleNamespace(daily=daily), "b": SimpleNamespace(daily=daily.assign(cost=0.0, turnover=0.0))}
    )  # type: ignore[dict-item]
    assert found["a"] == pytest.approx({"multiple": 3.0, "rate": 0.0075, "paid": 0.0025})
    assert found["b"] == {"multiple": None, "rate": None, "paid": None}


def test_more_money_pays_more_impact_and_reaches_the_cap() -> None:
    found = at_capitals("product", replace(RULES, participation=0.1), build, YEAR)
    assert found["capital"].tolist() == [1e5, 1e6, 1e7, 1e8]
    assert found["impact"].iloc[:3].is_monotonic_increasing and found["cut"].is_monotonic_increasing
    assert found["invested"].iloc[-1] < found["invested"].iloc[0]
    assert (found["impact"] < found["cost"]).all() and found["cut"].between(0, 1).all()


def test_spreads_net_of_costs_by_hand() -> None:
    """Two days, a horizon of 10: 3% and 1% of spread; half and 30% replaced at 0.4%; 10% a year to borrow."""
    days = pd.bdate_range("2024-01-01", periods=2)
    rows = [(day, q, q * (0.015 if n == 0 else 0.005)) for n, day in enumerate(days) for q in (1, 2, 3)]
    quantiles = pd.DataFrame(rows, columns=["date", "quantile", "mean_return"]).assign(
        factor="score", horizon=10, n=[1, 2, 1] * 2
    )
    turnover = pd.DataFrame(
        {"date": days, "factor": "score", "lag": 10, "turnover_low": [0.4, 0.6], "turnover_high": 0.3}
    )
    found = net_spreads(quantiles, turnover, 0.004, 0.1, YEAR).iloc[0]
    assert found["spread"] == pytest.approx(0.02) and found["borrow"] == pytest.approx(0.1 * 10 / 250)
    assert found["costs"] == pytest.approx(0.004 * 0.8)
    assert found["net"] == pytest.approx(0.02 - 0.0032 - 0.004)
    assert found["top"] == pytest.approx(0.01) and found["top_net"] == pytest.approx(0.01 - 0.0012)


def test_a_round_trip_is_a_purchase_and_a_sale() -> None:
    assert round_trip(market(), RULES, slice(10, 40)) == pytest.approx(0.003)


@pytest.fixture(scope="module")
def run() -> Assessed:
    return assessed()


def test_a_run_is_simulated_again_by_its_own_construction(
    run: Assessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of one time the costs are the books; a short test has no such tables."""
    inputs, config = run.inputs, run.config
    scores = {"product": np.random.default_rng(3).normal(size=inputs.market.close.shape)}
    rules = trading_rules(config, inputs)
    desk = config.model_copy(update={"trading": config.trading.model_copy(update={"construction": "topk"})})
    kept = keep_books(desk, inputs, scores, rules, None)
    assert capacity_tables(desk, inputs, kept, scores, rules, YEAR) == {}
    monkeypatch.setattr(outcome_capacity, "FEWEST_DAYS", 40)
    found = capacity_tables(desk, inputs, kept, scores, rules, YEAR)
    book = kept.first("product")
    row = found["cost_multiples"].set_index("multiple").loc[1.0]
    gain = book.daily["return"]
    assert row["return"] == pytest.approx(float(np.prod(1 + gain)) ** (YEAR / len(gain)) - 1)
    assert found["capacity"]["capital"].tolist() == [1e7, 1e8, 1e9, 1e10]
    for name, frame in found.items():
        assert tuple(frame.columns) == TABLES[name].columns


def test_crowding_stock_by_stock(run: Assessed) -> None:
    """Of some days and factors: the smaller of both weights, added up."""
    market, table = run.inputs.market, run.tables["crowding"]
    assert set(table["variant"]) == {"product", "product_optimised"}
    plain = plain_factors(market, run.inputs.products)
    rules, test = Rules(every=3), run.inputs.test
    for factor in ("reversal_5", "small_size"):
        score = np.full(market.close.shape, np.nan)
        score[test] = plain[factor][test]
        wanted = path_weights("tranches", score, market, rules, Path(0.1, 0.2, 5))
        rows = table[(table["variant"] == "product") & (table["factor"] == factor)]
        assert len(rows) > 5
        for row in rows.iloc[::4].to_dict("records"):
            t = market.dates.get_loc(row["date"])
            held = run.tables["holdings"]
            held = held[(held["variant"] == "product") & (held["date"] == row["date"])]
            whole = held["value"].sum()
            expected = sum(
                min(value / whole, np.nan_to_num(wanted[t - 1, market.stocks.index(company)]))
                for company, value in zip(held["company_id"], held["value"], strict=True)
            )
            assert row["overlap"] == pytest.approx(expected, abs=1e-12)
            assert 0.0 <= row["by_chance"] <= 1.0


def test_tilts_over_time_end_with_those_of_the_last_day(run: Assessed) -> None:
    history, last = run.tables["tilt_history"], run.tables["tilts"]
    own = history[history["date"] == history["date"].max()].set_index(["kind", "factor"])
    for row in last.to_dict("records"):
        if np.isfinite(row["portfolio"]):
            found = own.loc[(row["kind"], row["factor"])]
            assert found[["portfolio", "universe", "active"]].tolist() == pytest.approx(
                [row["portfolio"], row["universe"], row["active"]], abs=1e-12
            )
    industries = history[history["kind"] == "industry"].groupby("date")[["portfolio", "universe"]].sum()
    np.testing.assert_allclose(industries, 1.0, atol=1e-12)


def test_net_spreads_of_a_run_are_its_quantiles_less_costs(run: Assessed) -> None:
    table, decay = run.tables["net_spreads"], run.tables["decay"]
    both = table.merge(decay, on=["factor", "horizon"], suffixes=("", "_decay"))
    assert len(both) == len(table) == len(decay)
    np.testing.assert_allclose(both["spread"], both["spread_decay"], atol=1e-12)
    np.testing.assert_allclose(table["net"], table["spread"] - table["costs"] - table["borrow"], atol=1e-15)
