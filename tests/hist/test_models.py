"""Models to hold HIST against: closed forms, planted signals, and no sight of later days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from oracles.hist_making import make_market

from samgraph.errors import ModelError
from samgraph.hist.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from samgraph.hist.config import variant
from samgraph.hist.data import TrainingInputs, training_inputs
from samgraph.hist.models.blend import blend_weights, day_scores
from samgraph.hist.models.boosting import BoostingModel
from samgraph.hist.models.market_state import market_state
from samgraph.hist.models.master import Gate, Master, MasterShape
from samgraph.hist.models.master_fit import MasterModel
from samgraph.hist.models.ridge import RidgeModel
from samgraph.hist.models.rows import Rows
from samgraph.hist.models.table import FittedTable, TableModel, fit_table
from samgraph.hist.windows import Window

WINDOW = Window(slice(30, 110), slice(115, 145), slice(150, 170))
CONFIG = variant("samgraph", hidden_size=8, horizon=1, burn_in=20, min_history=5)
SMALL = MasterShape(width=8, days=4, heads=2, stock_heads=2, dropout=0.0)


def inputs_of(signal: float = 1.0) -> TrainingInputs:
    """A market whose label is `signal` times the day's open and noise of the same size."""
    inputs = training_inputs(make_market(1, 175, 20), None, CONFIG)
    noise = np.random.default_rng(2).normal(0, 0.02, inputs.label.shape)
    planted = signal * np.nan_to_num(inputs.features[:, :, 0])
    return replace(inputs, label=np.where(np.isfinite(inputs.label), planted + noise, np.nan))


def fit(model: TableModel, inputs: TrainingInputs, seed: int = 0) -> FittedTable:
    return fit_table(model, inputs, WINDOW, CONFIG, seed, lambda _: None, patience=9)


def test_ridge_equals_the_normal_equations() -> None:
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(6), [5, 9, 3, 7, 8, 4])
    x = rng.normal(size=(len(day), 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] + rng.normal(size=len(day))).astype(np.float32)
    rows = Rows(x, y, day, day)
    w = 1.0 / np.bincount(day)[day]
    w /= w.sum()
    centred_x, centred_y = x - w @ x, y - w @ y
    gram = centred_x.T @ (centred_x * w[:, None])
    size = np.trace(gram) / 3
    model = RidgeModel((1.0, 0.01))
    for penalty, (found, loss) in zip(model.penalties, model.stages(rows, 0, 1), strict=True):
        expected = np.linalg.solve(gram + penalty * size * np.eye(3), centred_x.T @ (w * centred_y))
        np.testing.assert_allclose(found.coefficients, expected, rtol=1e-6)
        scores = found.predict(x)
        np.testing.assert_allclose(scores, x @ expected + w @ y - w @ x @ expected, rtol=1e-5, atol=1e-6)
        assert loss == pytest.approx(w @ (scores - y) ** 2, rel=1e-5)
        np.testing.assert_array_equal(model.read(found.content()).predict(x), scores)


@pytest.mark.parametrize(
    "model", [RidgeModel(), BoostingModel(60, 10, {"num_leaves": 4, "min_data_in_leaf": 30})]
)
def test_a_planted_signal_is_learnt_and_nothing_where_there_is_none(model: TableModel) -> None:
    """Signal and noise have the same spread: the best possible daily IC is about 0.7."""
    inputs, nothing = inputs_of(), inputs_of(signal=0.0)
    assert _test_ic(fit(model, inputs), inputs) > 0.45
    assert abs(_test_ic(fit(model, nothing), nothing)) < 0.15  # 20 days x 20 stocks: 3 standard errors


def _test_ic(fitted: FittedTable, inputs: TrainingInputs) -> float:
    score = fitted.predictions.pivot_table(index="date", columns="company_id", values="score")
    label = pd.DataFrame(inputs.label, index=inputs.market.dates, columns=list(inputs.market.stocks))
    return float(score.corrwith(label.reindex_like(score), axis=1, method="spearman").mean())


@pytest.mark.parametrize("model", [RidgeModel(), BoostingModel(20, 10)])
def test_the_same_seed_gives_the_same_model_and_later_days_none_of_it(model: TableModel) -> None:
    inputs = inputs_of()
    first, again = fit(model, inputs), fit(model, inputs)
    assert first.content == again.content
    later = replace(inputs, features=_disturbed(inputs.features), label=_disturbed(inputs.label))
    assert fit(model, later).content == first.content
    assert int(first.curves["best"].sum()) == 1
    best = first.curves.loc[first.curves["best"], "valid_ic"].iloc[0]
    assert best == first.curves["valid_ic"].max()


def _disturbed(values: np.ndarray) -> np.ndarray:
    """Values after the validation's last label changed."""
    changed = np.array(values)
    changed[WINDOW.valid.stop + CONFIG.horizon + CONFIG.lag :] *= -3.0
    return changed


def test_windows_without_labels_are_refused() -> None:
    inputs = inputs_of()
    label = inputs.label.copy()
    label[WINDOW.valid] = np.nan
    with pytest.raises(ModelError, match="have no stock with features and a label"):
        fit(RidgeModel(), replace(inputs, label=label))


