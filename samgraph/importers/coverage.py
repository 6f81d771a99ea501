"""Where every row of a vendor's table went: each ends in exactly one cause, and the counts add up to the rows read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Bools = npt.NDArray[np.bool_]
Outcome = Literal["used", "changed", "merged", "rejected", "ignored"]
OUTCOMES: tuple[Outcome, ...] = ("used", "changed", "merged", "rejected", "ignored")
"""As it is; used, but not as it is; said before; cannot be used; not needed."""

AS_IT_IS = "used as it is"
COLUMNS = ("table", "outcome", "cause", "rows")


class Account:
    """The account of one source table: an outcome and a cause for each of its `length` rows.

    Rows begin as used. The first of `reject`, `merge` and `ignore` to name a row settles it; `change` says what was
    done to a row that is used, and the last one said stands.
    """

    def __init__(self, table: str, length: int) -> None:
        self.table = table
        self._outcome = np.zeros(length, dtype=np.int8)
        self._cause = np.zeros(length, dtype=np.int32)
        self._causes = [AS_IT_IS]

    @property
    def left(self) -> Bools:
        """Which rows are still to be used, [n_rows]."""
        return self._outcome < 2

    def change(self, rows: npt.ArrayLike, cause: str) -> None:
        """Rows (a mask or positions) that are used, but not as they are."""
        self._settle(rows, "changed", cause)

    def merge(self, rows: npt.ArrayLike, cause: str) -> None:
        """Rows that say what another row has said."""
        self._settle(rows, "merged", cause)

    def reject(self, rows: npt.ArrayLike, cause: str) -> None:
        """Rows that cannot be used."""
        self._settle(rows, "rejected", cause)

    def ignore(self, rows: npt.ArrayLike, cause: str) -> None:
        """Rows that a dataset has no use for."""
        self._settle(rows, "ignored", cause)

    def _settle(self, rows: npt.ArrayLike, outcome: Outcome, cause: str) -> None:
        places = np.asarray(rows)
        if places.dtype == np.bool_:
            places = np.flatnonzero(places)
        places = places[self.left[places]] if len(places) else places.astype(np.int64)
        if len(places):
            if cause not in self._causes:
                self._causes.append(cause)
            self._outcome[places] = OUTCOMES.index(outcome)
            self._cause[places] = self._causes.index(cause)

    def split(self, rows: Bools) -> tuple[Account, Account]:
        """The accounts of the rows of a mask, and of all others, each in their order and settled as they are here."""
        parts = []
        for which in (rows, ~rows):
            part = Account(self.table, int(which.sum()))
            part._outcome, part._cause = self._outcome[which], self._cause[which]
            part._causes = list(self._causes)
            parts.append(part)
        return parts[0], parts[1]

    @staticmethod
    def joined(table: str, parts: Sequence[Account]) -> Account:
        """The account of the rows of all parts, one after the other."""
        whole = Account(table, 0)
        whole._causes = list(dict.fromkeys(cause for part in (whole, *parts) for cause in part._causes))
        code = {cause: number for number, cause in enumerate(whole._causes)}
        codes = [np.array([code[cause] for cause in part._causes], dtype=np.int32) for part in parts]
        causes = [of[part._cause] for of, part in zip(codes, parts, strict=True)]
        whole._outcome = np.concatenate([whole._outcome, *(part._outcome for part in parts)])
        whole._cause = np.concatenate([whole._cause, *causes])
        return whole

    def frame(self) -> pd.DataFrame:
        """One row per cause, in the order of outcomes and then of size: table, outcome, cause, rows."""
        counted = pd.DataFrame({"outcome": self._outcome, "cause": self._cause}).value_counts(sort=False)
        rows = sorted(
            ((int(outcome), self._causes[cause], int(count)) for (outcome, cause), count in counted.items()),  # type: ignore[misc,has-type]
            key=lambda row: (row[0], -row[2], row[1]),
        )
        return pd.DataFrame(
            [(self.table, OUTCOMES[outcome], cause, count) for outcome, cause, count in rows],
            columns=list(COLUMNS),
        )


class Tally:
    """The account of a table too long, or too oddly made, for one entry a row: rows by outcome and cause."""

    def __init__(self, table: str) -> None:
        self.table = table
        self._rows: dict[tuple[Outcome, str], int] = {}

    def add(self, outcome: Outcome, cause: str, rows: int) -> None:
        """So many more rows (fewer, where negative: they are counted elsewhere)."""
        self._rows[outcome, cause] = self._rows.get((outcome, cause), 0) + rows

    def include(self, account: Account) -> None:
        """All rows of an account of a part of the table."""
        frame = account.frame()
        for outcome, cause, rows in zip(frame["outcome"], frame["cause"], frame["rows"], strict=True):
            self.add(outcome, cause, rows)

    def frame(self) -> pd.DataFrame:
        """As `Account.frame`."""
        rows = sorted(
            ((outcome, cause, rows) for (outcome, cause), rows in self._rows.items() if rows),
            key=lambda row: (OUTCOMES.index(row[0]), -row[2], row[1]),
        )
        return pd.DataFrame([(self.table, *row) for row in rows], columns=list(COLUMNS))


def coverage(accounts: Sequence[Account | Tally]) -> pd.DataFrame:
    """The accounts of all tables as one: table, outcome, cause, rows."""
    frames = [account.frame() for account in accounts]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def merge_repeats(account: Account, frame: pd.DataFrame, key: Sequence[str]) -> None:
    """Settle rows that share their key: exact repeats are merged, rows that contradict each other rejected.

    `frame` has the account's rows; only those still left are looked at. Which of two contradicting rows is right
    cannot be known, so neither is used.
    """
    places = np.flatnonzero(account.left)
    rows = frame.iloc[places]
    shared = rows.duplicated(list(key), keep=False).to_numpy()
    if not shared.any():
        return
    places, rows = places[shared], rows[shared]
    repeats = rows.duplicated().to_numpy()
    account.merge(places[repeats], "the same row again")
    clash = rows[~repeats].duplicated(list(key), keep=False).to_numpy()
    account.reject(places[~repeats][clash], f"rows of one {' and '.join(key)} contradict each other")
