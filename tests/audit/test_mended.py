"""Look-aheads that the audit found once, each held where it was: quick, and without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from samgraph.config import load_config
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.factors.regression.solve import deal
from samgraph.factors.risk.covariance import factor_covariance, specific_variance
from samgraph.factors.signals.rolling import trailing_std, trailing_sum
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.outcome.books import trading_rules
from samgraph.outcome.tilts import _weights


def test_how_many_names_are_held_is_told_by_the_first_test_day(tmp_path: Any) -> None:
    config = load_config(
        None, {"data": tmp_path, "universe": "U", "start": "2019-01-01", "end": "2019-12-31"}
    )
    member = np.zeros((30, 200), dtype=bool)
    member[:, :100] = True
    member[12:] = True  # the universe doubles two days after the test begins
    found: Any = SimpleNamespace(market=SimpleNamespace(member=member), test=slice(10, 30))
    rules = trading_rules(config, found)
    assert (rules.top, rules.drop) == (20, 2)


def test_a_ridge_is_not_scaled_by_products_that_come_later() -> None:
    """A product that is deep in the taxonomy has much variance by its prior; it has no edge before day 6."""
    rng = np.random.default_rng(0)
    n_dates, n_stocks = 8, 40
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    stocks = tuple(f"s{i}" for i in range(n_stocks))
    parents = {"a": None, "b": None, "bb": "b", "bc": "bb", "bd": "bc", "be": "bd", "c": None}
    stock, share = np.arange(n_stocks), rng.uniform(0.2, 1.0, n_stocks)
    kind = rng.integers(0, 3, n_stocks)
    found = []
    for columns in (("a", "b", "c"), ("a", "b", "be", "c")):
        place = np.array([columns.index(name) for name in ("a", "b", "c")])
        versions = [Edges.of(stock, place[kind], share)]
        days = np.zeros(n_dates, dtype=np.int64)
        if "be" in columns:
            versions.append(Edges.of(stock, np.where(stock < 9, columns.index("be"), place[kind]), share))
            days[6:] = 1
        series = SnapshotSeries(dates, stocks, columns, columns, days, tuple(versions))
        made = np.random.default_rng(1)
        fit = cross_sectional_regression(
            made.normal(size=(n_dates, n_stocks)),
            np.exp(made.normal(size=(n_dates, n_stocks))),
            dates,
            stocks,
            memberships=[Membership.from_series(series, parents=parents)],
            ridge=Ridge(strengths=(1.0,)),
        )
        found.append(fit.returns[:, [fit.columns.index(name) for name in ("market", "a", "b", "c")]])
    np.testing.assert_array_equal(found[0][:6], found[1][:6])
    assert not np.allclose(found[0][6:], found[1][6:])


@pytest.mark.parametrize("folds", [2, 5])
def test_a_company_is_held_out_with_the_same_fold_whoever_joins_later(folds: int) -> None:
    early = [f"s{i:03d}" for i in range(0, 200, 2)]
    every = [f"s{i:03d}" for i in range(200)]
    fold = dict(zip(every, deal(every, folds, 3), strict=True))
    assert [fold[stock] for stock in early] == deal(early, folds, 3).tolist()
    assert set(fold.values()) == set(range(folds))


def test_a_covariance_has_no_sums_over_factors_and_stocks_without_a_return_yet() -> None:
    rng = np.random.default_rng(2)
    returns = 0.01 * rng.normal(size=(80, 90))
    returns[:70, 5] = np.nan  # too few days for a variance of its own, but a return
    at = np.sort(rng.permutation(90)[:25])
    wider = np.insert(returns, at, np.nan, axis=1)
    known = ~np.isnan(wider).all(axis=0)
    assert known.sum() == 90
    np.testing.assert_array_equal(factor_covariance(wider)[np.ix_(known, known)], factor_covariance(returns))
    np.testing.assert_array_equal(specific_variance(wider)[known], specific_variance(returns))


def test_a_trailing_sum_does_not_depend_on_how_many_days_follow() -> None:
    """A window longer than the period was cut to it, and its sums then were put together in another way."""
    values = np.random.default_rng(3).normal(size=(210, 7))
    for window in (20, 230, 250):
        np.testing.assert_array_equal(
            trailing_sum(values[:209], window)[0], trailing_sum(values, window)[0][:209]
        )
        np.testing.assert_array_equal(
            trailing_std(values[:1], window, 1), trailing_std(values, window, 1)[:1]
        )


def test_concentration_does_not_depend_on_who_joins_later() -> None:
    rng = np.random.default_rng(0)
    day = pd.DataFrame({"company_id": [f"s{i:03d}" for i in range(40)], "value": rng.uniform(1e4, 1e7, 40)})
    found = []
    for stocks in (list(day["company_id"]), sorted([*day["company_id"], *(f"s{i:03d}x" for i in range(37))])):
        inputs: Any = SimpleNamespace(market=SimpleNamespace(stocks=tuple(stocks)))
        weights = pd.Series(_weights(inputs, day), index=stocks)
        found.append(weights[day["company_id"]].to_numpy())
    np.testing.assert_array_equal(found[0], found[1])
