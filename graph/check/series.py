"""The checks of the price tables, `bars` and `benchmarks`: millions of rows, some hundred thousand at a time.

A row that cannot be used does not stop a load: it is listed, and `usable_bars` leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.cells import complete, note_cells
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.groups import Groups
from samgraph.graph.dataset.folder import Dataset

Bools = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]

_PRICES = ("open", "high", "low", "close")
STRAY = "next to no company traded on its date: no trading day"
_HISTORY, _LEAST_HISTORY, _LEAST_SHARE = 20, 5, 0.1
_FACTORS = (
    "vwap",
    "adj_factor",
    "market_cap",
    "float_cap",
)  # may be empty, but neither zero, negative nor infinite


def bar_faults(bars: pd.DataFrame) -> list[tuple[npt.NDArray[np.int64], str]]:
    """(row positions, reason) for each kind of fault among bars; a row may be in several."""
    repeats = (_repeats(bars, "company_id"), "another row has the same date and company_id")
    return [(np.flatnonzero(mask), reason) for mask, reason in (*_bar_masks(bars), repeats) if mask.any()]


def _bar_masks(bars: pd.DataFrame) -> Iterator[tuple[Bools, str]]:
    """Faults that a bar has by itself."""
    for name in (*_PRICES, *_FACTORS):
        if name in bars.columns:
            with np.errstate(invalid="ignore"):
                yield bars[name].to_numpy() <= 0, f"{name} is not above 0"
    yield bars["volume"].to_numpy() < 0, "volume is negative"
    yield bars["high"].to_numpy() < bars["low"].to_numpy(), "high is below low"


def _benchmark_masks(benchmarks: pd.DataFrame) -> Iterator[tuple[Bools, str]]:
    yield benchmarks["close"].to_numpy() <= 0, "close is not above 0"


def usable_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """The rows of `bars` (as `Dataset.read` gives them) that a load does not list as unusable.

    Every price filled, finite and above 0; adj_factor, vwap, market_cap finite and above 0 where filled; high
    not below low; date and company filled, once each, on a trading day (`stray_days`). An exact repeat of a row is
    kept once.
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
    usable = bars[~wrong]
    stray = usable["date"].isin(stray_days(usable["date"], usable["volume"])).to_numpy()
    return usable[~stray].reset_index(drop=True)


def trading_days(dataset: Dataset) -> Days:
    """The days of table bars on which companies traded, rising; without `stray_days`."""
    counted: pd.Series = pd.Series(dtype="int64")
    for part in dataset.parse_parts("bars", ["date", "volume"]):
        day = part.frame["date"].to_numpy().astype("datetime64[D]")
        traded = pd.Series(part.frame["volume"].to_numpy() > 0)[~np.isnat(day)]
        counted = counted.add(traded.groupby(day[~np.isnat(day)]).sum(), fill_value=0)
    counted = counted.sort_index()
    days = pd.DatetimeIndex(counted.index).difference(_stray(counted))
    return np.asarray(days.to_numpy()).astype("datetime64[D]")


def read_bars(dataset: Dataset, *, further: Sequence[str] = (), until: Any = None) -> pd.DataFrame:
    """The usable bars of a dataset: the one reader of everyone who reckons with prices.

    Args:
        dataset: has the table bars
        further: columns of numbers that the program does not know
        until: the last day, with it; later rows are not looked at
    """
    bars = dataset.read("bars", further=further)
    return usable_bars(bars if until is None else bars[bars["date"] <= pd.Timestamp(until)])


def read_benchmarks(dataset: Dataset) -> pd.DataFrame:
    """The rows of table benchmarks that a load does not list as unusable; an exact repeat once."""
    table = dataset.read("benchmarks").drop_duplicates()
    table = table[table[["benchmark", "date", "close"]].notna().all(axis=1)]
    close = table["close"].to_numpy()
    wrong = ~np.isfinite(close) | (close <= 0) | _repeats(table, "benchmark")
    usable: pd.DataFrame = table[~wrong].reset_index(drop=True)
    return usable


