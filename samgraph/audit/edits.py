"""Edits of a table's rows that an audit's changes are made of, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]


def differing(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Rows of either table that the other does not have."""
    if before is after:
        return 0
    columns = list(before.columns.union(after.columns, sort=False))
    keys = [
        pd.util.hash_pandas_object(frame.reindex(columns=columns), index=False) for frame in (before, after)
    ]
    return int((~keys[0].isin(keys[1])).sum() + (~keys[1].isin(keys[0])).sum())


def some_rows(n: int, share: float, rng: np.random.Generator) -> Any:
    """A mask over `n` rows, each taken with probability `share`, and at least one of them [n]."""
    mask = rng.random(n) < share
    if n and not mask.any():
        mask[rng.integers(n)] = True
    return mask


def later_days(day: pd.Timestamp, n: int, rng: np.random.Generator, days: int = 90) -> Any:
    """Days after `day`, datetime64[s] [n]."""
    start = day.to_datetime64().astype("datetime64[D]")
    return (start + rng.integers(1, days, n).astype("timedelta64[D]")).astype("datetime64[s]")


def change_spans(
    frame: pd.DataFrame, day: pd.Timestamp, rng: np.random.Generator, keys: Sequence[str]
) -> pd.DataFrame:
    """Spans that begin later are gone, by a third; of those that hold, a quarter end soon, or last if they ended."""
    if "valid_from" not in frame or "valid_to" not in frame:
        return frame
    dated = frame["announced_on"].notna() if "announced_on" in frame else pd.Series(False, index=frame.index)
    begun = frame["valid_from"].fillna(pd.Timestamp.min.as_unit("s")) <= day
    gone = (~begun & ~dated).to_numpy() & (rng.random(len(frame)) < 0.33)
    frame = frame[~gone].copy()
    begun, dated = begun[~gone], dated[~gone]
    ends = frame["valid_to"]
    last = ~frame.sort_values("valid_from", na_position="first").duplicated(list(keys), keep="last")
    holds = (begun & (ends.isna() | (ends > day)) & ~dated).to_numpy()
    some = holds & some_rows(len(frame), 0.25, rng)
    other = pd.Series(later_days(day, len(frame), rng), index=frame.index)
    sooner = some & (ends.isna() | (other < ends)).to_numpy()
    longer = some & ~sooner & last.reindex(frame.index).to_numpy()
    frame.loc[sooner, "valid_to"] = other[sooner]
    frame.loc[longer, "valid_to"] = pd.NaT
    return frame.reset_index(drop=True)


def append(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The frame with rows at its end; columns that these lack are empty."""
    if rows.empty:
        return frame
    full = {
        name: rows[name].to_numpy()
        if name in rows
        else pd.Series([None] * len(rows), dtype=frame[name].dtype)
        for name in frame.columns
    }
    return pd.concat([frame, pd.DataFrame(full).astype(frame.dtypes.to_dict())], ignore_index=True)
