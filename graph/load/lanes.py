"""Write SELLS edges in two transactions at a time, which never touch the same node.

Neo4j locks both ends of a new relationship until its transaction ends, so two writers that share a company or a
product wait for each other, or end in a deadlock. Companies and products are therefore halved by their ids, and
the edges written in two rounds: in the first one lane has the first half of both and the other the second half of
both; in the second the halves of the products are changed over. In no round do the lanes share a node.

They can still meet: a new relationship is linked to the last one of each of its ends, and that record, from the round
before, may lie between the two lanes. A batch that the server rolled back for such a deadlock is written again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import GraphError
from samgraph.graph.dataset.parts import Parts
from samgraph.graph.db.failures import is_deadlock
from samgraph.graph.db.ledger import OPEN_MOMENT, Writer
from samgraph.graph.load.edges import BATCH, report_batches

LANES = 2
TRIES = 20  # of a batch; of two that meet the server lets one go on, so each try brings the lanes further
Batch = tuple[int, list[dict[str, Any]]]


def lanes_for(count: int, size: int = BATCH) -> int:
    """In how many lanes to write so many edges: one where there is hardly more than a batch."""
    return LANES if count > LANES * size else 1


def write_sells(
    writer: Writer,
    parts: Parts,
    progress: Callable[[int], None] | None,
    *,
    size: int = BATCH,
) -> None:
    """Write SELLS edges, about `size` a transaction; `progress` gets the number of edges of each."""
    n_lanes = lanes_for(parts.rows, size)
    for turn in range(n_lanes):
        _round(writer, [_batches(parts, lane, turn, n_lanes, size) for lane in range(n_lanes)], progress)


def _round(writer: Writer, lanes: list[Iterator[Batch]], progress: Callable[[int], None] | None) -> None:
    """Write the batches of each lane one after another, the lanes side by side."""

    def write(lane: int, batch: Batch) -> int:
        for left in reversed(range(TRIES)):
            try:
                with writer.batch(lane) as transaction:
                    transaction.run("load/sells", rows=batch[1], moment=writer.moment, open=OPEN_MOMENT)
                break
            except GraphError as error:
                if not left or not is_deadlock(error):
                    raise
        return batch[0]

    ahead = {lane: next(batches, None) for lane, batches in enumerate(lanes)}
    running: dict[Future[int], int] = {}
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
        while running or any(ahead.values()):
            for lane, batch in ahead.items():
                if batch is not None and lane not in running.values():
                    running[pool.submit(write, lane, batch)] = lane
                    ahead[lane] = next(lanes[lane], None)  # made while the server writes
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for job in done:
                del running[job]
                written = job.result()
                if progress is not None:
                    progress(written)


def _batches(parts: Parts, lane: int, turn: int, n_lanes: int, size: int) -> Iterator[Batch]:
    for part in parts:
        if n_lanes == 1:
            yield from report_batches(part, size)
        else:
            mine = (_half(part["start"]) == lane) & (_half(part["end"]) == (lane + turn) % n_lanes)
            yield from report_batches(part[mine], size)


def _half(ids: pd.Series) -> npt.NDArray[np.int64]:
    """To which half each id belongs, [n_rows]: the same in every table and every load."""
    codes, distinct = pd.factorize(ids)
    half = np.array([zlib.crc32(str(one).encode()) % LANES for one in distinct], dtype=np.int64)
    return half[codes]
