"""One device parameter decides where everything is: nothing names a device of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from oracles.hist_making import make_market, make_series
from torch.utils._python_dispatch import TorchDispatchMode

import samgraph.hist.data
from samgraph.errors import ModelError
from samgraph.hist.apply import score_fitted
from samgraph.hist.config import variant
from samgraph.hist.data import WindowData, training_inputs
from samgraph.hist.model import Hist
from samgraph.hist.models.master_fit import MasterModel
from samgraph.hist.recurrence import run_layer
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window


def test_no_module_of_the_model_names_a_device() -> None:
    """`cpu` stands where results leave for numpy or a file, as a default, and where a reader runs by itself."""
    folder = Path(samgraph.hist.data.__file__).parent
    for name in ("batch", "concepts", "hidden", "links", "messages", "model", "encoder", "yesterday"):
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"""["'](cpu|cuda|mps)["']|\.cuda\(""", text), name


class OnMeta(TorchDispatchMode):
    """Fails on an operation that mixes tensors of the CPU with those of the device (single numbers may)."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        kinds = {t.device.type for t in found if t.dim() > 0}
        assert "copy" in str(func) or len(kinds) <= 1, f"{func} mixes {kinds}"
        return func(*args, **(kwargs or {}))


def test_the_stream_and_its_inputs_live_on_the_device_that_was_named() -> None:
    """`meta` has shapes and no values: it runs whatever does not look at one."""
    market = make_market(1, 80, 8)
    config = variant("samgraph", hidden_size=4)
    inputs = training_inputs(market, make_series(market), config)
    window = Window(slice(30, 50), slice(55, 60), slice(65, 80))
    device = torch.device("meta")
    data = WindowData(inputs, window, config, device)
    for name in ("features", "mask", "target", "cap"):
        assert getattr(data, name).device.type == "meta", name
    model = Hist(config, inputs.n_features, seed=0).to(device)
    assert {p.device.type for p in model.parameters()} == {"meta"}
    with OnMeta():
        outputs = model.encoder(data.features[:5], model.encoder.start(len(data.stocks), data.features))  # type: ignore[operator]
    assert outputs[-1].device.type == "meta" and tuple(outputs[-1].shape) == (5, len(data.stocks), 4)
    assert np.isfinite(inputs.features[inputs.feature_mask][:, :5]).all()


on_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")
WINDOW = Window(slice(30, 90), slice(100, 130), slice(140, 170))
SMALL: dict[str, Any] = {"hidden_size": 8, "epochs": 3, "horizon": 3, "burn_in": 20, "min_history": 10}
FORMS: dict[str, dict[str, Any]] = {
    "edges": {},
    "from its encoder": {"start": "encoder"},
    "all pairs": {"attention": "all"},
    "window": {"encoder": "window", "window_length": 10},
    "qlib's cosine": {"cosine_eps": 1e-6},
}


@on_a_card
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS.keys())
def test_a_fit_on_a_card_scores_as_one_on_the_processor_and_repeats_itself(changes: dict[str, Any]) -> None:
    config = variant("samgraph", **{**SMALL, "start": "nothing", **changes})
    market = make_market(1, 170, 12, missing=0.03)
    inputs = training_inputs(market, make_series(market), config)
    here, there, again = (fit_window(inputs, WINDOW, config, 3, device=d) for d in ("cpu", "cuda", "cuda"))
    scores = [fitted.predictions["score"].to_numpy() for fitted in (here, there)]
    assert (
        np.abs(scores[0] - scores[1]) < 2e-3
    ).mean() > 0.95  # of nearly equal neighbours another may be chosen
    assert np.corrcoef(scores)[0, 1] > 0.99
    assert here.best_epoch == there.best_epoch
    pd.testing.assert_frame_equal(there.predictions, again.predictions, check_exact=True)
    scored = score_fitted(inputs, WINDOW, config, there.parameters, WINDOW.test, "cuda")
    pd.testing.assert_frame_equal(there.predictions, scored, check_exact=True)


@on_a_card
def test_master_is_fitted_on_a_card_and_repeats_itself(tmp_path: Path) -> None:
    config = variant("samgraph", **SMALL)
    market = make_market(1, 170, 12, missing=0.03)
    inputs = training_inputs(market, None, config)
    model = MasterModel(epochs=2)
    first, again = (
        model.fit(inputs, WINDOW, config, 3, tmp_path / name, lambda _: None, "cuda")[0] for name in "ab"
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    scored = model.score(inputs, WINDOW, config, model.parameters(tmp_path / "a"), WINDOW.test, "cuda")
    pd.testing.assert_frame_equal(first, scored, check_exact=True)
    untrained = MasterModel(epochs=1)  # no dropout in what is scored, so that both devices tell the same
    fitted = untrained.fit(inputs, WINDOW, config, 3, tmp_path / "c", lambda _: None, "cuda")[0]
    parameters = untrained.parameters(tmp_path / "c")
    here = untrained.score(inputs, WINDOW, config, parameters, WINDOW.test, "cpu")
    pd.testing.assert_frame_equal(here, fitted, check_exact=False, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpu0", "'gpu0' is unknown; write cpu"),
        ("cuda:1", "'cuda:1' is unknown; write cpu, or cuda"),
        ("cuda", "no graphics card here; set device to cpu"),
    ],
)
def test_a_device_that_is_not_here_is_refused_in_words(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = variant("samgraph", **SMALL)
    market = make_market(1, 170, 12)
    with pytest.raises(ModelError, match=words):
        fit_window(training_inputs(market, None, config), WINDOW, config, 0, device=name)


@pytest.mark.parametrize("masked", [False, True])
def test_a_number_of_stocks_filled_up_for_a_card_changes_nothing(
    masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(4, 5)
    mask = (torch.rand(6, 7) < 0.8).float() if masked else None

    def run() -> list[torch.Tensor]:
        torch.manual_seed(1)
        x, state = torch.randn(6, 7, 4, requires_grad=True), torch.randn(7, 5, requires_grad=True)
        out = run_layer(layer, x, state, mask)
        return [out, *torch.autograd.grad((out * torch.arange(5.0)).sum(), (x, state, *layer.parameters()))]

    plain = run()
    monkeypatch.setattr("samgraph.hist.recurrence.rooms", lambda n, device: 3)
    for one, filled in zip(plain, run(), strict=True):
        torch.testing.assert_close(filled, one, rtol=1e-5, atol=1e-6)


def test_blocks_and_searches_of_a_cards_size_score_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    config = variant("samgraph", **{**SMALL, "start": "nothing"})
    market = make_market(1, 170, 12, missing=0.03)
    inputs = training_inputs(market, make_series(market), config)
    fitted = fit_window(inputs, WINDOW, config, 0)
    for module in ("apply", "hidden"):
        monkeypatch.setattr(f"samgraph.hist.{module}.on_card", lambda device: True)
    scored = score_fitted(inputs, WINDOW, config, fitted.parameters, WINDOW.test)
    pd.testing.assert_frame_equal(scored, fitted.predictions, check_exact=False, rtol=0, atol=1e-5)
