"""toraniko's `estimate_factor_returns` by samgraph: the same polars frames in, frames with the same columns out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.graph.series.snapshots import Edges

KEYS = ["date", "symbol"]


def estimate_by_samgraph(
    returns: pl.DataFrame, cap: pl.DataFrame, sectors: pl.DataFrame, styles: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Factor returns (market, sectors, styles, date) and residuals (a column of each symbol, date).

    Each frame has `date`, `symbol` and its values: `asset_returns`, `market_cap`, a column for each sector (1 for the
    one that a stock is in, 0 else) or style. As theirs: sectors first, which sum to 0, then styles on what is left.
    """
    frames = gridded([returns, cap, sectors, styles])
    names = frames[0]["symbol"][: _a_day(frames[0])]
    values, industries, looks = (
        {c: f[c].to_numpy().reshape(-1, len(names)) for f in part for c in sorted(f.columns) if c not in KEYS}
        for part in (frames[:2], frames[2:3], frames[3:])
    )
    y, size = values["asset_returns"], values["market_cap"]
    dates = frames[0]["date"].gather_every(len(names))
    axes = pd.DatetimeIndex(dates.to_numpy()), names.to_list()
    first = cross_sectional_regression(y, size, *axes, memberships=[_membership(industries)], folds=0)
    second = cross_sectional_regression(first.specific, size, *axes, styles=looks, market=False, folds=0)
    # ours have a cap-weighted mean of 0, theirs a plain one
    shift = first.returns[:, 1:].mean(axis=1, keepdims=True)
    found = np.hstack([first.returns[:, :1] + shift, first.returns[:, 1:] - shift, second.returns])
    columns = ["market", *industries, *looks]
    return _framed(found, columns, dates), _framed(second.specific, axes[1], dates)


def gridded(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """The rows that all frames have, by day and symbol, with nulls where a symbol misses a day that others have.

    Frames that are so already are passed on as they are.
    """
    first = frames[0]
    n = _a_day(first)
    names, days = first["symbol"][:n], first["date"][::n]
    if (
        all(frame[key].equals(first[key]) for frame in frames[1:] for key in KEYS)
        and len(first) == n * len(days)
        and _rises(names)
        and _rises(days)
        and first["symbol"][n:].equals(first["symbol"][:-n])
        and first["date"][n - 1 :: n].equals(days)
        and first["date"].is_sorted()
    ):
        return frames
    joined = first
    for frame in frames[1:]:
        joined = joined.join(frame, on=KEYS)
    grid = joined.select("date").unique().join(joined.select("symbol").unique(), how="cross")
    joined = grid.join(joined, on=KEYS, how="left").sort(KEYS)
    return [joined.select(frame.columns) for frame in frames]


def _framed(values: Any, columns: list[str], dates: pl.Series) -> pl.DataFrame:
    """A column of each of `columns` and `date`; values [n_dates, n_columns], NaN for null."""
    # one column of arrays taken apart: a series of its own for each of thousands takes three times as long
    rows = pl.DataFrame({"row": values, "date": dates})
    frame = rows.select(pl.col("row").arr.to_struct(columns), "date").unnest("row")
    return frame.fill_nan(None) if np.isnan(values).any() else frame


def _a_day(frame: pl.DataFrame) -> int:
    """Rows of the first day."""
    later = frame["date"] != frame["date"][0]
    return int(later.arg_max()) if later.any() else len(frame)


def _rises(values: pl.Series) -> bool:
    return bool((values[1:] > values[:-1]).all())


def _membership(scores: dict[str, Any]) -> Membership:
    """Edges of every score that is not 0; scores [n_dates, n_stocks] of each sector."""
    values = list(scores.values())
    fresh = np.arange(len(values[0])) == 0
    for score in values:
        fresh[1:] |= (score[1:] != score[:-1]).any(axis=1)
    versions = []
    for t in np.flatnonzero(fresh):
        day = np.nan_to_num(np.stack([score[t] for score in values], axis=1))
        stock, sector = np.nonzero(day)
        versions.append(Edges(stock, sector, day[stock, sector]))
    return Membership("sector", tuple(scores), tuple(scores), np.cumsum(fresh) - 1, tuple(versions))
