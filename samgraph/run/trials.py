"""The ledger of trials: every finished run of this user, so that a good result can be held against how many were tried.

One line of JSON a finished run, appended to `trials.jsonl` in SAMGRAPH_HOME (or to the file that SAMGRAPH_TRIALS
names): the data's fingerprint, universe, period, a hash of the settings, and each variant's daily excess returns. A
trial is one variant of one configuration. The same configuration run again counts once; what changes no number
(jobs, the server, where the data lie) makes no new configuration. Nothing is ever removed: a bad trial counts too.
A run with `--quick` tries the plumbing, not a configuration, and is none. A run that grows is one trial: its new line
takes the place of the one that it grew from, and goes on competing with what was tried where it began.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.config import RunConfig
from samgraph.errors import RunError
from samgraph.exchange.calendar import DAYS_A_YEAR
from samgraph.graph.server.home import Home
from samgraph.rounding import varies

FloatArray = npt.NDArray[np.float64]

# make no other trial of the same data
NOT_A_TRIAL = ("jobs", "engine", "address", "neo4j", "tracking", "data", "device")
DIGITS = 9  # of a daily return that is kept


@dataclass(frozen=True)
class Question:
    """What trials compete to answer: the same data, universe and period."""

    dataset: str
    universe: str
    start: str
    end: str

    @classmethod
    def of(cls, config: RunConfig, fingerprint: Mapping[str, str]) -> Question:
        """The question of a run."""
        return cls(
            _hash(dict(fingerprint)), config.universe, config.start.isoformat(), config.end.isoformat()
        )


@dataclass(frozen=True)
class Parent:
    """The run that one has grown from: its question, the hash of its settings, and the question where it all began."""

    question: Question
    config: str
    origin: Question

    @classmethod
    def of(cls, config: RunConfig, manifest: Mapping[str, Any]) -> Parent:
        """Of a finished run's settings and manifest."""
        question, before = Question.of(config, manifest["inputs"]), manifest.get("parent")
        origin = question if before is None else cls.read(before).origin
        return cls(
            question, _hash({k: v for k, v in manifest["config"].items() if k not in NOT_A_TRIAL}), origin
        )

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Parent:
        """What `values` gave."""
        return cls(Question(**kept["question"]), kept["config"], Question(**kept["origin"]))

    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"question": vars(self.question), "config": self.config, "origin": vars(self.origin)}


@dataclass(frozen=True, eq=False)
class Trial:
    """A finished run of one configuration: daily excess returns [n_days] by variant, up to the period's end.

    `days_a_year` is that of its data's calendar; lines from before it was kept took 252. `parent` is what it has grown
    from, if it has.
    """

    question: Question
    config: str
    finished: str
    run: str
    returns: Mapping[str, FloatArray]
    days_a_year: float = DAYS_A_YEAR
    parent: Parent | None = None

    @classmethod
    def of(
        cls,
        config: RunConfig,
        question: Question,
        daily: pd.DataFrame,
        run: Path,
        days_a_year: float = DAYS_A_YEAR,
        parent: Parent | None = None,
    ) -> Trial:
        """The trial of a run from its table `portfolio` (variant, date, excess_return)."""
        returns = {
            str(name): np.round(rows.sort_values("date")["excess_return"].to_numpy(dtype=np.float64), DIGITS)
            for name, rows in daily.groupby("variant", sort=False)
        }
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        return cls(question, _settings(config), now, str(run.resolve()), returns, days_a_year, parent)

    def line(self) -> str:
        """The trial as the ledger keeps it, with a newline."""
        variants = {
            name: {"days": len(values), "sharpe": sharpe_ratio(values), "excess_returns": values.tolist()}
            for name, values in self.returns.items()
        }
        content = {
            **vars(self.question),
            "config": self.config,
            "finished": self.finished,
            "run": self.run,
            "days_a_year": self.days_a_year,
            "variants": variants,
        }
        if self.parent is not None:
            content["grew_from"] = self.parent.values()
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


