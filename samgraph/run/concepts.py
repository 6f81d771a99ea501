"""What an arm's concepts are: kinds of as-of snapshot series, and the files that workers find them in."""

from __future__ import annotations

from collections.abc import Callable

from samgraph.graph.series.placebo import binary, random_concepts, static
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.run.inputs import Inputs

_KINDS: dict[str, Callable[[Inputs, int], SnapshotSeries]] = {
    "products": lambda inputs, _: inputs.products,
    "industries": lambda inputs, _: inputs.industries,
    "placebo": lambda inputs, seed: random_concepts(inputs.products, seed),
    "static": lambda inputs, _: static(inputs.products),
    "binary": lambda inputs, _: binary(inputs.products),
}
_FILES = {"products": "product", "industries": "industry"}


def concept_series(kind: str, inputs: Inputs, seed: int) -> SnapshotSeries:
    """The snapshots of a kind: "products", "industries", "placebo" (drawn by the seed), "static" or "binary"."""
    return _KINDS[kind](inputs, seed)


def concept_file(kind: str, seed: int) -> str:
    """The name of their file among the model inputs, without its ending."""
    if kind == "placebo":
        return f"placebo-{seed}"
    return _FILES.get(kind, kind.replace(":", "-").replace(" ", "-"))
