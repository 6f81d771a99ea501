"""Sparse products along edges equal their dense forms and PyG's messages, with gradients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.hist.links import Links
from samgraph.hist.messages import WeightedSum, unit


def make(seed: int, n: int, m: int, density: float) -> tuple[Links, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    source, target = (torch.from_numpy(a) for a in np.nonzero(rng.uniform(size=(n, m)) < density))
    alpha = torch.from_numpy(rng.normal(size=len(source))).requires_grad_(True)
    x = torch.from_numpy(rng.normal(size=(n, 4))).requires_grad_(True)
    y = torch.from_numpy(rng.normal(size=(m, 4))).requires_grad_(True)
    return Links.of(source, target, n, m), alpha, x, y


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    density=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_sums_and_products_equal_dense_matrices_with_gradients(
    seed: int, n: int, m: int, density: float
) -> None:
    links, alpha, x, y = make(seed, n, m, density)
    matrix = torch.zeros(n, m, dtype=torch.float64).index_put((links.source, links.target), alpha)
    pairs = [
        (links.to_targets(alpha, x), matrix.T @ x),
        (links.to_sources(alpha, y), matrix @ y),
        (links.dot(x, y), (x @ y.T)[links.source, links.target]),
    ]
    for found, dense in pairs:
        torch.testing.assert_close(found, dense)
        weight = torch.from_numpy(np.random.default_rng(1).normal(size=found.shape))
        ours = torch.autograd.grad(
            (found * weight).sum(), (alpha, x, y), allow_unused=True, retain_graph=True
        )
        theirs = torch.autograd.grad(
            (dense * weight).sum(), (alpha, x, y), allow_unused=True, retain_graph=True
        )
        for a, b, like in zip(ours, theirs, (alpha, x, y), strict=True):
            torch.testing.assert_close(
                torch.zeros_like(like) if a is None else a, torch.zeros_like(like) if b is None else b
            )


@pytest.mark.parametrize("reverse", [False, True])
def test_the_fused_sum_equals_pygs_messages(reverse: bool) -> None:
    links, alpha, x, y = make(3, 8, 5, 0.4)
    results = []
    for fuse in (True, False):
        add = WeightedSum(fuse=fuse)
        out = add.reverse(y, links, alpha) if reverse else add(x, links, alpha)
        grads = torch.autograd.grad((out**2).sum(), (alpha, y if reverse else x))
        results.append((out, *grads))
    for fused, scattered in zip(*results, strict=True):
        torch.testing.assert_close(fused, scattered)


def test_block_diagonal_numbers_nodes_one_after_another() -> None:
    parts = [
        make(s, n, m, d)[0] for s, n, m, d in ((1, 4, 3, 0.5), (2, 2, 0, 1.0), (3, 5, 2, 0.9), (4, 0, 0, 1.0))
    ]
    whole = Links.block_diagonal(parts)
    source, target = [], []
    n = m = 0
    for part in parts:
        source += (part.source + n).tolist()
        target += (part.target + m).tolist()
        n, m = n + part.size[0], m + part.size[1]
    again = Links.of(torch.tensor(source), torch.tensor(target), n, m)
    for name in ("source", "target", "source_ptr", "order", "target_ptr"):
        assert torch.equal(getattr(whole, name), getattr(again, name)), name


def test_importing_and_using_the_operators_leaves_no_file_behind(tmp_path: Path) -> None:
    code = (
        "import torch\n"
        "from samgraph.hist.links import Links\n"
        "from samgraph.hist.messages import WeightedSum\n"
        "links = Links.of(torch.tensor([0]), torch.tensor([0]), 1, 1)\n"
        "for fuse in (True, False):\n"
        "    assert WeightedSum(fuse=fuse)(torch.ones(1, 2), links, torch.ones(1)).tolist() == [[1.0, 1.0]]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_a_row_s_direction_has_the_gradient_of_its_definition_and_zeros_a_finite_one() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(unit, x.requires_grad_())
    nothing = torch.zeros(2, 3, requires_grad=True)
    unit(nothing).sum().backward()
    assert torch.equal(unit(nothing), torch.zeros(2, 3)) and nothing.grad is not None
    assert torch.isfinite(nothing.grad).all()
