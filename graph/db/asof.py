"""The day asked about and the moment of knowledge: the two times of every question to the graph.

Every relationship of the graph says when it is true (`valid_from`, `valid_to`: days) and when the database
knew it (`recorded_from`, `recorded_to`: moments of loading); both pairs are half-open. `PREDICATE` is the
condition for one relationship to be seen by one `AsOf`. Statements in `cypher/` spell it out for every
relationship that they follow, and a test holds them to it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from samgraph.errors import SnapshotError

# `known` is $known, or the ledger's committed moment where $known is null.
PREDICATE = (
    "{edge}.valid_from <= $as_of AND {edge}.valid_to > $as_of"
    " AND {edge}.recorded_from <= known AND {edge}.recorded_to > known"
)

OPEN_DAY = dt.date(9999, 12, 31)
"""The stored form of an end that is still open."""


@dataclass(frozen=True)
class AsOf:
    """What was true on the day `valid`, as the database knew it at the moment `known` (None: by now).

    `known` carries a time zone; moments without one are an error here, and are read as UTC by `parse_moment`.
    """

    valid: dt.date
    known: dt.datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.valid, dt.datetime) or not isinstance(self.valid, dt.date):
            raise SnapshotError(f"an as-of day is a date without a time, not {self.valid!r}")
        if self.valid >= OPEN_DAY:
            raise SnapshotError(f"the as-of day {self.valid} stands for an open end; ask for an earlier one")
        if self.known is not None and self.known.tzinfo is None:
            raise SnapshotError(
                f"the moment {self.known.isoformat()} has no time zone; give it one, such as UTC"
            )

    @classmethod
    def parse(cls, day: str, known: str | None = None) -> AsOf:
        """From texts; see `parse_day` and `parse_moment`."""
        return cls(parse_day(day), None if known is None else parse_moment(known))

    def __str__(self) -> str:
        if self.known is None:
            return self.valid.isoformat()
        return f"{self.valid.isoformat()} as known at {self.known.isoformat()}"


def parse_day(text: str) -> dt.date:
    """An ISO day, YYYY-MM-DD.

    Raises:
        SnapshotError: the text is not a calendar date
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            pass
    raise SnapshotError(f"{text!r} is not a valid date; write it as YYYY-MM-DD, such as 2024-01-31")


def parse_moment(text: str) -> dt.datetime:
    """An ISO moment, such as 2024-01-31T18:00:00+08:00; UTC without a time zone; a day alone is its start.

    Raises:
        SnapshotError: the text is not a timestamp
    """
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise SnapshotError(
            f"{text!r} is not a valid timestamp; write it as 2024-01-31T18:00:00+08:00 (UTC where the zone is left out)"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
