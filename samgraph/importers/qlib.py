"""`samgraph import qlib`: a Qlib data folder (calendars, instruments, features in bins) as bars, universes, benchmarks.

- `calendars/day.txt`: trading days. `features/INSTRUMENT/FIELD.day.bin`: little-endian float32, first the position in
  the calendar of the first value, then a value a day.
- Prices there are adjusted: `close / factor` was traded, `volume * factor` were the shares. Days without a trade are
  NaN.
- `instruments/MARKET.txt`: instrument, first and last day. The last day still belongs to the span, so `valid_to` is the
  day after; a span that lasts to the calendar's end, or beyond, is open. `all.txt` only says for which days there are
  data: it is not a universe that anyone could have known, and is taken only when asked for.

There is nothing about products here: load the segments from another import into the same graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.check.series import STRAY, stray_days
from samgraph.importers.aliases import a_share_conventions
from samgraph.importers.coverage import AS_IT_IS, Account, Tally, coverage
from samgraph.importers.names import a_share_id
from samgraph.importers.prices import PRICES, finish_bars, same_bars
from samgraph.importers.reading import Days, iso, parse_day
from samgraph.importers.writing import Imported
from samgraph.progress import stage

Floats = npt.NDArray[np.float64]

_ONE_DAY = np.timedelta64(1, "D")
_KNOWN = {
    "SH000300": "CSI300",
    "SH000903": "CSI100",
    "SH000905": "CSI500",
    "SH000852": "CSI1000",
    "SH000906": "CSI800",
}


@dataclass(frozen=True)
class QlibOptions:
    """What to take.

    markets: files of `instruments/` that become universes; None: all but all.txt
    market_cap: the field that holds market capitalisation in the currency of the prices, if there is one
    lot: shares in a unit of the volume field
    aliases: old company code -> new one, beside the known changes
    """

    markets: Sequence[str] | None = None
    market_cap: str | None = None
    lot: float = 1.0
    aliases: Mapping[str, str] = field(default_factory=dict)


def import_qlib(folder: Path, options: QlibOptions) -> Imported:
    """Turn a Qlib folder into a dataset without products.

    Raises:
        DatasetError: a file is missing or is not of its form
    """
    calendar_file = folder / "calendars" / "day.txt"
    calendar = _calendar(calendar_file)
    account = Tally("features")
    notes: list[str] = []
    last = a_share_conventions(options.aliases).successors
    bars, levels = _features(folder, calendar, options, account)
    bars["company_id"] = bars["company_id"].map(lambda one: last.get(one, one)).astype("str")
    bars = _settled(bars, account, folder / "features")
    notes += same_bars(bars)
    spans, accounts, files = _universes(folder, calendar, options, notes)
    spans["company_id"] = spans["company_id"].map(lambda one: last.get(one, one)).astype("str")
    ids = {*bars["company_id"].unique(), *spans["company_id"].unique()}
    companies = pd.DataFrame({"company_id": sorted(ids)}, dtype="str")
    companies["name"] = companies["company_id"]
    companies["exchange"] = [one[-2:] if one[-3:-2] == "." else "" for one in companies["company_id"]]
    if options.market_cap is None:
        notes.append("market_cap is empty: name the field that holds it with --market-cap, if there is one")
    empty = {
        "products": pd.DataFrame(columns=["product_id", "name", "parent_id"]),
        "segments": pd.DataFrame(
            columns=["company_id", "product_id", "period_end", "announced_on", "weight"]
        ),
    }
    tables = {**empty, "companies": companies, "bars": bars}
    if len(spans):
        tables["universes"] = spans
    if len(levels):
        tables["benchmarks"] = levels
    return Imported(
        "qlib",
        tables,
        coverage([account, *accounts]),
        notes=tuple(notes),
        options={
            "markets": options.markets,
            "market_cap": options.market_cap,
            "lot": options.lot,
            "aliases": dict(options.aliases),
        },
        files=(calendar_file, *files),
        essential="bars",
    )


def _calendar(path: Path) -> Days:
    days = []
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            day = parse_day(line.strip())
            if day is None or np.isnat(day):
                raise DatasetError(
                    f"{path}, line {number}: {line.strip()[:60]!r} is not a day; correct the calendar"
                )
            days.append(day)
    calendar = np.array(days, dtype="datetime64[D]")
    if not len(calendar) or (np.diff(calendar).astype(int) <= 0).any():
        raise DatasetError(
            f"{path} must hold rising days, one a line, and at least one; correct the calendar"
        )
    return calendar


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text; check the file") from error
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror}); name a Qlib folder with calendars, instruments and features"
        ) from error


def _is_index(instrument: str) -> bool:
    name = instrument.upper()
    return name.startswith(("SH000", "SZ399", "^"))


def _features(
    folder: Path, calendar: Days, options: QlibOptions, account: Tally
) -> tuple[pd.DataFrame, pd.DataFrame]:
    root = folder / "features"
    if not root.is_dir():
        raise DatasetError(
            f"{root} is not a folder; name a Qlib folder with calendars, instruments and features"
        )
    names = sorted(path.name for path in root.iterdir() if path.is_dir())
    bars: list[pd.DataFrame] = []
    levels: list[pd.DataFrame] = []
    with stage("read features", len(names)) as bar:
        for name in names:
            if _is_index(name):
                levels.append(_level(root / name, calendar, account))
            else:
                bars.append(_instrument(root / name, calendar, options, account))
            bar.advance()
    empty = pd.DataFrame(
        columns=["date", "company_id", *PRICES, "volume", "adj_factor", "market_cap", "tradable"]
    )
    table = pd.concat(bars, ignore_index=True) if bars else empty
    level = (
        pd.concat(levels, ignore_index=True)
        if levels
        else pd.DataFrame(columns=["benchmark", "date", "close"])
    )
    return table, level.sort_values(["benchmark", "date"], ignore_index=True)


def _settled(table: pd.DataFrame, account: Tally, root: Path) -> pd.DataFrame:
    """Bars in order, each company and day once, on trading days only.

    Raises:
        DatasetError: two folders give one company different bars on one day
    """
    repeated = table.duplicated().to_numpy()
    account.add("used", AS_IT_IS, -int(repeated.sum()))
    account.add("merged", "the same bar again: the company has two folders", int(repeated.sum()))
    table = table[~repeated]
    twice = table.duplicated(["date", "company_id"])
    if twice.any():
        raise DatasetError(
            f"{root}: two folders hold the company {table.loc[twice, 'company_id'].iloc[0]}; keep one of them"
        )
    stray = table["date"].isin(stray_days(table["date"], table["volume"])).to_numpy()
    account.add("used", AS_IT_IS, -int(stray.sum()))
    account.add("rejected", STRAY, int(stray.sum()))
    return finish_bars(table[~stray])


def _company(instrument: str) -> str:
    return a_share_id(instrument) or instrument.upper()


def _bin(path: Path, calendar: Days) -> tuple[int, Floats] | None:
    """Position of the first value, and the values; None where there is no file."""
    if not path.is_file():
        return None
    raw = path.read_bytes()
    if len(raw) < 4 or len(raw) % 4:
        raise DatasetError(f"{path} holds {len(raw)} bytes, which are no float32 values; dump it again")
    values = np.frombuffer(raw, dtype="<f4")
    start = float(values[0])
    if not (start >= 0 and start == int(start)) or int(start) + len(values) - 1 > len(calendar):
        raise DatasetError(
            f"{path} begins at position {start:g} of the calendar with {len(values) - 1} values, but the calendar has "
            f"{len(calendar)} days; dump it again"
        )
    return int(start), values[1:].astype("float64")


def _field(folder: Path, name: str, calendar: Days, start: int, length: int) -> Floats | None:
    """A field's values from calendar position `start` on, NaN where it has none."""
    found = _bin(folder / f"{name}.day.bin", calendar)
    if found is None:
        return None
    whole = np.full(len(calendar), np.nan)
    whole[found[0] : found[0] + len(found[1])] = found[1]
    return whole[start : start + length]


