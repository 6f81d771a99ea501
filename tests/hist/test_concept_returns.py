"""What concepts tell a stock leaves the stock out, sees nothing later, and reaches the concept part alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.hist_making import make_market, make_series

from samgraph.errors import ConfigError
from samgraph.hist.concept_returns import concept_returns, told_by_others
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.data import WindowData, training_inputs
from samgraph.hist.model import Hist
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window

WINDOW = Window(slice(30, 60), slice(65, 80), slice(85, 100))
SMALL = variant(
    "samgraph", hidden_size=8, epochs=2, min_epochs=1, horizon=3, burn_in=10, min_history=5,
    concept_returns=(5.0, 20.0), start="nothing",
)  # fmt: skip


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 12), st.integers(1, 6), st.floats(0.01, 10))
def test_a_stock_is_told_what_a_regression_without_it_finds(
    seed: int, n_stocks: int, n_concepts: int, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0, 1, (n_stocks, n_concepts)) * (rng.uniform(size=(n_stocks, n_concepts)) < 0.6)
    returns = rng.normal(0, 0.02, n_stocks)
    expected = []
    for i in range(n_stocks):
        others = np.arange(n_stocks) != i
        x, y = weight[others], returns[others]
        centred, target = x - x.mean(axis=0), y - y.mean()  # an intercept that nothing shrinks
        factor = np.linalg.solve(centred.T @ centred + penalty * np.eye(n_concepts), centred.T @ target)
        expected.append(weight[i] @ factor)
    found = told_by_others(weight, returns, penalty=penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


def test_a_stock_s_own_return_does_not_come_back_to_it_but_reaches_the_others() -> None:
    weight = np.array([[0.6, 0.0], [0.2, 0.5], [0.0, 0.9], [0.4, 0.4]])
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    quiet, loud = told_by_others(weight, returns), told_by_others(weight, returns + np.array([0.5, 0, 0, 0]))
    assert loud[0] == pytest.approx(quiet[0], abs=1e-12)
    assert np.abs(loud[1:] - quiet[1:]).min() > 1e-3


def test_what_is_told_on_a_day_does_not_change_with_later_days() -> None:
    market = make_market(5, 90, 12)
    series = make_series(market)
    whole = concept_returns(market, series, [5.0, 20.0])
    part = concept_returns(market.until(60), series, [5.0, 20.0])
    np.testing.assert_array_equal(whole[:60], part)


def test_a_stock_without_an_edge_is_told_nothing_and_ranks_have_mean_zero() -> None:
    market = make_market(7, 60, 14)
    series = make_series(market)
    told = concept_returns(market, series, [10.0])[:, :, 0]
    for t in range(30, 60):
        linked = np.zeros(14, dtype=bool)
        linked[series.edges(t).stock] = True
        linked &= market.member[t]
        assert (told[t, ~linked] == 0).all()
        assert told[t, linked].mean() == pytest.approx(0, abs=1e-6)


def test_told_returns_reach_the_concept_part_and_nothing_that_reads_no_concepts() -> None:
    market = make_market(1, 110, 12)
    inputs = training_inputs(market, make_series(market), SMALL)
    model = Hist(SMALL, inputs.n_features, seed=0)
    data = WindowData(inputs, WINDOW, SMALL, torch.device("cpu"))
    batch, *_ = data.batch([40, 41])
    x = torch.randn(batch.n_rows, 8, generator=torch.Generator().manual_seed(0))
    assert batch.told is not None and batch.told.shape == (batch.n_rows, 2)
    silent = model.head(x, replace(batch, told=None))
    assert torch.equal(model.head(x, batch).score, silent.score), "it begins as if nothing were told"
    assert model.head.told is not None
    torch.nn.init.constant_(model.head.told.weight, 0.5)
    assert not torch.equal(model.head(x, batch).concept, silent.concept)
    assert Hist(SMALL, inputs.n_features, seed=0, concepts=False).head.told is None
    assert training_inputs(market, None, SMALL).told is None


def test_a_fit_that_is_told_learns_from_it_and_repeats_itself() -> None:
    market = make_market(1, 110, 12)
    series = make_series(market)
    one, two = (fit_window(training_inputs(market, series, SMALL), WINDOW, SMALL, 0) for _ in range(2))
    assert one.predictions.equals(two.predictions)
    assert one.parameters["head.told.weight"].abs().max() > 0


@pytest.mark.parametrize("wrong", [(0.0,), (-5.0,), (float("inf"),)])
def test_half_lives_are_above_zero_and_finite(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="half-lives"):
        HistConfig(concept_returns=wrong)