def stray_days(date: pd.Series, volume: pd.Series) -> pd.DatetimeIndex:
    """Days that are no trading days: fewer companies traded than a tenth of the median of the 20 days before.

    A vendor's stray bar on a holiday would make a day of its own, on which every other stock has no price, and a
    holiday filled with the last prices one on which nothing moves. Only days before count, so that later ones change
    nothing; the first five are never judged.

    Args:
        date: of each bar, [n_rows]
        volume: of each bar, 0 or NaN where there was no trade, [n_rows]
    """
    day = date.to_numpy().astype("datetime64[D]")
    traded = (volume.to_numpy() > 0) & ~np.isnat(day)
    counted = pd.Series(traded[~np.isnat(day)]).groupby(day[~np.isnat(day)]).sum()
    return _stray(counted)


def _stray(counted: pd.Series) -> pd.DatetimeIndex:
    """The days of no trade among counts of companies that traded, by day, rising."""
    usual = counted.shift().rolling(_HISTORY, min_periods=_LEAST_HISTORY).median()
    return pd.DatetimeIndex(counted.index[(counted < _LEAST_SHARE * usual).to_numpy()]).as_unit("s")


def _repeats(frame: pd.DataFrame, by: str) -> npt.NDArray[np.bool_]:
    """Which rows share date and `by` with another row."""
    codes, _ = pd.factorize(frame[by])
    days = frame["date"].to_numpy().astype("datetime64[D]").astype("int64")
    filled = (codes >= 0) & frame["date"].notna().to_numpy()
    key = codes.astype("int64") * 10_000_000 + days
    return pd.Series(key).duplicated(keep=False).to_numpy() & filled


_MASKS = {"bars": _bar_masks, "benchmarks": _benchmark_masks}
_NAMES = {"bars": "company_id", "benchmarks": "benchmark"}
_SAME = {
    "bars": "another row has the same date and company_id",
    "benchmarks": "another row has the same benchmark and date",
}
_SPAN = 4_000_000
"""More than the days of the calendar, from 1 for 0001-01-01; 0 is an empty day."""
_BEFORE = 1 - (np.datetime64("0001-01-01", "D") - np.datetime64("1970-01-01", "D")).astype(np.int64)


