"""Labels are what can be earned after their day."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.hist_making import make_market

from samgraph.errors import ModelError
from samgraph.hist.labels import forward_returns, rank_normalise


@pytest.mark.parametrize(("horizon", "lag", "price"), [(1, 1, "close"), (5, 1, "open"), (10, 2, "vwap")])
def test_labels_are_the_return_from_execution_to_its_end(horizon: int, lag: int, price: str) -> None:
    market = make_market(6, 40, 5, missing=0.1)
    market.limit_up[20, 2] = market.limit_up[22, 1] = True
    market.tradable[21, 3] = False
    getattr(market, price)[22, 1] = 1.001 * market.close[22, 1]
    found = forward_returns(market, horizon, lag=lag, price=price)  # type: ignore[arg-type]
    level = getattr(market, price) * market.adj
    for t in range(40):
        for i in range(5):
            entry, end = t + lag, t + lag + horizon
            possible = (
                end < 40
                and market.tradable[entry, i]
                and not (
                    market.limit_up[entry, i] and getattr(market, price)[entry, i] >= market.close[entry, i]
                )
                and np.isfinite(level[end, i])
            )
            if possible:
                assert found[t, i] == pytest.approx(level[end, i] / level[entry, i] - 1, rel=1e-12)
            else:
                assert np.isnan(found[t, i])


def test_nothing_trades_at_the_close_that_it_was_computed_from() -> None:
    with pytest.raises(ModelError, match=r"lag = 0: .* include its close"):
        forward_returns(make_market(7, 20, 3), 5, lag=0)


def test_ranks_are_centred_even_and_tied_values_equal() -> None:
    x = np.array([[3.0, 1.0, 2.0, np.nan, 9.0], [1.0, 1.0, 2.0, 5.0, 0.0]])
    mask = np.array([[True, True, True, True, False], [True] * 5])
    found = rank_normalise(x, mask)
    step = np.sqrt(12)
    np.testing.assert_allclose(found[0], [step / 3, -step / 3, 0, np.nan, np.nan], rtol=1e-6)
    assert found[1, 0] == found[1, 1]
    np.testing.assert_allclose(np.nanmean(found, axis=1), 0, atol=1e-7)
    many = rank_normalise(np.random.default_rng(1).normal(size=(1, 500)), np.ones((1, 500), dtype=bool))
    assert many.std() == pytest.approx(1.0, abs=1e-3)
