"""Spans of days [valid_from, valid_to): which of them overlap, and what weights add up to at any day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

OPEN = np.iinfo(np.int64).max
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def ends(valid_to: pd.Series) -> Ints:
    """Ends as numbers that sort: an open end (NaT) is greater than any day."""
    days = valid_to.to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(days), OPEN, days.astype("int64"))


def starts(valid_from: pd.Series) -> Ints:
    """Starts as numbers that sort."""
    return valid_from.to_numpy().astype("datetime64[s]").astype("int64")


def overlapping(frame: pd.DataFrame, by: Sequence[str]) -> Ints:
    """For each row the position of another row of its group that overlaps it, or -1, [n_rows].

    A group shares the columns `by`; the frame has valid_from and valid_to (NaT is open).
    """
    found = np.full(len(frame), -1, dtype=np.int64)
    if len(frame) < 2:
        return found
    group = frame.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy()
    start, end = starts(frame["valid_from"]), ends(frame["valid_to"])
    order = np.lexsort((start, group))
    group, start, end = group[order], start[order], end[order]
    # In order of start, a row overlaps something later exactly if it overlaps the next one.
    with_next = np.append((group[1:] == group[:-1]) & (start[1:] < end[:-1]), False)
    found[order[with_next]] = order[np.flatnonzero(with_next) + 1]
    latest = pd.Series(end).groupby(group, sort=False).cummax().to_numpy()
    with_earlier = np.append(False, (group[1:] == group[:-1]) & (start[1:] < latest[:-1]))
    for position in np.flatnonzero(with_earlier & ~with_next):
        before = position - 1  # the earlier row that lasts longest may be further up
        while end[before] <= start[position]:
            before -= 1
        found[order[position]] = order[before]
    return found


def heaviest_day(frame: pd.DataFrame, by: str, weight: npt.NDArray[np.float64]) -> pd.DataFrame:
    """The greatest sum of weights of each group over all days.

    Returns a frame with one row per group: the group (column `by`), `total`, and `day`, the first day of it.
    """
    groups, names = pd.factorize(frame[by])
    closing = ~frame["valid_to"].isna().to_numpy()
    who = np.concatenate([groups, groups[closing]])
    when = np.concatenate([starts(frame["valid_from"]), ends(frame["valid_to"])[closing]])
    change = np.concatenate([weight, -weight[closing]])
    events = pd.DataFrame({"group": who, "when": when, "change": change})
    daily = events.groupby(["group", "when"], sort=True)["change"].sum().reset_index()
    daily["total"] = daily.groupby("group", sort=False)["change"].cumsum()
    top = daily.loc[daily.groupby("group", sort=False)["total"].idxmax()]
    return pd.DataFrame(
        {
            by: pd.Series(names.take(top["group"].to_numpy()), dtype="str"),
            "total": top["total"].to_numpy(),
            "day": top["when"].to_numpy().astype("datetime64[s]"),
        }
    )
