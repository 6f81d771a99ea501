"""The threads and kernels of torch: fitting, scoring and explaining with the same ones agree bit for bit.

And what differs on a graphics card: many small kernels are replayed at once, and large blocks cost what small ones do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from samgraph.errors import ModelError

ROOM = 256  # stocks; on a card their number is filled up to a multiple, so that few shapes have a graph each
GRAPHS = 64  # kept at once; each holds its tensors


@contextmanager
def fixed_kernels(threads: int, device: torch.device) -> Iterator[None]:
    """Explicit threads and deterministic kernels, put back afterwards.

    A matrix product that is shared among threads is cut into other parts, whose sums round differently.
    """
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)


def device_of(name: str) -> torch.device:
    """The device that a setting names.

    Raises:
        ModelError: there is no such device, or not here
    """
    if name not in ("cpu", "cuda"):
        raise ModelError(f"the device '{name}' is unknown; write cpu, or cuda for a graphics card")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("PyTorch sees no graphics card here; set device to cpu, or run where there is one")
    return torch.device(name)


def on_card(device: torch.device) -> bool:
    """Whether starting a kernel costs more than most of them run."""
    return device.type == "cuda"


def rooms(n: int, device: torch.device) -> int:
    """How many stocks are missing to a number that has a graph."""
    return -n % ROOM if on_card(device) else 0


def in_place(run: Callable[..., None], written: Sequence[Tensor], read: Sequence[Tensor | None]) -> None:
    """`run(*written, *read)`, which writes into the first ones; on a card by a CUDA graph, one for all equal shapes."""
    if not on_card(written[0].device):
        run(*written, *read)
        return
    given = (*written, *read)
    key = (run, written[0].device, *(None if one is None else (one.shape, one.dtype) for one in given))
    if key not in _graphs:
        if len(_graphs) >= GRAPHS:
            torch.cuda.synchronize()  # one of them may still run
            _graphs.clear()
        _graphs[key] = _captured(run, given)
    graph, held = _graphs[key]
    for mine, one in zip(held, given, strict=True):
        if one is not None:
            mine.copy_(one)
    graph.replay()
    for mine, one in zip(held, written, strict=False):
        one.copy_(mine)


_graphs: dict[tuple[Any, ...], tuple[Any, list[Any]]] = {}


def _captured(run: Callable[..., None], given: Sequence[Tensor | None]) -> tuple[Any, list[Any]]:
    """A graph of `run` on tensors of its own, and these."""
    held = [
        None if one is None else torch.zeros(one.shape, dtype=one.dtype, device=one.device) for one in given
    ]
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # libraries set themselves up before they are recorded
        for _ in range(2):
            run(*held)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run(*held)
    return graph, held
