"""Labelled input: frames and series are put in their places by label, never by position.

A frame has days as rows and stocks as columns; a series has (day, stock) as its index, the form of alphalens. Days are
dates, timestamps or ISO text. Plain arrays have no labels and are taken as they lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ModelError


@dataclass(frozen=True, eq=False)
class Axes:
    """The days and stocks that a panel's rows and columns stand for."""

    dates: pd.DatetimeIndex
    stocks: pd.Index

    @classmethod
    def of(cls, dates: Any, stocks: Sequence[Any] | pd.Index, name: str = "dates") -> Axes:
        """Axes that were given as such."""
        return cls(days_of(dates, name), _distinct(pd.Index(map(str, stocks)), f"the stocks of {name}"))


def labelled(values: Any) -> bool:
    """Whether values carry labels."""
    return isinstance(values, (pd.DataFrame, pd.Series))


def days_of(days: Any, name: str = "dates") -> pd.DatetimeIndex:
    """Days given as dates, timestamps (whose time of day is left out) or ISO text, without a time zone, each once.

    Raises:
        ModelError: what is not a date, a moment of a time zone, or a day twice.
    """
    try:
        index = pd.DatetimeIndex(pd.to_datetime(pd.Index(days), format=None if _dated(days) else "ISO8601"))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{name} has labels that are no days ({error}); give dates or ISO text.") from error
    if index.tz is not None:
        if not index.equals(index.normalize()):
            raise ModelError(
                f"{name} are moments of the time zone {index.tz}, such as {index[0]}, and which day that is elsewhere "
                "is not said; convert them to the market's time zone and take their days."
            )
        index = index.tz_localize(None)
    found: pd.DatetimeIndex = _distinct(index.normalize().as_unit("s"), f"the days of {name}")
    return found


def given_axes(values: Any, dates: Any, stocks: Sequence[Any]) -> Axes | None:
    """The axes that labelled values are put on; None for a plain array."""
    return Axes.of(dates, stocks) if labelled(values) else None


def axes_of(values: Any, name: str) -> Axes | None:
    """The axes of a labelled panel; None for a plain array.

    Raises:
        ModelError: labels that are no days, or twice the same.
    """
    if not labelled(values):
        return None
    frame = _wide(values, name)
    return Axes.of(frame.index, list(frame.columns), name)


def placed(values: Any, name: str, axes: Axes) -> Any:
    """A labelled panel on `axes`: an object or number array [n_dates, n_stocks], NaN where it has no value.

    Raises:
        ModelError: it has no day, or no stock, in common with the axes.
    """
    frame = _wide(values, name)
    own = Axes.of(frame.index, list(frame.columns), name)
    frame = frame.set_axis(own.dates, axis=0).set_axis(own.stocks, axis=1)
    for what, mine, others in (("day", own.dates, axes.dates), ("stock", own.stocks, axes.stocks)):
        if len(mine) and len(others) and not mine.isin(others).any():
            raise ModelError(
                f"{name} has no {what} in common with what it is held against "
                f"({mine[0]} … and {others[0]} …); use the same labels in both."
            )
    found = frame.reindex(index=axes.dates, columns=axes.stocks).to_numpy()
    return np.ascontiguousarray(found)  # sums run in the order of memory


def paired(one: Any, other: Any) -> tuple[Any, Any]:
    """Two series [n_dates] side by side: by label where both have labels, as they lie where neither has.

    Raises:
        ModelError: only one has labels and the lengths differ, labels twice, or none in common.
    """
    if not (isinstance(one, pd.Series) and isinstance(other, pd.Series)):
        return one, other
    if one.index.equals(other.index):
        return one.to_numpy(), other.to_numpy()
    for series in (one, other):
        _distinct(series.index, "a series")
    if not one.index.isin(other.index).any():
        raise ModelError("the two series have no day in common; use the same labels in both.")
    left, right = one.align(other, join="outer")
    return left.to_numpy(), right.to_numpy()


def _dated(days: Any) -> bool:
    return pd.api.types.is_datetime64_any_dtype(pd.Index(days).dtype)


def _wide(values: Any, name: str) -> pd.DataFrame:
    if isinstance(values, pd.DataFrame):
        return values
    if values.index.nlevels != 2:
        raise ModelError(f"{name} is a series with {values.index.nlevels} index level(s); give (day, stock).")
    if values.index.has_duplicates:
        raise ModelError(f"{name} has a value twice for {values.index[values.index.duplicated()][0]}.")
    wide: pd.DataFrame = values.unstack(level=1)  # noqa: PD010  (a missing pair stays missing)
    return wide


def _distinct(index: Any, name: str) -> Any:
    if index.has_duplicates:
        raise ModelError(f"{name} hold {index[index.duplicated()][0]} twice; each label may stand once.")
    return index
