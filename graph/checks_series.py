"""The checks of the price tables, `bars` and `benchmarks`: millions of rows, in whole columns at once.

A row that cannot be used does not stop a load: it is listed, and `usable_bars` leaves it out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.findings import Findings

_PRICES = ("open", "high", "low", "close")
_FACTORS = ("vwap", "adj_factor", "market_cap")  # may be empty, but neither zero, negative nor infinite


def bar_faults(bars: pd.DataFrame) -> list[tuple[npt.NDArray[np.int64], str]]:
    """(row positions, reason) for each kind of fault among bars; a row may be in several."""
    faults: list[tuple[npt.NDArray[np.bool_], str]] = []
    for name in (*_PRICES, *_FACTORS):
        if name in bars.columns:
            values = bars[name].to_numpy()
            with np.errstate(invalid="ignore"):
                faults.append((values <= 0, f"{name} is not above 0"))
    faults.append((bars["volume"].to_numpy() < 0, "volume is negative"))
    faults.append((bars["high"].to_numpy() < bars["low"].to_numpy(), "high is below low"))
    faults.append((_repeats(bars, "company_id"), "another row has the same date and company_id"))
    return [(np.flatnonzero(mask), reason) for mask, reason in faults if mask.any()]


def usable_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """The rows of `bars` (as `Dataset.read` gives them) that a load does not list as unusable.

    Every price filled, finite and above 0; adj_factor, vwap, market_cap finite and above 0 where filled; high
    not below low; date and company filled, once each. An exact repeat of a row is kept once.
    """
    names = ["date", "company_id", *_PRICES]
    bars = bars.loc[bars[names].notna().all(axis=1)]
    wrong = np.zeros(len(bars), dtype=bool)
    for name in (*_PRICES, *_FACTORS, "volume"):
        if name in bars.columns:
            wrong |= np.isinf(bars[name].to_numpy())
    shared = _repeats(bars, "company_id")
    if shared.any():
        repeated = np.zeros(len(bars), dtype=bool)
        repeated[shared] = bars[shared].duplicated().to_numpy()
        bars, wrong = bars[~repeated], wrong[~repeated]
    for rows, _ in bar_faults(bars):
        wrong[rows] = True
    return bars[~wrong].reset_index(drop=True)


def _repeats(frame: pd.DataFrame, by: str) -> npt.NDArray[np.bool_]:
    """Which rows share date and `by` with another row."""
    codes, _ = pd.factorize(frame[by])
    days = frame["date"].to_numpy().astype("datetime64[D]").astype("int64")
    filled = (codes >= 0) & frame["date"].notna().to_numpy()
    key = codes.astype("int64") * 10_000_000 + days
    return pd.Series(key).duplicated(keep=False).to_numpy() & filled


def check_bars(bars: pd.DataFrame, companies: pd.Series, findings: Findings) -> None:
    """Note the bars (complete, indexed by position) that cannot be used."""
    index = bars.index.to_numpy()
    for rows, reason in bar_faults(bars):
        findings.add("bars", index[rows], reason, fatal=False)
    codes, distinct = pd.factorize(bars["company_id"])
    strange = np.append(~pd.Series(distinct).isin(companies).to_numpy(), False)[codes]
    findings.add("bars", index[strange], "company_id is not in table companies", fatal=False)


def check_benchmarks(benchmarks: pd.DataFrame, findings: Findings) -> None:
    """Note the benchmark levels that cannot be used."""
    index = benchmarks.index.to_numpy()
    not_positive = benchmarks["close"].to_numpy() <= 0
    findings.add("benchmarks", index[not_positive], "close is not above 0", fatal=False)
    repeats = _repeats(benchmarks, "benchmark")
    findings.add("benchmarks", index[repeats], "another row has the same benchmark and date", fatal=False)
