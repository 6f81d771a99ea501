"""The stream encoder is one GRU a stock over that stock's valid days, whatever the chunks."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.hist.encoder import StreamEncoder, WindowEncoder, ratios
from samgraph.hist.recurrence import run_layer

F, D = 3, 5
MADE = {
    "seed": st.integers(0, 10_000),
    "n_days": st.integers(1, 12),
    "n_stocks": st.integers(0, 5),
    "valid": st.sampled_from([0.0, 0.4, 0.9, 1.0]),
}


def make(
    seed: int, n_days: int, n_stocks: int, valid: float
) -> tuple[StreamEncoder, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    encoder = StreamEncoder(F, D, 2, 0.0).double()
    features = torch.randn(n_days, n_stocks, F, dtype=torch.float64)
    return encoder, features, torch.rand(n_days, n_stocks) < valid


@settings(max_examples=25, deadline=None)
@given(**MADE, cut=st.integers(0, 12))
def test_equals_torch_gru_over_each_stocks_valid_days(
    seed: int, n_days: int, n_stocks: int, valid: float, cut: int
) -> None:
    encoder, features, mask = make(seed, n_days, n_stocks, valid)
    reference = torch.nn.GRU(F, D, 2).double()
    names = {"weight_ih": 0, "weight_hh": 0, "bias_ih": 0, "bias_hh": 0}
    with torch.no_grad():
        for level, layer in enumerate(encoder.layers):
            for name in names:
                getattr(reference, f"{name}_l{level}").copy_(getattr(layer, f"{name}_l0"))
    state = encoder.start(n_stocks, features)
    outputs = []
    cut = min(cut, n_days)
    for first, last in ((0, cut), (cut, n_days)):
        if last > first:
            top, state = encoder.run(features[first:last], mask[first:last], state)
            outputs.append(top)
    top = torch.cat(outputs)
    for i in range(n_stocks):
        h = torch.zeros(2, 1, D, dtype=torch.float64)
        for t in range(n_days):
            if mask[t, i]:
                _, h = reference(features[t, i].view(1, 1, F), h)
            torch.testing.assert_close(top[t, i], h[-1, 0], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(state[:, i], h[:, 0], rtol=1e-10, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(**MADE)
def test_gradients_equal_torch_gru_over_each_stocks_valid_days(
    seed: int, n_days: int, n_stocks: int, valid: float
) -> None:
    encoder, features, mask = make(seed, n_days, n_stocks, valid)
    layer = encoder.layers[0]
    assert isinstance(layer, torch.nn.GRU)
    state = torch.randn(n_stocks, D, dtype=torch.float64)
    told = torch.randn(n_days, n_stocks, D, dtype=torch.float64)

    x, first = features.requires_grad_(True), state.requires_grad_(True)

    def gradients(total: torch.Tensor) -> tuple[torch.Tensor, ...]:
        asked = [x, first, *layer.parameters()]
        return torch.autograd.grad(total + 0 * first.sum(), asked, materialize_grads=True)

    expected = torch.zeros((), dtype=torch.float64)
    for i in range(n_stocks):
        h = first[i].view(1, 1, D)
        for t in range(n_days):
            if mask[t, i]:
                _, h = layer(x[t, i].view(1, 1, F), h)
            expected = expected + (told[t, i] * h[0, 0]).sum()
    found = (told * run_layer(layer, x, first, mask.to(x.dtype))).sum()
    for ours, theirs in zip(gradients(found), gradients(expected), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_features_of_invalid_days_reach_neither_states_nor_gradients() -> None:
    encoder, features, mask = make(3, 8, 4, 0.6)
    results = []
    for noise in (0.0, 5.0):
        inputs = (features + noise * (~mask).unsqueeze(-1)).requires_grad_(True)
        encoder.zero_grad()
        top, _ = encoder.run(inputs, mask, encoder.start(4, features))
        top.sum().backward()
        assert inputs.grad is not None
        assert bool((inputs.grad[~mask] == 0).all())
        results.append([top.detach(), *(p.grad.clone() for p in encoder.parameters() if p.grad is not None)])
    for clean, noisy in zip(*results, strict=True):
        torch.testing.assert_close(clean, noisy, rtol=0, atol=0)


def test_window_is_divided_by_its_last_close_and_volume() -> None:
    levels = torch.tensor(np.random.default_rng(1).uniform(1, 9, (4, 7, 6)))
    found = ratios(levels)
    for n in range(4):
        for t in range(7):
            for f in range(6):
                bottom = levels[n, -1, 3] if f < 5 else levels[n, -1, 5]
                assert found[n, t, f] == levels[n, t, f] / bottom


def test_window_scale_is_the_median_and_median_deviation_of_training_windows() -> None:
    rng = np.random.default_rng(2)
    windows = torch.from_numpy(rng.normal(3, 2, (401, 6, 6)))
    windows[:7, 2, 1] = float("nan")
    encoder = WindowEncoder(6, D, 1, 0.0, 6).double()
    encoder.fit_scale(windows)
    centre = np.nanmedian(windows.numpy(), axis=0)
    spread = np.nanmedian(np.abs(windows.numpy() - centre), axis=0) * 1.4826
    # torch takes the lower of two middle values where the count is even.
    np.testing.assert_allclose(encoder.centre.numpy(), centre, atol=0.05)
    np.testing.assert_allclose(encoder.scale.numpy(), spread, rtol=0.05)
    assert torch.isfinite(encoder.encode(windows)).all()
