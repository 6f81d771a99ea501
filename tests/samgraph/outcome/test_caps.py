"""Without market caps, or with few, a run measures what it can and says what was not neutralised or weighed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles.outcome_inputs import TEST, inputs_by_hand, predictions_of, settings

from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.hist.labels import forward_returns
from samgraph.outcome.assess import assess
from samgraph.outcome.caps import caps_sentence
from samgraph.run.inputs import Inputs

CONFIG = settings()


def with_caps(kept: float) -> Inputs:
    """Inputs of which the last `kept` of the stocks have a market cap, and no other has one on any day."""
    inputs = inputs_by_hand()
    cap = inputs.market.market_cap.copy()
    cap[:, : round((1.0 - kept) * cap.shape[1])] = np.nan
    return replace(inputs, market=replace(inputs.market, market_cap=cap))


@pytest.mark.parametrize("kept", [0.0, 0.25])
def test_without_most_market_caps_factors_are_neutral_to_industry_and_every_figure_is_there(
    kept: float,
) -> None:
    inputs = with_caps(kept)
    outcome = assess(CONFIG, inputs, predictions_of(inputs))
    assert np.isfinite(outcome.summary["horizons"]["score"]["1"]["rank_ic"])
    score = (
        outcome.tables["factors"]
        .query("factor == 'score'")
        .pivot(index="date", columns="company_id", values="value")
    )
    market = inputs.market
    label = forward_returns(market, 5, lag=CONFIG.trading.lag, price=CONFIG.trading.price)[TEST]
    values = score.reindex(index=market.dates[TEST], columns=list(market.stocks))
    want = evaluate(
        {"score": values.to_numpy()},
        {5: label},
        market.dates[TEST],
        market.stocks,
        labels=inputs.sectors[TEST],
    )
    got = outcome.tables["decay"].query("factor == 'score' and horizon == 5").iloc[0]
    assert got["rank_ic"] == pytest.approx(want.decay["rank_ic"][0], rel=1e-12)
    assert outcome.summary["market_cap_known"] == pytest.approx(kept, abs=0.02)
    assert any("equal weights" in line and "industry alone" in line for line in outcome.timeline)


def test_a_run_with_market_caps_says_nothing_of_them() -> None:
    inputs = inputs_by_hand()
    assert caps_sentence(inputs.market, TEST) is None
    outcome = assess(CONFIG, inputs, predictions_of(inputs))
    assert not any("market cap is known" in line for line in outcome.timeline)


def test_days_with_most_caps_stay_neutral_to_size_and_days_without_do_not() -> None:
    market = inputs_by_hand().market
    cap = market.market_cap.copy()
    cap[100:110], cap[110:120, 2:] = np.nan, np.nan
    logs = replace(market, market_cap=cap).log_caps()
    assert (logs[100:120] == 0.0).all()
    np.testing.assert_array_equal(
        np.exp(logs[:100])[np.isfinite(cap[:100])].round(3), cap[:100][np.isfinite(cap[:100])].round(3)
    )