def _instrument(folder: Path, calendar: Days, options: QlibOptions, account: Tally) -> pd.DataFrame:
    close = _bin(folder / "close.day.bin", calendar)
    if close is None:
        raise DatasetError(f"{folder} holds no close.day.bin; dump the field, or remove the folder")
    start, length = close[0], len(close[1])
    fields: dict[str, Floats] = {}
    for name in (*PRICES, "volume", "factor"):
        values = _field(folder, name, calendar, start, length)
        if values is None:
            raise DatasetError(
                f"{folder} holds no {name}.day.bin; dump the field (prices are made raw with factor)"
            )
        fields[name] = values
    cap = _field(folder, options.market_cap, calendar, start, length) if options.market_cap else None
    vwap = _field(folder, "vwap", calendar, start, length)
    amount = _field(folder, "amount", calendar, start, length)
    factor = fields["factor"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        table = {name: fields[name] / factor for name in PRICES}
        table["volume"] = fields["volume"] * factor * options.lot
        if vwap is not None:
            raw = vwap / factor
            table["vwap"] = np.where(np.isfinite(raw) & (raw > 0), raw, np.nan)
        if amount is not None:
            _require_unit(folder, amount / table["volume"] / table["close"], options.lot)
    table["adj_factor"] = factor
    table["market_cap"] = (
        np.full(length, np.nan) if cap is None else np.where(np.isfinite(cap) & (cap > 0), cap, np.nan)
    )
    frame = pd.DataFrame({"date": calendar[start : start + length].astype("datetime64[s]"), **table})
    frame.insert(1, "company_id", _company(folder.name))
    left = np.ones(length, dtype=bool)
    for cause, wrong in (
        ("no price that day (suspended)", np.isnan(fields["close"])),
        (
            "factor is empty, infinite or not above 0: the raw price is unknown",
            ~(np.isfinite(factor) & (factor > 0)),
        ),
        ("a price is empty, infinite or not above 0", ~_sound(frame)),
        ("high is below low", (frame["high"] < frame["low"]).to_numpy()),
        (
            "volume is empty, infinite or negative",
            ~(np.isfinite(frame["volume"]) & (frame["volume"] >= 0)).to_numpy(),
        ),
    ):
        account.add("rejected", cause, int((left & wrong).sum()))
        left &= ~wrong
    account.add("used", AS_IT_IS, int(left.sum()))
    frame["tradable"] = (frame["volume"] > 0).to_numpy()
    return frame[left]


def _require_unit(folder: Path, paid: Floats, lot: float) -> None:
    """Refuse volumes in another unit than `lot`: `paid`, amount over shares over the close, is about 1 else."""
    known = paid[np.isfinite(paid) & (paid > 0)]
    if len(known) and any(0.5 < (middle := float(np.median(known)) * unit) < 2 for unit in (100.0, 0.01)):
        right = lot * 100 if middle < 2 and np.median(known) > 1 else lot / 100
        raise DatasetError(
            f"{folder}: amount over volume is {np.median(known):.3g} times the price, so a unit of volume is "
            f"{right:g} shares, not {lot:g}; say so with --lot {right:g}"
        )


def _sound(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    values = frame[list(PRICES)].to_numpy()
    return np.asarray((np.isfinite(values) & (values > 0)).all(axis=1))


def _level(folder: Path, calendar: Days, account: Tally) -> pd.DataFrame:
    """An index's levels: an index has no dividends, so where its factor is missing its close is what it is."""
    close = _bin(folder / "close.day.bin", calendar)
    if close is None:
        raise DatasetError(f"{folder} holds no close.day.bin; dump the field, or remove the folder")
    start, values = close
    factor = _field(folder, "factor", calendar, start, len(values))
    if factor is not None:
        usable = np.isfinite(factor) & (factor > 0)
        values = values / np.where(usable, factor, 1.0 if not usable.any() else np.nan)
    good = np.isfinite(values) & (values > 0)
    account.add("used", AS_IT_IS, int(good.sum()))
    account.add("rejected", "index level empty or not above 0", int((~good).sum()))
    name = folder.name.upper()
    days = iso(calendar[start : start + len(values)])
    return pd.DataFrame({"benchmark": _KNOWN.get(name, name), "date": days[good], "close": values[good]})


def _universes(
    folder: Path, calendar: Days, options: QlibOptions, notes: list[str]
) -> tuple[pd.DataFrame, list[Account], list[Path]]:
    root = folder / "instruments"
    found = sorted(root.glob("*.txt")) if root.is_dir() else []
    if options.markets is None:
        chosen = [path for path in found if path.stem.lower() != "all"]
    else:
        chosen = [root / f"{name}.txt" for name in options.markets]
    pieces, accounts = [], []
    for path in chosen:
        if not path.is_file():
            known = ", ".join(one.stem for one in found) or "none"
            raise DatasetError(f"{root} has no market {path.stem!r} (found {known}); name one of them")
        spans, account = _market(path, calendar)
        pieces.append(spans)
        accounts.append(account)
        if path.stem.lower() == "all":
            notes.append(
                "universe ALL is every instrument that the folder has data of: whoever chose them knew the future"
            )
    everyone = root / "all.txt"
    if everyone.is_file():
        spans, _ = _market(everyone, calendar)
        if len(spans) and (spans["valid_to"] == "").all():
            notes.append(
                "every instrument of all.txt lasts to the calendar's end: none was delisted, survivors only"
            )
    columns = ["universe", "company_id", "valid_from", "valid_to"]
    table = pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=columns)
    return table, accounts, chosen


def _market(path: Path, calendar: Days) -> tuple[pd.DataFrame, Account]:
    lines = [(number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()]
    rows = []
    for number, line in lines:
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        days = [parse_day(cell) for cell in cells[1:3]]
        if len(cells) < 3 or not cells[0] or any(day is None or np.isnat(day) for day in days):
            raise DatasetError(
                f"{path}, line {number}: {line.strip()[:80]!r} is not an instrument, a first and a last day; correct it"
            )
        rows.append((_company(cells[0]), days[0], days[1], _is_index(cells[0])))
    account = Account(f"instruments/{path.name}", len(rows))
    frame = pd.DataFrame(rows, columns=["company_id", "first", "last", "index"])
    frame["company_id"] = frame["company_id"].astype("str")
    first = np.array(frame["first"].tolist(), dtype="datetime64[D]")
    last = np.array(frame["last"].tolist(), dtype="datetime64[D]")
    account.ignore(frame["index"].to_numpy(dtype=bool), "an index, no company")
    account.reject(last < first, "its last day is before its first")
    still = last >= calendar[-1]
    end = (last + _ONE_DAY).astype("datetime64[D]")
    end[still] = np.datetime64("NaT", "D")
    account.change(still, "lasts to the calendar's end: open")
    table = pd.DataFrame({"universe": path.stem.upper(), "company_id": frame["company_id"]})
    table["valid_from"], table["valid_to"] = iso(first), iso(end)
    ordered = pd.DataFrame({"company": frame["company_id"], "first": first, "last": last})[account.left]
    ordered = ordered.sort_values(["company", "first"], kind="stable")
    account.merge(ordered.index[ordered.duplicated()].to_numpy(), "the same row again")
    ordered = ordered[~ordered.duplicated()]
    latest = ordered.groupby("company")["last"].cummax().groupby(ordered["company"]).shift()
    overlap = latest.notna() & (latest >= ordered["first"])
    account.reject(ordered.index[overlap].to_numpy(), "overlaps an earlier span of the same company")
    return table[account.left], account
