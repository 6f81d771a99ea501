"""One device parameter decides where everything is: nothing names a device of its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from oracles.hist_making import make_market, make_series
from torch.utils._python_dispatch import TorchDispatchMode

import samgraph.hist.data
from samgraph.hist.config import variant
from samgraph.hist.data import WindowData, training_inputs
from samgraph.hist.model import Hist
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
