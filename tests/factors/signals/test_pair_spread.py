"""Spreads of pairs: planted ones are found, chance is held to its rate, statsmodels agrees, nothing later is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.unitroot.cointegration import engle_granger
from scipy.signal import lfilter
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import coint

from samgraph.factors.signals.pair_spread import MOST_LAGS, half_life, pair_spread, pair_spreads, q_values


def walks(rng: np.random.Generator, days: int, stocks: int) -> np.ndarray:
    return np.exp(np.cumsum(rng.normal(0.0, 0.02, size=(days, stocks)), axis=0))


def planted(rng: np.random.Generator, days: int, *, hedge: float, slope: float) -> np.ndarray:
    """Two prices whose log spread with this hedge is an AR(1) with this slope."""
    two = np.cumsum(rng.normal(0.0, 0.02, days))
    spread = lfilter([1.0], [1.0, -slope], rng.normal(0.0, 0.01, days))
    return np.exp(np.column_stack([hedge * two + spread, two]))


def test_a_planted_pair_is_found_among_random_walks() -> None:
    rng = np.random.default_rng(1)
    prices = np.column_stack([walks(rng, 500, 20), planted(rng, 500, hedge=0.8, slope=0.85)])
    first, other = np.triu_indices(22, k=1)
    found = pair_spreads(prices, first, other)
    best = int(found["p_value"].argmin())
    assert (first[best], other[best]) == (20, 21)
    assert found["q_value"].iloc[best] < 0.01
    assert (found["q_value"] <= 0.05).sum() == 1
    row = found.iloc[best]
    hedge = row["hedge"] if row["dependent"] == 20 else 1 / row["hedge"]
    assert hedge == pytest.approx(0.8, abs=0.08)
    assert row["half_life"] == pytest.approx(math.log(0.5) / math.log(0.85), rel=0.45)


def test_half_life_is_that_of_the_process_on_a_long_path() -> None:
    rng = np.random.default_rng(2)
    for slope in (0.5, 0.9, 0.98):
        path = lfilter([1.0], [1.0, -slope], rng.normal(size=200_000))
        assert half_life(path) == pytest.approx(math.log(0.5) / math.log(slope), rel=0.06)
    assert half_life(np.arange(50.0) ** 2) == math.inf
    assert half_life(np.tile([1.0, -1.0], 30)) == 0.0
    assert math.isnan(half_life(np.full(40, 2.0)))
    assert half_life(0.5 ** np.arange(20.0)) == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["bh", "by"])
def test_random_walks_are_found_no_more_often_than_the_stated_rate(rule: str) -> None:
    rng = np.random.default_rng(3)
    families, level, hits = 60, 0.2, 0
    for _ in range(families):
        prices = walks(rng, 250, 10)
        first, other = np.triu_indices(10, k=1)
        found = pair_spreads(prices, first[:12], other[:12], rule=rule)  # type: ignore[arg-type]
        hits += bool((found["q_value"] <= level).any())
    # Under the null every discovery is false, so the rate bounds the share of families with any: 12 of 60 expected
    # at most, and 20 are two and a half standard deviations above.
    assert hits <= 20
    assert hits >= 1 or rule == "by"  # the tests are not so timid that they find nothing at all


def test_one_way_p_values_spread_evenly_over_random_walks() -> None:
    rng = np.random.default_rng(4)
    p = [pair_spread(*walks(rng, 250, 2).T).p_value for _ in range(150)]
    # Twice the smaller of two dependent p-values: at most the level, and not far below it.
    for level in (0.1, 0.3):
        share = float(np.mean(np.array(p) <= level))
        assert share <= level + 2.5 * math.sqrt(level * (1 - level) / len(p))
        assert share >= level / 3


def test_statistics_equal_those_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    for prices in (walks(rng, 300, 2), planted(rng, 300, hedge=1.3, slope=0.8)):
        one, two = np.log(prices.T)
        ways = []
        for y, x in ((one, two), (two, one)):
            lags = engle_granger(y, x[:, None], trend="c", max_lags=MOST_LAGS, method="bic").lags
            stat, p, _ = coint(y, x, trend="c", maxlag=lags, autolag=None)
            ways.append((stat, p))
        found = pair_spread(prices[:, 0], prices[:, 1])
        stat, p = min(ways, key=lambda way: way[1])
        assert found.stat == pytest.approx(stat, rel=1e-9)
        # MacKinnon's surface of 1994 there, of 2010 here.
        assert found.p_value == pytest.approx(min(1.0, 2 * p), rel=0.05, abs=1e-4)
        x, y = (two, one) if found.dependent == 0 else (one, two)
        slope, intercept = np.polyfit(x, y, 1)
        assert found.hedge == pytest.approx(slope)
        spread = y - slope * x - intercept
        assert found.z_score == pytest.approx(spread[-1] / spread.std(ddof=1))
        assert found.correlation == pytest.approx(np.corrcoef(np.diff(one), np.diff(two))[0, 1])


def test_q_values_equal_those_of_statsmodels_and_leave_out_what_was_not_tested() -> None:
    p = np.random.default_rng(6).uniform(size=40) ** 3
    with_gaps = np.insert(p, [3, 17, 40], np.nan)
    for rule, name in (("bh", "fdr_bh"), ("by", "fdr_by")):
        q = q_values(with_gaps, rule)  # type: ignore[arg-type]
        assert np.isnan(q[[3, 18, 42]]).all()
        np.testing.assert_allclose(q[np.isfinite(q)], multipletests(p, method=name)[1])


def test_a_day_that_lacks_a_price_is_filled_by_nothing() -> None:
    rng = np.random.default_rng(7)
    prices = planted(rng, 400, hedge=0.8, slope=0.9)
    holes = prices.copy()
    holes[rng.integers(0, 399, 60), 0] = np.nan
    gone = np.isnan(holes[:, 0])
    found, without = pair_spread(*holes.T), pair_spread(*prices[~gone].T)
    assert found.days == int((~gone).sum()) == without.days
    assert (found.stat, found.hedge, found.z_score) == (without.stat, without.hedge, without.z_score)
    # Steps over a hole are no steps of a day.
    y, x = np.log(holes.T) if found.dependent == 0 else np.log(holes.T[::-1])
    spread = y - found.hedge * x
    steps = [(spread[t - 1], spread[t]) for t in range(1, 400) if not (gone[t - 1] or gone[t])]
    slope = np.polyfit(*np.array(steps).T, 1)[0]
    assert found.half_life == pytest.approx(math.log(0.5) / math.log(slope))
    holes[-1, 1] = np.nan
    assert math.isnan(pair_spread(*holes.T).z_score)
    assert math.isnan(pair_spread(*holes[:50].T).p_value)  # too few days for a test


def test_the_order_of_the_two_does_not_matter_and_one_price_twice_is_one_pair() -> None:
    rng = np.random.default_rng(8)
    prices = planted(rng, 300, hedge=0.5, slope=0.9)
    ahead, back = pair_spread(*prices.T), pair_spread(*prices.T[::-1])
    assert (ahead.p_value, ahead.hedge, ahead.half_life) == (back.p_value, back.hedge, back.half_life)
    assert ahead.dependent == 1 - back.dependent
    same = pair_spread(prices[:, 0], 3.0 * prices[:, 0])
    assert same.p_value == 0.0 and same.hedge == pytest.approx(1.0)
    assert math.isnan(pair_spread(prices[:, 0], np.full(300, 5.0)).p_value)  # a price that never moves


def test_no_pair_makes_an_empty_table() -> None:
    found = pair_spreads(np.ones((100, 3)), [], [])
    assert found.empty and "q_value" in found.columns
