"""A vendor's fixes of old rows, as an audit makes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from samgraph.audit.changes import KINDS
from samgraph.audit.edits import Tables, differing, some_rows


def correct(tables: Mapping[str, pd.DataFrame], seed: int) -> tuple[Tables, int]:
    """A vendor's fixes of old rows, for a load on top of the first one: the past is another from then on.

    Returns:
        the corrected tables, and the number of rows that differ.
    """
    rng = np.random.default_rng((seed, len(KINDS)))
    changed = {name: frame.copy() for name, frame in tables.items()}
    segments = changed["segments"]
    for name in ("weight", "revenue"):
        if name in segments:
            segments[name] = segments[name] * rng.uniform(0.2, 1.0, len(segments))
    for name in ("universes", "company_industries", "product_links", "company_links"):
        if name not in changed:
            continue
        frame = changed[name]
        for column in ("weight", "score"):
            if column in frame:
                frame[column] = frame[column] * rng.uniform(0.2, 1.0, len(frame))
        if "valid_to" in frame and "valid_from" in frame:  # ended a day after it began: all but gone
            some = some_rows(len(frame), 0.3, rng) & frame["valid_from"].notna().to_numpy()
            frame.loc[some, "valid_to"] = frame.loc[some, "valid_from"] + pd.Timedelta(days=1)
    return changed, sum(differing(tables[name], changed[name]) for name in changed)
