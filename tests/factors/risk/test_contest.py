"""Risk models are held against each other as the formulas say, on the same stocks, with what was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from samgraph.errors import ModelError
from samgraph.factors.evaluation.diebold_mariano import diebold_mariano
from samgraph.factors.regression.cross_sectional import cross_sectional_regression, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.contest import (
    ContestSettings,
    FactorInverse,
    contest_table,
    portfolio_keys,
    shared,
    square_root,
)
from samgraph.factors.risk.contest_models import RIDGE, Arena, covered, hold_contest
from samgraph.factors.risk.forecasts import RiskForecasts
from samgraph.graph.series.snapshots import Edges

MODELS = {"product": ("product",), "industry": ("industry",), "styles": ()}


def family(kind: str, weights: np.ndarray, n_dates: int) -> Membership:
    stock, concept = np.nonzero(weights)
    names = tuple(f"{kind}{k}" for k in range(weights.shape[1]))
    edges = Edges.of(stock, concept, weights[stock, concept])
    return Membership(kind, names, names, np.zeros(n_dates, dtype=np.int64), (edges,))


def economy(seed: int = 0, n_dates: int = 240, n_stocks: int = 48) -> tuple[Arena, dict[str, Membership]]:
    """Returns driven by eight products; industry labels are another partition that says nothing."""
    rng = np.random.default_rng(seed)
    products = np.zeros((n_stocks, 8))
    products[np.arange(n_stocks), np.arange(n_stocks) % 8] = 1.0
    industries = np.zeros((n_stocks, 6))
    industries[np.arange(n_stocks), np.arange(n_stocks) // 8] = 1.0
    market, moves = rng.normal(0, 0.01, (n_dates, 1)), rng.normal(0, 0.015, (n_dates, 8))
    returns = market + moves @ products.T + rng.normal(0, 0.01, (n_dates, n_stocks))
    returns[0] = np.nan
    everyone = np.ones((n_dates, n_stocks), dtype=bool)
    arena = Arena(
        pd.bdate_range("2020-01-01", periods=n_dates),
        tuple(f"s{i}" for i in range(n_stocks)),
        returns,
        np.exp(rng.normal(size=(1, n_stocks))).repeat(n_dates, axis=0),
        everyone,
        everyone.copy(),
        {"size": np.tile(rng.normal(size=n_stocks), (n_dates, 1))},
        150,
    )
    return arena, {
        "product": family("product", products, n_dates),
        "industry": family("industry", industries, n_dates),
    }


def test_diebold_mariano_is_statsmodels_hac_with_the_small_sample_factor() -> None:
    rng = np.random.default_rng(3)
    d = np.convolve(rng.normal(0.1, 1.0, 204), np.ones(5) / 5, "valid")
    for lags in (0, 4, 9):
        hac = sm.OLS(d, np.ones(200)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
        h = lags + 1
        wanted = float(hac.tvalues[0]) * np.sqrt((201 - 2 * h + h * (h - 1) / 200) / 200)
        found = diebold_mariano(d, lags=lags)
        assert found.statistic == pytest.approx(wanted, rel=1e-10)
        assert found.p_value == pytest.approx(2 * stats.t.sf(abs(wanted), 199), rel=1e-10)
        assert found.mean == pytest.approx(d.mean()) and found.n == 200
    assert diebold_mariano(-d, lags=4).statistic == pytest.approx(-diebold_mariano(d, lags=4).statistic)
    few = diebold_mariano(d[:20])
    assert np.isnan(few.p_value) and few.n == 20


def test_factor_inverse_is_the_dense_one() -> None:
    rng = np.random.default_rng(1)
    exposures, half = rng.normal(size=(30, 5)), rng.normal(size=(5, 3))
    covariance, own = half @ half.T, rng.uniform(0.5, 2.0, 30)  # a singular factor covariance
    dense = exposures @ covariance @ exposures.T + np.diag(own)
    found, r = FactorInverse(exposures @ square_root(covariance), own), rng.normal(size=30)
    np.testing.assert_allclose(found.solve(r), np.linalg.solve(dense, r), rtol=1e-9)
    assert found.log_determinant() == pytest.approx(np.linalg.slogdet(dense)[1], rel=1e-10)
    weights = rng.normal(size=(4, 30))
    np.testing.assert_allclose(
        found.variances(weights), np.einsum("pi,ij,pj->p", weights, dense, weights), rtol=1e-9
    )
    spread = dense[2, 2] + dense[7, 7] - 2 * dense[2, 7]
    assert found.spreads(np.array([2]), np.array([7]))[0] == pytest.approx(spread, rel=1e-9)


def test_planted_products_win_and_losses_are_those_of_a_dense_oracle() -> None:
    arena, families = economy()
    arena.returns[200, 5] = np.nan
    daily = hold_contest(arena, families, MODELS, settings=ContestSettings(portfolios=20, names=6))
    table = contest_table(daily).set_index(["measure", "model"])
    for measure in ("log_likelihood", "apart"):
        row = table.loc[(measure, "product")]
        assert (
            row["gain"] > 0 and row["against"] == "industry" and row["n_days"] == 89 and row["p_value"] < 0.01
        )
        assert row["gain"] == pytest.approx(table.loc[(measure, "industry"), "loss"] - row["loss"], abs=1e-12)
    assert table.loc[("log_likelihood", "product"), "bias"] == pytest.approx(1.0, abs=0.1)
    # the 199th day's forecast by hand: dense covariance from the same regression
    fit = cross_sectional_regression(
        next_day(arena.returns),
        arena.cap,
        arena.dates,
        arena.stocks,
        memberships=[families["product"]],
        styles=arena.styles,
        ridge=RIDGE,
        folds=0,
    )
    model = RiskForecasts(fit, history=500, every=20, first=150).at(199)
    dense, r = model.covariance(), arena.returns[200]
    seen = np.isfinite(r)
    on = daily[(daily["date"] == arena.dates[199]) & (daily["model"] == "product")].set_index("measure")
    density = stats.multivariate_normal(np.zeros(seen.sum()), dense[np.ix_(seen, seen)]).logpdf(r[seen])
    assert on.loc["log_likelihood", "loss"] == pytest.approx(-density / seen.sum(), rel=1e-8)
    weights = np.linalg.solve(dense, np.ones(48))
    weights /= weights.sum()
    assert on.loc["minimum_variance", "loss"] == pytest.approx((weights @ np.nan_to_num(r)) ** 2, rel=1e-7)
    assert on.loc["minimum_variance", "forecast"] == pytest.approx(weights @ dense @ weights, rel=1e-8)
    pairs = [
        (i, j)
        for i in range(48)
        for j in range(i)
        if i % 8 == j % 8 and i // 8 != j // 8 and seen[i] and seen[j]
    ]
    q = [(r[i] - r[j]) ** 2 / (dense[i, i] + dense[j, j] - 2 * dense[i, j]) for i, j in pairs]
    assert on.loc["apart", "n"] == len(q)
    assert on.loc["apart", "loss"] == pytest.approx(np.mean(np.array(q) - np.log(q) - 1), rel=1e-8)


def test_no_forecast_sees_a_later_day() -> None:
    arena, families = economy(2)
    rule = ContestSettings(portfolios=5, names=6)
    before = hold_contest(arena, families, MODELS, settings=rule)
    changed = arena.returns.copy()
    changed[202:] *= -3.0
    after = hold_contest(replace(arena, returns=changed), families, MODELS, settings=rule)
    same = before["date"] < arena.dates[201]
    pd.testing.assert_frame_equal(before[same], after[same], check_exact=True)
    # day 201's forecast meets the changed return: its loss moves, its forecast does not
    day = before["date"] == arena.dates[201]
    assert day.any() and (before.loc[day, "loss"] != after.loc[day, "loss"]).all()
    own = day & (before["measure"] != "log_likelihood")
    pd.testing.assert_series_equal(before.loc[own, "forecast"], after.loc[own, "forecast"], check_exact=True)


def test_portfolios_last_while_stocks_come_and_go() -> None:
    rule = ContestSettings(portfolios=3)
    keys = portfolio_keys(("a", "b", "c"), rule)
    np.testing.assert_array_equal(portfolio_keys(("c", "x", "a"), rule)[:, [2, 0]], keys[:, [0, 2]])


def test_pairs_and_covered_stocks_are_those_of_both_families() -> None:
    weights = np.array([[0.6, 0.4], [0.3, 0.7], [0.0, 0.0]])
    one = family("product", weights, 2)
    np.testing.assert_allclose(shared(one, 0, 3)[:2, :2], [[1.0, 0.7], [0.7, 1.0]], rtol=1e-6)
    other = family("industry", np.eye(3), 2)
    np.testing.assert_array_equal(covered([one, other], 3), [[True, True, False]] * 2)


def test_too_few_days_are_refused_in_a_sentence() -> None:
    arena, families = economy(n_dates=61)
    with pytest.raises(ModelError, match="needs 60 days of factor returns"):
        hold_contest(replace(arena, first=59), families, MODELS)