@dataclass(frozen=True)
class SeriesCheck:
    """What is wrong in a table of prices, read in parts: of every row a number for its key waits, in files if many.

    `read` rows, of which `merged` are exact repeats of an earlier one and `capped` have a market cap.
    """

    name: str
    read: int
    merged: int
    unknown_columns: tuple[str, ...]
    _faults: dict[str, npt.NDArray[np.int64]]
    _repeats: npt.NDArray[np.int64]
    _keys: Groups
    _ids: tuple[str, ...]
    capped: int = 0

    @classmethod
    def of(cls, dataset: Dataset, name: str, findings: Findings) -> SeriesCheck:
        """Read a table; cells that cannot be used are noted at once, the rest by `note`."""
        places: dict[str, int] = {}
        faults: dict[str, list[npt.NDArray[np.int64]]] = {}
        keys, begin, lines, capped = Groups(), 0, 0, 0
        unknown: tuple[str, ...] = ()
        for parsed in dataset.parse_parts(name):
            unknown, lines = parsed.unknown_columns, lines + len(parsed.ragged)
            note_cells(parsed, findings, begin)
            frame = complete(parsed)
            for mask, reason in _MASKS[name](frame):
                faults.setdefault(reason, []).append(np.flatnonzero(mask) + begin)
            key = _key(frame, _NAMES[name], places)
            capped += int((frame["market_cap"].to_numpy() > 0).sum()) if "market_cap" in frame.columns else 0
            traded = frame["volume"].to_numpy() > 0 if "volume" in frame.columns else False
            keys.append(pd.DataFrame({"key": key, "traded": traded}, index=frame.index + begin), key)
            begin += len(frame)
        shared = [rows.index.to_numpy()[_shared(rows["key"].to_numpy())] for rows in keys]
        repeats = _exact_repeats(dataset, name, np.sort(np.concatenate(shared)))
        return cls(
            name=name,
            read=begin + lines,
            merged=len(repeats),
            unknown_columns=unknown,
            _faults={reason: np.concatenate(rows) for reason, rows in faults.items()},
            _repeats=repeats,
            _keys=keys,
            _ids=tuple(places),
            capped=capped,
        )

    def without_caps(self) -> list[str]:
        """What bars without market caps mean for all that follows, as a sentence; empty where most have one."""
        if not self.read or self.capped > 0.5 * self.read:
            return []
        lacks = (
            "none of its rows has" if not self.capped else f"only {self.capped:,} of {self.read:,} rows have"
        )
        return [
            f"table bars: {lacks} a market_cap; without one nothing is neutralised for size, and concepts, "
            "regressions and a universe without a benchmark weigh its companies equally"
        ]

    def note(self, findings: Findings, companies: pd.Series | None) -> None:
        """Note the rows that cannot be used; with `companies`, those of none of them too."""
        for reason, rows in self._faults.items():
            self._note(findings, rows, reason)
        known = None if companies is None else pd.Series(self._ids, dtype="str").isin(companies).to_numpy()
        for keys in self._keys:
            rows, key = keys.index.to_numpy(), keys["key"].to_numpy()
            named, day = np.divmod(key, _SPAN)
            whole = (named > 0) & (day > 0) & ~np.isin(rows, self._repeats)
            self._note(findings, rows[whole][_shared(key[whole])], _SAME[self.name])
            if known is not None:
                strange = ~np.append(True, known)[named]
                self._note(findings, rows[strange], "company_id is not in table companies")
        if self.name == "bars":
            self._note_stray(findings)

    def _note_stray(self, findings: Findings) -> None:
        """Note the bars of days that are no trading days, as `usable_bars` leaves them out."""
        unusable = np.union1d(findings.rows(self.name), self._repeats)
        counted: pd.Series = pd.Series(dtype="int64")
        for keys in self._keys:
            here = keys[~np.isin(keys.index.to_numpy(), unusable)]
            counted = counted.add(here["traded"].groupby(here["key"] % _SPAN).sum(), fill_value=0)
        days = counted.index.to_numpy().astype(np.int64) - _BEFORE
        counted.index = pd.Index(days.astype("datetime64[D]").astype("datetime64[s]"))
        stray = _stray(counted.sort_index()).to_numpy().astype("datetime64[D]").astype(np.int64) + _BEFORE
        for keys in self._keys if len(stray) else ():
            self._note(findings, keys.index.to_numpy()[np.isin(keys["key"].to_numpy() % _SPAN, stray)], STRAY)

    def _note(self, findings: Findings, rows: npt.NDArray[np.int64], reason: str) -> None:
        findings.add(self.name, np.setdiff1d(rows, self._repeats), reason, fatal=False)


def _key(frame: pd.DataFrame, name: str, places: dict[str, int]) -> npt.NDArray[np.int64]:
    """One number for (name, date), 0 for an empty one of either; `places` numbers the names and grows."""
    codes, distinct = pd.factorize(frame[name])
    place = np.array([*(places.setdefault(one, len(places) + 1) for one in distinct), 0], dtype=np.int64)
    days = frame["date"].to_numpy().astype("datetime64[D]")
    return place[codes] * _SPAN + np.where(np.isnat(days), 0, days.astype(np.int64) + _BEFORE)


def _shared(key: npt.NDArray[np.int64]) -> Bools:
    """Which rows share their key with another one, [n_rows]."""
    ordered = np.sort(key)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.isin(key, again) if len(again) else np.zeros(len(key), dtype=bool)


def _exact_repeats(dataset: Dataset, name: str, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those of some rows that say what an earlier one of them says, too; reads the table once more."""
    if not len(positions):
        return positions
    found, begin = [], 0
    for parsed in dataset.parse_parts(name):
        frame = complete(parsed)
        here = positions[(positions >= begin) & (positions < begin + len(frame))] - begin
        found.append(frame.iloc[here])
        begin += len(frame)
    repeated: Bools = pd.concat(found, ignore_index=True).duplicated().to_numpy(dtype=bool)
    again: npt.NDArray[np.int64] = positions[repeated]
    return again
