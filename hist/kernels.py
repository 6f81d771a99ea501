"""The threads and kernels of torch: fitting, scoring and explaining with the same ones agree bit for bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
