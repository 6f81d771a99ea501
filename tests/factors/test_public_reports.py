"""What public reports tell of other tools, tried here where no other test did (the table of docs/mistakes.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles.markets import calm_market
from oracles.reports import REPORTS

from samgraph.errors import ModelError
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.evaluation.inference import mean_test
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import run_topk
from samgraph.factors.regression.fama_macbeth import fama_macbeth
from samgraph.factors.risk.covariance import factor_covariance

TESTS = Path(__file__).resolve().parents[1]
N_DATES, N_STOCKS = 60, 50
RNG = np.random.default_rng(0)
THREE = RNG.integers(-1, 2, (N_DATES, N_STOCKS)).astype(float)
RETURNS = 0.01 * RNG.normal(size=(N_DATES, N_STOCKS)) + 0.002 * THREE
DATES = pd.bdate_range("2020-01-01", periods=N_DATES)
STOCKS = [f"s{i:02d}" for i in range(N_STOCKS)]


def test_every_report_names_the_test_that_holds_it() -> None:
    assert len({report for report, *_ in REPORTS}) == len(REPORTS) >= 20
    for *_, held in REPORTS:
        file, name = held.split("::")
        found = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
        assert name in {node.name for node in found if isinstance(node, ast.FunctionDef)}, held


def test_equal_values_share_a_quantile_and_a_constant_factor_has_no_ic() -> None:
    found = evaluate({"three": THREE, "same": np.ones_like(THREE)}, {1: RETURNS}, DATES, STOCKS)
    day = found.quantiles[found.quantiles["date"] == DATES[0]].set_index(["factor", "quantile"])["n"]
    assert day["three"].tolist().count(0) == 2
    assert sorted(n for n in day["three"] if n) == sorted(int((THREE[0] == v).sum()) for v in (-1, 0, 1))
    assert day["same"].tolist() == [50, 0, 0, 0, 0]
    ic = found.decay.set_index("factor")["rank_ic"]
    assert ic["three"] > 0.05 and np.isnan(ic["same"])


def test_a_single_stock_has_no_ic() -> None:
    found = evaluate({"x": THREE[:, :1]}, {1: RETURNS[:, :1]}, DATES, STOCKS[:1])
    assert found.decay[["ic", "rank_ic"]].isna().all(axis=None)


def drawdown(returns: list[float]) -> tuple[float, float]:
    """Of the value, and of the excess over a benchmark that stands still."""
    daily = np.array(returns)
    frame = pd.DataFrame(
        {"date": DATES[: len(daily)], "value": np.cumprod(1 + daily), "return": daily, "excess_return": daily}
    ).assign(benchmark_return=0.0, turnover=0.0, cost=0.0)
    found = performance(frame, 252.0)
    return found.value_max_drawdown, found.max_drawdown


def test_a_drawdown_counts_the_first_day_and_is_a_share_of_the_peak() -> None:
    assert drawdown([-0.10, 0.75 / 0.90 - 1, 0.0, 0.1]) == pytest.approx((-0.25, -0.25))
    assert drawdown([0.10] * 24 + [-0.30]) == pytest.approx((-0.30, -0.30))
    assert drawdown([-0.5, 0.1]) == pytest.approx((-0.5, -0.5))


def test_too_little_money_for_a_lot_buys_nothing_and_every_figure_is_there() -> None:
    market = calm_market(30, 12, 0)
    done = run_topk(RNG.normal(size=(30, 12)), market, Rules(top=5, drop=1, cash=100.0))
    assert len(done.trades) == 0 and (done.daily["value"] == 100.0).all()
    figures = performance(done.daily)
    assert (figures.return_, figures.cost, figures.turnover, figures.value_max_drawdown) == (
        0.0,
        0.0,
        0.0,
        0.0,
    )
    assert np.isfinite([figures.excess_return, figures.information_ratio]).all()


def test_a_regressor_alike_for_all_stocks_of_a_day_is_refused() -> None:
    macro = np.repeat(RNG.normal(size=(N_DATES, 1)), N_STOCKS, axis=1)
    with pytest.raises(ModelError, match="macro is determined by constant"):
        fama_macbeth(RETURNS, {"x": RNG.normal(size=RETURNS.shape), "macro": macro})


def test_days_on_which_a_dummy_is_the_same_for_all_are_left_out_and_counted() -> None:
    x = RNG.normal(size=RETURNS.shape)
    dummy = np.where(np.arange(N_DATES)[:, None] < 20, 0.0, RNG.integers(0, 2, RETURNS.shape))
    found = fama_macbeth(RETURNS, {"x": x, "dummy": dummy})
    later = fama_macbeth(RETURNS[20:], {"x": x[20:], "dummy": dummy[20:]})
    assert len(found.deficiencies) == 20 and len(later.deficiencies) == 0
    np.testing.assert_allclose(found.premia["premium"], later.premia["premium"], rtol=1e-9)


def test_the_error_of_an_alternating_mean_is_a_number() -> None:
    found = mean_test(np.tile([1.0, -1.0], 100) + 0.01)
    assert found.mean == pytest.approx(0.01) and found.se > 0.0 and 0.0 < found.p_value < 1.0


def test_a_covariance_of_more_factors_than_days_is_positive_definite() -> None:
    found = factor_covariance(0.01 * RNG.normal(size=(80, 300)))
    assert np.linalg.eigvalsh(found).min() > 0.0
