"""From scores to p-value without anything to find: 200 simulated economies in which nobody can know the next return."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles.markets import calm_market
from scipy import stats

from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.topk_portfolio import run_topk

DAYS, STOCKS, PRODUCTS, LOOK_BACK = 240, 40, 8, 20
FREE = Rules(top=10, drop=3, lot=0, buy_cost=0, sell_cost=0, min_cost=0)


def p_value(seed: int) -> float:
    """Products earn common returns, industries see the main product only, scores are both's trailing returns."""
    rng = np.random.default_rng((seed, 77))
    mix = rng.dirichlet(np.full(PRODUCTS, 0.3), STOCKS)
    common = rng.normal(0, 0.012, (DAYS, 1)) + rng.standard_t(5, (DAYS, PRODUCTS)) * 0.008 @ mix.T
    returns = common + rng.normal(0, 0.015, (DAYS, STOCKS))
    close = 20 * np.cumprod(1 + returns, axis=0)
    market = replace(
        calm_market(DAYS, STOCKS, seed),
        **{name: close for name in ("open", "high", "low", "close", "vwap")},
        market_cap=close * rng.uniform(1e7, 1e9, STOCKS),
    )
    books = []
    for membership in (mix, np.eye(PRODUCTS)[mix.argmax(axis=1)]):
        groups = returns @ membership / np.maximum(membership.sum(axis=0), 1e-9)
        score = np.full(returns.shape, np.nan)
        for t in range(LOOK_BACK, DAYS):
            score[t] = membership @ groups[t - LOOK_BACK + 1 : t + 1].sum(axis=0) + rng.normal(
                0, 1e-6, STOCKS
            )
        books.append(run_topk(score, market, FREE).daily["return"].to_numpy()[1:])
    return paired_difference(books[0], books[1], n_resamples=499, seed=seed).p_value


@pytest.mark.slow
def test_p_values_of_whole_comparisons_are_uniform_where_there_is_nothing_to_find() -> None:
    p = np.array([p_value(seed) for seed in range(200)])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert (p <= 0.05).mean() <= 0.1  # 10 of 200 expected; more than 20 has a probability below 0.2%
    assert 0.4 < p.mean() < 0.6