@dataclass(frozen=True)
class Look:
    """A look at a period's outcome that made no portfolio, such as a contest of risk models: counted, not a trial."""

    what: str
    question: Question
    config: str
    finished: str
    days: int

    @classmethod
    def of(
        cls,
        what: str,
        fingerprint: Mapping[str, str],
        universe: str,
        start: dt.date,
        end: dt.date,
        asked: Mapping[str, Any],
        days: int,
    ) -> Look:
        """A look of now at the outcome of `days` days; `asked` are its settings."""
        question = Question(_hash(dict(fingerprint)), universe, start.isoformat(), end.isoformat())
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        return cls(what, question, _hash(dict(asked)), now, days)

    def line(self) -> str:
        """The look as the ledger keeps it, with a newline."""
        content = {
            "look": self.what,
            **vars(self.question),
            "config": self.config,
            "finished": self.finished,
            "days": self.days,
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


class TrialLedger:
    """The file of trials and looks."""

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get("SAMGRAPH_TRIALS")
        self.path = path or (Path(named).expanduser() if named else Home().root / "trials.jsonl")

    def ready(self) -> None:
        """Make sure that a trial can be written, before hours are spent on it.

        Raises:
            RunError: the file cannot be written.
        """
        with self._open():
            pass

    def append(self, trial: Trial | Look) -> None:
        """Add a trial or a look; several processes may do so at once.

        Raises:
            RunError: the file cannot be written.
        """
        with self._open() as handle:
            rest = trial.line().encode()
            if not _ends_whole(handle):
                rest = b"\n" + rest  # a line that a killed program left half written stays a line of its own
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)

    def trials(self, question: Question | None = None) -> list[Trial]:
        """The trials, one of each configuration (its last run), in the order of their first runs.

        Args:
            question: only those of the same data, universe and period.

        Raises:
            RunError: the file cannot be read.
        """
        found: dict[tuple[Question, str], Trial] = {}
        for line in self._lines():
            trial = _parsed(line)
            if trial is None:
                continue
            own, parent = (trial.question, trial.config), trial.parent
            if parent is not None and (parent.question, parent.config) in found and own not in found:
                place = (parent.question, parent.config)
                found = {own if key == place else key: kept for key, kept in found.items()}
            found[own] = trial
        return [trial for trial in found.values() if question in (None, trial.question)]

    def looks(self) -> list[Look]:
        """Every look, in order; the same one taken again is one more.

        Raises:
            RunError: the file cannot be read.
        """
        return [look for line in self._lines() if (look := _look(line)) is not None]

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(
                f"the ledger of trials {self.path} cannot be read ({getattr(error, 'strerror', None) or error}); "
                "name another file in SAMGRAPH_TRIALS"
            ) from error

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if sys.platform != "win32":
                    import fcntl

                    fcntl.flock(
                        handle, fcntl.LOCK_EX
                    )  # a line is longer than what one write is sure to keep whole
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise RunError(
                f"the ledger of trials {self.path} cannot be written: {error.strerror or error}; "
                "name another file in SAMGRAPH_TRIALS"
            ) from error


def trials_frame(trials: list[Trial], looks: Sequence[Look] = ()) -> pd.DataFrame:
    """One row per trial, and per look: finished, universe, start, end, dataset, config, variant, days, sharpe, run.

    The ratio is a year's; a look has none, and `variant` says of what it was.
    """
    rows = [
        _row(trial, name, len(values), _sharpe_a_year(values, trial.days_a_year), trial.run)
        for trial in trials
        for name, values in trial.returns.items()
    ]
    rows += [_row(look, look.what, look.days, math.nan, "") for look in looks]
    columns = [
        "finished",
        "universe",
        "start",
        "end",
        "dataset",
        "config",
        "variant",
        "days",
        "sharpe",
        "run",
    ]
    return pd.DataFrame(rows, columns=columns)


def _sharpe_a_year(values: FloatArray, days_a_year: float) -> float:
    ratio = sharpe_ratio(values)
    return math.nan if ratio is None else ratio * math.sqrt(days_a_year)


def _row(one: Trial | Look, variant: str, days: int, sharpe: float, run: str) -> dict[str, Any]:
    question = one.question
    return {
        "finished": one.finished,
        "universe": question.universe,
        "start": question.start,
        "end": question.end,
        "dataset": question.dataset[:8],
        "config": one.config[:8],
        "variant": variant,
        "days": days,
        "sharpe": sharpe,
        "run": run,
    }


def sharpe_ratio(values: FloatArray) -> float | None:
    """Of daily excess returns, not annualised; None where they are too few or all alike."""
    if len(values) < 3 or not varies(values):
        return None
    return float(values.mean() / values.std(ddof=1))


def _settings(config: RunConfig) -> str:
    return _hash(config.model_dump(mode="json", exclude=set(NOT_A_TRIAL)))


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ends_whole(handle: int) -> bool:
    size = os.lseek(handle, 0, os.SEEK_END)
    if size == 0:
        return True
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"


def _look(line: str) -> Look | None:
    """The look of a line; None for one that is none."""
    try:
        content = json.loads(line)
        question = Question(*(str(content[name]) for name in ("dataset", "universe", "start", "end")))
        return Look(content["look"], question, content["config"], content["finished"], int(content["days"]))
    except (ValueError, KeyError, TypeError):
        return None


def _parsed(line: str) -> Trial | None:
    """The trial of a line; None for one that is not a trial, such as the half line of a killed program."""
    try:
        content = json.loads(line)
        question = Question(*(str(content[name]) for name in ("dataset", "universe", "start", "end")))
        returns = {
            str(name): np.asarray(kept["excess_returns"], dtype=np.float64)
            for name, kept in content["variants"].items()
        }
        if not returns or not all(len(values) for values in returns.values()):
            return None
        year, grew = float(content.get("days_a_year", DAYS_A_YEAR)), content.get("grew_from")
        parent = None if grew is None else Parent.read(grew)
        return Trial(question, content["config"], content["finished"], content["run"], returns, year, parent)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
