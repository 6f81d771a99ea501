"""A bipartite stock-concept graph as a PyG `HeteroData`. The one module of this folder that needs torch."""

from __future__ import annotations

import copy
import datetime as dt
import warnings
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samgraph.errors import SnapshotError

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def bipartite(
    stock: npt.NDArray[np.int64],
    concept: npt.NDArray[np.int64],
    weight: npt.NDArray[np.floating],
    *,
    company_id: Sequence[str],
    product_id: Sequence[str],
    level: npt.NDArray[np.int64] | None,
    as_of: dt.date,
    known: dt.datetime | None,
    cut: str,
    universe: str | None,
) -> HeteroData:
    """Build the graph of one day.

    Node types "stock" (`company_id`, one a node, also of stocks without an edge) and "concept" (`product_id`,
    and `level` where known); edge types ("stock", "sells", "concept") and ("concept", "sold_by", "stock"),
    the same edges in both directions. The graph itself carries `as_of`, `known` (ISO texts), `cut` and
    `universe`; what is not known is an empty text.

    Shapes:
        edge_index: int64 [2, n_edges]; edge_weight: float32 [n_edges], the share of revenue;
        level: int64 [n_concepts]

    Raises:
        SnapshotError: an edge points outside the stocks or concepts
    """
    import torch

    # Here rather than by PyG's `validate`, whose parallel reductions take ten times as long on shared cores.
    for place, size, what in ((stock, len(company_id), "stocks"), (concept, len(product_id), "concepts")):
        if len(place) and not 0 <= place.min() <= place.max() < size:
            raise SnapshotError(f"an edge of {as_of} points outside the {size} {what}")
    with warnings.catch_warnings():
        # torch 2.10 and later deprecate torch.jit.script, which PyG still calls while it is imported.
        warnings.simplefilter("ignore", FutureWarning)
        from torch_geometric.data import HeteroData

    data = HeteroData()
    data["stock"].num_nodes = len(company_id)
    data["stock"].company_id = list(company_id)
    data["concept"].num_nodes = len(product_id)
    data["concept"].product_id = list(product_id)
    if level is not None:
        data["concept"].level = torch.from_numpy(np.array(level, dtype=np.int64))
    # Copies: torch must not write into arrays that other days share.
    rows = torch.from_numpy(np.array(stock, dtype=np.int64))
    columns = torch.from_numpy(np.array(concept, dtype=np.int64))
    weights = torch.from_numpy(np.array(weight, dtype=np.float32))
    data["stock", "sells", "concept"].edge_index = torch.stack([rows, columns])
    data["stock", "sells", "concept"].edge_weight = weights
    data["concept", "sold_by", "stock"].edge_index = torch.stack([columns, rows])
    data["concept", "sold_by", "stock"].edge_weight = weights.clone()
    data.as_of = as_of.isoformat()
    data.known = "" if known is None else known.isoformat()
    data.cut = cut
    data.universe = universe or ""
    return data


def on_day(data: HeteroData, day: dt.date) -> HeteroData:
    """The same graph, sharing its tensors, as that of another day."""
    other: HeteroData = copy.copy(data)
    other.as_of = day.isoformat()
    return other


def read_file(path: Path) -> HeteroData:
    """The graph of a file that `samgraph snapshot -o FILE.pt` wrote, from anybody: nothing in it is run.

    Raises:
        SnapshotError: it cannot be read, or holds anything but tensors, texts and numbers of such a graph
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from torch_geometric.data import HeteroData
        from torch_geometric.data.storage import BaseStorage, EdgeStorage, NodeStorage

    try:
        with torch.serialization.safe_globals([HeteroData, BaseStorage, EdgeStorage, NodeStorage]):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read ({error.strerror}); name another file") from error
    except (RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        # What torch says here ends in the advice to run whatever the file holds.
        raise SnapshotError(
            f"{path} is damaged, or holds more than a snapshot's graph; write it again, or use its .parquet form"
        ) from error
    if not isinstance(data, HeteroData):
        raise SnapshotError(f"{path} holds a {type(data).__name__}, not a snapshot's graph; write it again")
    return data