def test_master_learns_a_planted_signal_and_repeats_itself_after_a_stop(tmp_path: Path) -> None:
    inputs, heard = inputs_of(), []
    model = MasterModel(SMALL, learning_rate=3e-3, epochs=6, patience=6)
    scored, curves = model.fit(inputs, WINDOW, CONFIG, 0, tmp_path / "a", heard.append)
    assert sum(heard) == 6 and curves["valid_ic"].max() > 0.2
    with pytest.raises(KeyboardInterrupt):
        model.fit(inputs, WINDOW, CONFIG, 0, tmp_path / "b", _stop_after(3))
    resumed, _ = model.fit(inputs, WINDOW, CONFIG, 0, tmp_path / "b", lambda _: None)
    np.testing.assert_array_equal(resumed["score"], scored["score"])
    later = replace(inputs, features=_disturbed(inputs.features), label=_disturbed(inputs.label))
    model.fit(later, WINDOW, CONFIG, 0, tmp_path / "c", lambda _: None)
    kept, disturbed = (model.parameters(tmp_path / name) for name in ("a", "c"))
    assert all(torch.equal(kept[name], disturbed[name]) for name in kept)


def test_a_fit_of_master_from_when_its_attention_was_pytorchs_still_scores(tmp_path: Path) -> None:
    """Its parameters had other names: packed.weight was attend.in_proj_weight, and so on."""
    inputs, model = inputs_of(), MasterModel(SMALL, epochs=1)
    scored, _ = model.fit(inputs, WINDOW, CONFIG, 0, tmp_path, lambda _: None)
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    old = {
        "packed.weight": "attend.in_proj_weight",
        "joined.weight": "attend.out_proj.weight",
        "inner.": "feed.0.",
        "outer.": "feed.3.",
    }
    renamed = {}
    for name, value in kept.tensors.items():
        for now, before in old.items():
            name = name.replace(now, before)  # noqa: PLW2901
        renamed[name] = value
    assert sum("attend" in name or "feed" in name for name in renamed if name.startswith("best/")) == 12
    write_checkpoint(tmp_path, 1, Checkpoint(renamed, kept.values))
    again = model.score(inputs, WINDOW, CONFIG, model.parameters(tmp_path), WINDOW.test)
    pd.testing.assert_frame_equal(again, scored, check_exact=True)


def _stop_after(epochs: int):
    heard: list[int] = []

    def advance(amount: int) -> None:
        heard.append(amount)
        if sum(heard) == epochs:
            raise KeyboardInterrupt

    return advance


def test_master_hears_the_order_of_days_and_not_that_of_stocks() -> None:
    torch.manual_seed(1)
    model = Master(5, 3, SMALL, seed=2).eval()
    x, state = torch.randn(4, 7, 5), torch.randn(3)
    scores = model(x, state)
    order = torch.randperm(7)
    torch.testing.assert_close(model(x[:, order], state), scores[order])
    assert not torch.allclose(model(x.flip(0), state), scores)
    assert not torch.allclose(model(x, -state), scores)  # the market's state guides
    changed = x.clone()
    changed[:, 3] += 1.0
    assert not torch.allclose(model(changed, state)[0], scores[0])  # another stock is heard


def test_the_gate_has_a_mean_of_one() -> None:
    weights = Gate(3, 11, 5.0)(torch.randn(3))
    assert float(weights.mean().detach()) == pytest.approx(1.0, rel=1e-6) and bool((weights > 0).all())


def test_the_market_state_is_that_of_its_members_and_knows_no_later_day() -> None:
    market = make_market(3, 90, 6, missing=0.05)
    found = market_state(market)
    returns, weights, t = market.returns(), market.weights(), 70
    counted = market.member[t] & np.isfinite(returns[t])
    assert found[t, 0] == pytest.approx(
        np.average(returns[t, counted], weights=weights[t - 1, counted]), rel=1e-5
    )
    assert found[t, 1] == pytest.approx(found[t - 4 : t + 1, 0].mean(), rel=1e-4)
    np.testing.assert_array_equal(market_state(market.until(60)), found[:60])
    assert found.shape == (90, 21) and np.isfinite(found[61:]).all()


def test_blend_weights_follow_what_helps_and_are_equal_where_nothing_does() -> None:
    rng = np.random.default_rng(4)
    target = rng.normal(size=(60, 50))
    target[rng.uniform(size=target.shape) < 0.1] = np.nan
    filled = np.nan_to_num(target)
    good, noise = filled + rng.normal(size=target.shape), rng.normal(size=target.shape)
    weights = blend_weights(np.stack([good, noise]), target)
    assert weights.sum() == pytest.approx(1.0) and weights[0] > 0.9 and (weights >= 0).all()
    twins = blend_weights(np.stack([good, good]), target)
    np.testing.assert_allclose(twins, 0.5)
    np.testing.assert_allclose(blend_weights(np.stack([-good, -good]), target), 0.5)
    scaled = blend_weights(np.stack([good * 1000 + 3, noise]), target)
    np.testing.assert_allclose(scaled, weights, rtol=1e-8)


def test_scores_of_a_day_are_standardised_over_those_who_have_one() -> None:
    z = day_scores(np.array([[1.0, 3.0, np.nan], [2.0, 2.0, 2.0]]))
    np.testing.assert_array_equal(z, [[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
