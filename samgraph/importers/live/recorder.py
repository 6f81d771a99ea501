"""Asking a vendor's client and keeping its answers: at a bearable rate, again where it fails, and never twice.

Each answer is one file, whole or absent, so that an interrupted run goes on where it stopped, and an import later
reads the same bytes. What the vendor says no to (a right that is missing, a wrong token) is an error at once; what
may pass (a network fault, too many calls a minute) is tried again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from samgraph.errors import DatasetError
from samgraph.files import write_frame

TRIES = 6
_TOO_FAST = re.compile(r"每分钟|频率|per minute|too many|rate limit|\b429\b", re.IGNORECASE)
_SPENT = re.compile(r"每天|每日|每小时|per day|per hour|daily limit", re.IGNORECASE)


class Recorder:
    """Keeps answers in `folder`, one file a question: folder/TABLE/KEY.parquet.

    Args:
        folder: where answers are kept
        per_minute: at most so many questions a minute
        secret: never shown, even where the vendor repeats it in an error
        sleep, clock: for tests
    """

    def __init__(
        self,
        folder: Path,
        *,
        per_minute: int,
        secret: str = "",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._gap = 60.0 / per_minute
        self._secret = secret
        self._sleep, self._clock = sleep, clock
        self._next = clock()
        self.asked = 0

    def path(self, table: str, key: str) -> Path:
        """Where the answer to a question is kept."""
        return self.folder / table / f"{key}.parquet"

    def record(
        self, table: str, key: str, ask: Callable[[], pd.DataFrame], *, keep_empty: bool = True
    ) -> pd.DataFrame | None:
        """The answer to a question: from its file, or asked for and kept; None where it is empty and not kept.

        Raises:
            DatasetError: the vendor refuses, or does not answer in `TRIES` tries
        """
        path = self.path(table, key)
        if path.is_file():
            return pd.read_parquet(path)
        answer = self._ask(f"{table} {key}", ask)
        if answer.empty and not keep_empty:
            return None
        write_frame(path, _storable(answer))
        return answer

    def _ask(self, what: str, ask: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        said = "no answer"
        for attempt in range(TRIES):
            self._wait()
            self.asked += 1
            pause = 2.0**attempt
            try:
                answer = ask()
            except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
                # Network faults are OSErrors; a page instead of an answer fails in the client's parsing.
                said = self._told(error)
            except DatasetError:
                raise
            except Exception as error:  # what clients raise for a vendor's refusal has no type of its own
                said = self._told(error)
                if _SPENT.search(said):
                    raise DatasetError(
                        f"{what}: the vendor answers no more for now ({said}); go on later"
                    ) from None
                if not _TOO_FAST.search(said):
                    raise DatasetError(
                        f"{what}: the vendor refuses ({said}); see to it, then go on"
                    ) from None
                pause = 60.0
            else:
                if isinstance(answer, pd.DataFrame) and len(answer.columns):
                    return answer
                said = "an answer without columns"
            if attempt + 1 < TRIES:
                self._sleep(pause)
        raise DatasetError(
            f"{what}: no answer in {TRIES} tries ({said}); check the connection and run the same command again to go on"
        )

    def _wait(self) -> None:
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._gap

    def _told(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        if self._secret:
            text = text.replace(self._secret, "***")
        return text[:300]


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed kinds as text, so that every answer can be kept."""
    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    for name in frame.columns:
        if frame[name].dtype == object:
            kinds = {type(value) for value in frame[name].dropna()}
            if len(kinds) > 1:
                frame[name] = frame[name].map(lambda value: None if pd.isna(value) else str(value))
    return frame
