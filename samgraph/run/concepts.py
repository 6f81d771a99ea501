"""What an arm's concepts are: kinds of as-of snapshot series, and the files that workers find them in."""

from __future__ import annotations

from collections.abc import Callable

from samgraph.graph.series.placebo import binary, random_concepts, static
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.run.inputs import Inputs

_KINDS: dict[str, Callable[[Inputs, int, int], SnapshotSeries]] = {
    "products": lambda inputs, _, number: inputs.fitted["product"][number],
    "industries": lambda inputs, _, number: inputs.fitted["industry"][number],
    "themes": lambda inputs, _, number: inputs.fitted["theme"][number],
    "competitors": lambda inputs, _, number: inputs.fitted["competitor"][number],
    "placebo": lambda inputs, seed, number: random_concepts(inputs.fitted["product"][number], seed),
    "static": lambda inputs, *_: static(inputs.products),
    "binary": lambda inputs, _, number: binary(inputs.fitted["product"][number]),
}
_FILES = {
    "products": "product",
    "industries": "industry",
    "themes": "theme",
    "competitors": "competitor",
}


def concept_series(kind: str, inputs: Inputs, seed: int, number: int) -> SnapshotSeries:
    """What the models of window `number` read.

    A kind is "products", "industries", "themes", "competitors", "placebo" (drawn by the seed), "static" or "binary".
    """
    return _KINDS[kind](inputs, seed, number)


def concept_file(kind: str, seed: int, number: int) -> str:
    """The name of their file among the model inputs, without its ending."""
    name = (
        f"placebo-{seed}" if kind == "placebo" else _FILES.get(kind, kind.replace(":", "-").replace(" ", "-"))
    )
    return f"{name}-window{number}"
