"""What of a run's inputs its trading decisions read; `samgraph.run.inputs.Inputs` is one, an evening's are fewer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.market import Market


class DecisionInputs(Protocol):
    """See `samgraph.run.inputs.Inputs` for each; axes are market.dates x market.stocks."""

    @property
    def market(self) -> Market: ...
    @property
    def test(self) -> slice: ...
    @property
    def sectors(self) -> npt.NDArray[np.int64]: ...
    @property
    def coarse_products(self) -> SnapshotSeries: ...
    @property
    def coarse_industries(self) -> SnapshotSeries: ...
    @property
    def first_tree(self) -> pd.DataFrame: ...
