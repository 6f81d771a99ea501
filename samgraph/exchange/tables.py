"""The dated rules of a market's exchanges as five small tables, each row with its source.

    boards        board, pattern: which company ids trade there; the first pattern that fits whole
    price_limits  board, valid_from, valid_to, rate, st_rate: largest move from the reference price
    new_listings  board, listed_from, listed_to, days, rate: what holds on a new share's first trading days instead;
                  an empty rate is no limit, a filled one refers to the issue price
    orders        board, valid_from, valid_to, least, step, settle_days: an order's shares, and the trading days from
                  a purchase to the first sale (T+1 is 1)
    fees          fee, kind (commission, fee, tax), board (* is every one), side (buy, sell, both), valid_from,
                  valid_to, rate of the amount, minimum of a trade; rows that hold together add up

Dates are half-open intervals. The tables beside this module are the A-share market's. A folder of a user's own
replaces those that it holds, so that another market or a broker's contract needs no program.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ConfigError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

A_SHARE = "a_share"
BUILT_IN = Path(__file__).resolve().parent
EVERY = "*"
KINDS = ("commission", "fee", "tax")
COLUMNS = {
    "boards": ("board", "pattern"),
    "price_limits": ("board", "valid_from", "valid_to", "rate", "st_rate"),
    "new_listings": ("board", "listed_from", "listed_to", "days", "rate"),
    "orders": ("board", "valid_from", "valid_to", "least", "step", "settle_days"),
    "fees": ("fee", "kind", "board", "side", "valid_from", "valid_to", "rate", "minimum"),
}
_NUMBERS = ("rate", "st_rate", "days", "least", "step", "settle_days", "minimum")
_DATES = ("valid_from", "valid_to", "listed_from", "listed_to")


@dataclass(frozen=True)
class Row:
    """A row of a table: what it says of a board from a day on, until another (half-open).

    Attributes:
        board: its name, or `*`; first, last: [n] numbers of days since 1970-01-01.
        values: the numbers, NaN where empty; words: the texts.
    """

    board: str
    first: int
    last: int
    values: Mapping[str, float]
    words: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Exchange:
    """The rules of one market; `rows` by table, `fingerprint` a SHA-256 of what the tables say."""

    name: str
    boards: tuple[str, ...]
    patterns: tuple[str, ...]
    rows: Mapping[str, tuple[Row, ...]]
    fingerprint: str

    def board(self, stocks: Sequence[str]) -> Ints:
        """Position in `boards` of each stock's board [n_stocks].

        Raises:
            ConfigError: an id that no pattern fits
        """
        patterns = [re.compile(pattern) for pattern in self.patterns]
        out = []
        for stock in stocks:
            place = next((place for place, one in enumerate(patterns) if one.fullmatch(stock)), None)
            if place is None:
                raise ConfigError(
                    f"the exchange tables of {self.name} have no board for {stock}; add a pattern that fits it to "
                    "boards.csv (.* fits every id)"
                )
            out.append(place)
        return np.array(out, dtype=np.int64)

    def dated(self, table: str, value: str, dates: pd.DatetimeIndex, *, empty: float = math.nan) -> Floats:
        """A number by day and board [n_dates, n_boards] (the last row that holds then), `empty` where none does."""
        return self._filled(table, value, dates, lambda _, new: new, empty)

    def fee(self, value: str, kind: str, side: str, dates: pd.DatetimeIndex) -> Floats:
        """The sum of all fees of a kind on a side of trades, `rate` or `minimum`, by day and board."""
        return self._filled("fees", value, dates, np.add, 0.0, lambda row: _is_fee(row, kind, side))

    def _filled(
        self,
        table: str,
        value: str,
        dates: pd.DatetimeIndex,
        put: Callable[[Floats, float], Any],
        empty: float,
        wanted: Callable[[Row], bool] = lambda _: True,
    ) -> Floats:
        days = day_numbers(dates)
        out = np.full((len(days), len(self.boards)), empty)
        for row in self.rows[table]:
            if not wanted(row) or math.isnan(row.values[value]):
                continue
            inside = (days >= row.first) & (days < row.last)
            for place, board in enumerate(self.boards):
                if row.board in (board, EVERY):
                    out[inside, place] = put(out[inside, place], row.values[value])
        return out


def _is_fee(row: Row, kind: str, side: str) -> bool:
    return row.words["kind"] == kind and row.words["side"] in (side, "both")


def day_numbers(dates: Any) -> Ints:
    """Days since 1970-01-01 of dates or datetime64 values; NaT is the lowest number."""
    return np.asarray(dates).astype("datetime64[D]").astype(np.int64)


@functools.cache
def exchange(name: str | Path = A_SHARE) -> Exchange:
    """The rules called `a_share`, or those of a folder of tables, with the A-share tables for those it lacks.

    Raises:
        ConfigError: no such folder, a table without a column, a cell that is none of its kind, an unknown board
    """
    folder = None if name == A_SHARE else Path(name)
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"trading.exchange is {str(name)!r}, which is neither a_share nor a folder of exchange tables"
        )
    own = (
        {} if folder is None else {t: folder / f"{t}.csv" for t in COLUMNS if (folder / f"{t}.csv").exists()}
    )
    if folder is not None and not own:
        raise ConfigError(
            f"{folder} holds none of the exchange tables {', '.join(f'{t}.csv' for t in COLUMNS)}"
        )
    paths = {table: own.get(table, BUILT_IN / f"{table}.csv") for table in COLUMNS}
    cells = {table: _read(path, COLUMNS[table]) for table, path in paths.items()}
    boards = tuple(cell["board"] for _, cell in cells["boards"])
    rows = {
        table: tuple(_row(paths[table], line, cell) for line, cell in cells[table])
        for table in COLUMNS
        if table != "boards"
    }
    _check(paths, cells, boards, rows)
    digest = hashlib.sha256("\0".join(path.read_text(encoding="utf-8") for path in paths.values()).encode())
    patterns = tuple(cell["pattern"] for _, cell in cells["boards"])
    return Exchange(str(name), boards, patterns, rows, digest.hexdigest())


def _read(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """(line, cells by column) of a table; unknown columns, such as `source`, are for its readers."""
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"the exchange table {path} cannot be read ({error})") from error
    header = lines[0] if lines else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise ConfigError(
            f"the exchange table {path} has no column {missing[0]} (found: {', '.join(header)})"
        )
    found = []
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise ConfigError(f"line {number} of {path} has {len(cells)} cells, its header {len(header)}")
        found.append((number, {name: cells[header.index(name)].strip() for name in columns}))
    return found


def _row(path: Path, line: int, cells: Mapping[str, str]) -> Row:
    """A row with its numbers and days read."""
    ends = {}
    for name, text in cells.items():
        if name in _DATES:
            try:
                ends[name] = int(np.datetime64(text, "D").astype(np.int64)) if text else None
            except ValueError:
                raise ConfigError(
                    f"line {line} of {path}: {name} {text!r} is not a date such as 2023-08-28"
                ) from None
    first, last = ends.values()
    if first is not None and last is not None and last <= first:
        raise ConfigError(f"line {line} of {path}: its end is not after its beginning")
    values = {}
    for name in cells.keys() & set(_NUMBERS):
        try:
            values[name] = float(cells[name]) if cells[name] else math.nan
        except ValueError:
            raise ConfigError(f"line {line} of {path}: {name} {cells[name]!r} is not a number") from None
        if values[name] < 0 or math.isinf(values[name]):
            raise ConfigError(f"line {line} of {path}: {name} is {cells[name]}; it must be 0 or more")
    words = {name: text for name, text in cells.items() if name in ("fee", "kind", "side")}
    limit = np.iinfo(np.int64)
    return Row(
        cells["board"],
        limit.min + 1 if first is None else first,
        limit.max if last is None else last,
        values,
        words,
    )


def _check(
    paths: Mapping[str, Path],
    cells: Mapping[str, list[tuple[int, dict[str, str]]]],
    boards: tuple[str, ...],
    rows: Mapping[str, tuple[Row, ...]],
) -> None:
    for line, cell in cells["boards"]:
        try:
            re.compile(cell["pattern"])
        except re.error as error:
            raise ConfigError(f"line {line} of {paths['boards']}: the pattern is wrong ({error})") from None
    if len(set(boards)) != len(boards) or not boards:
        raise ConfigError(f"{paths['boards']} must name each board once, and one at least")
    for table, own in rows.items():
        strange = [row.board for row in own if row.board not in boards and row.board != EVERY]
        if strange and paths[table].parent == paths["boards"].parent:
            raise ConfigError(
                f"{paths[table]} speaks of a board {strange[0]!r} that {paths['boards']} does not name"
            )
    lacking = [board for board in boards if not any(row.board in (board, EVERY) for row in rows["orders"])]
    if lacking:
        raise ConfigError(f"{paths['orders']} does not say how board {lacking[0]!r} takes orders; add a row")
    for line, cell in cells["fees"]:
        if cell["kind"] not in KINDS or cell["side"] not in ("buy", "sell", "both"):
            raise ConfigError(
                f"line {line} of {paths['fees']}: kind must be one of {', '.join(KINDS)} and side buy, sell or both"
            )
