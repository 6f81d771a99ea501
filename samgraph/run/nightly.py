"""A night: check and load the tables, grow the run where its models are due, score the newest day, say how all is.

Each stage either happened or did not, and doing it again changes nothing, so that a night that was killed anywhere is
finished by the next one, to the same files. Scores that were written once are never written over. Models are fitted
before the day is scored where a backtest up to the day would have fitted them: on the day after their last one, and
when something has changed on days that they were fitted on.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
from pydantic import Field, ValidationError

from samgraph.arms.registry import ARMS, BASE
from samgraph.config import RunConfig, load_config
from samgraph.config_sections import Section
from samgraph.errors import ConfigError, RunError, SamgraphError
from samgraph.files import locked, write_json, write_text
from samgraph.graph.check.dataset import check
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load, refusal
from samgraph.run.backtest import backtest, last_day
from samgraph.run.changes import MarketChanges, SeriesChanges
from samgraph.run.folder import RunFolder
from samgraph.run.grow import is_finished, settle
from samgraph.run.inputs import series_of
from samgraph.run.latest import Latest
from samgraph.run.score import score, write_scored
from samgraph.run.status import status

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph


class Nightly(Section):
    """The settings of a night; paths are from the folder that the command runs in."""

    settings: Path = Field(description="TOML file of the run's settings; its end is the last day of the bars")
    run: Path = Field(description="folder of the run; begun by the first night")
    out: Path = Field(description="folder of what nights leave: scores/DATE.parquet and status/DATE.json")
    variant: str = Field(BASE, description="whose scores")
    grow: bool = Field(
        False, description="every night; else when models are due or what they knew has changed"
    )
    stale_after_months: int = Field(18, ge=1, description="as samgraph load --stale-after")
    lag: int | None = Field(None, ge=1, description="as samgraph load --lag")
    backup: tuple[str, ...] = Field(
        (), description="a command and its arguments, run last; the day follows them"
    )


def read_nightly(file: Path) -> Nightly:
    """Read the settings of a night.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, missing or wrong
    """
    try:
        found = Nightly.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        path = ".".join(map(str, fault["loc"]))
        known = ", ".join(Nightly.model_fields)
        raise ConfigError(f"the configuration {file}: {path}: {fault['msg']}; a night has {known}") from error
    if found.variant not in ARMS:
        raise ConfigError(f"the configuration {file}: variant {found.variant!r} is unknown")
    return found


@dataclass(frozen=True)
class Done:
    """What became of a stage.

    Attributes:
        stage: its name
        state: done; kept (nothing was to be done); or failed
        seconds: how long it took
        facts: what there is to say of it, as JSON has it
        warnings: sentences about what somebody should look at
    """

    stage: str
    state: str
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(eq=False)
class _Stage:
    """A stage under way: what it finds out is put here."""

    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    kept: bool = False


def nightly(
    settings: Nightly, tell: Callable[[Done], None] = lambda _: None, graph: Graph | None = None
) -> list[Done]:
    """Run a night; `tell` hears of each stage when it has ended.

    Args:
        settings: of the night
        tell: hears what became of each stage, also of the one that fails
        graph: an open connection; the configured server by default

    Raises:
        RunError: another night is under way, or the back-up failed
        SamgraphError: as a stage raises it; the night ends there
    """
    found: list[Done] = []

    @contextlib.contextmanager
    def stage(name: str) -> Iterator[_Stage]:
        one, began, state = _Stage(), time.monotonic(), "failed"
        try:
            yield one
            state = "kept" if one.kept else "done"
        except SamgraphError as error:
            one.facts["error"] = str(error)
            raise
        finally:
            seconds = round(time.monotonic() - began, 3)
            done = Done(name, state, seconds, one.facts, tuple(one.warnings))
            found.append(done)
            tell(done)

    with _alone(settings.out), contextlib.ExitStack() as stack:
        settle(settings.run)
        config = _config(settings)
        dataset = Dataset(config.data)
        with stage("check") as one:
            checked = check(dataset)
            if not checked.ok:
                raise refusal(dataset, checked)
            one.facts["newest_bars"] = config.end.isoformat()
        server = graph or stack.enter_context(connect(config.neo4j.settings()))
        with stage("load") as one:
            rules = {"stale_after_months": settings.stale_after_months, "lag": settings.lag}
            loaded = load(server, dataset, checked=checked, **rules)  # type: ignore[arg-type]
            one.kept = loaded.moment is None
            if loaded.moment is not None:
                one.facts["moment"] = loaded.moment.isoformat()
            one.facts |= {
                name: int(loaded.edges[name].sum()) for name in ("created", "ended") if len(loaded.edges)
            }
        with stage("grow") as one:
            _grow(settings, config, dataset, server, one)
        run = RunFolder.open(settings.run)
        with stage("score") as one:
            _score(settings, config, dataset, server, run, one)
        with stage("report") as one:
            health = status(run, server, dataset, variant=settings.variant, scores=settings.out / "scores")
            one.warnings += health.warnings
            content = health.facts | {"warnings": list(health.warnings)}
            write_json(settings.out / "status" / f"{config.end}.json", content)
        if settings.backup:
            with stage("backup") as one:
                _back_up(settings, config, one)
    return found


def _config(settings: Nightly) -> RunConfig:
    """The run's settings, up to the last day of the bars."""
    any_end = load_config(settings.settings, {"end": "9999-12-31"})
    return load_config(settings.settings, {"end": last_day(any_end)})


def _grow(settings: Nightly, config: RunConfig, dataset: Dataset, graph: Graph, one: _Stage) -> None:
    """Begin, continue or grow the run where a backtest up to the day would have other models."""
    why = "the run is not finished"
    if is_finished(settings.run):
        run = RunFolder.open(settings.run)
        at_end = run.config.end == config.end and run.manifest["inputs"] == dataset.fingerprint()
        reason = None if at_end else _due(settings, run, dataset, graph)
        if reason is None:
            one.kept = True
            return
        why = reason
    one.facts["why"] = why
    backtest(config, settings.run, graph=graph, latest=True)
    grown = RunFolder.open(settings.run).manifest.get("grown")
    if grown:
        one.facts |= {name: grown[-1][name] for name in ("kept", "scored", "fitted")}
        one.warnings += grown[-1]["changes"]


def _due(settings: Nightly, run: RunFolder, dataset: Dataset, graph: Graph) -> str | None:
    """Why the run has to grow before the newest day is scored; None where it need not."""
    latest = Latest.read(run, graph, dataset)
    if settings.grow:
        return "every night"
    changes = MarketChanges(run.market.for_models(), latest.market.for_models())
    if changes.shared < min(run.market.n_dates, latest.market.n_dates):
        return "; ".join(changes.sentences())
    shared = [k for k, window in enumerate(run.windows) if window.test.start <= latest.day]
    number = shared[-1]
    window = run.windows[number]
    if latest.day - window.test.start + 1 > run.config.windows.test_days:
        return "the models are due"
    if changes.first(window.fit_day) is not None:
        return "; ".join(changes.sentences()) or "the bars have changed"
    relations = {ARMS[name].concepts: name for name in run.config.variants}
    for relation, variant in relations.items():
        if relation is None or relation == "placebo":
            continue
        before = run.series(variant, run.seeds[0], number)
        _, now = latest.window()
        found = series_of(run.config, graph, latest.market, now, relation, latest.known)
        last = latest.market.dates[window.fit_day]
        if before is not None and SeriesChanges(before, found).first(last) is not None:
            return f"what was known of {relation} has changed"
    return None


def _score(
    settings: Nightly, config: RunConfig, dataset: Dataset, graph: Graph, run: RunFolder, one: _Stage
) -> None:
    """Score the newest day, once."""
    file = settings.out / "scores" / f"{config.end}.parquet"
    one.facts["file"] = str(file)
    if file.exists():
        one.kept = True
        made = json.loads(str(pd.read_parquet(file, columns=["data"])["data"].iloc[0]))
        if made != dataset.fingerprint():
            one.warnings.append(
                f"there are no bars after {config.end}, and the tables have changed since its scores were written: "
                f"they stand as they are; remove {file} to make them anew"
            )
        return
    found = score(run, graph, dataset, variant=settings.variant)
    write_scored(file, found)
    one.facts |= {"stocks": len(found.frame), "fitted_by": found.source.get("fitted_by")}
    one.warnings += found.warnings


def _back_up(settings: Nightly, config: RunConfig, one: _Stage) -> None:
    command = [*settings.backup, config.end.isoformat()]
    try:
        ended = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise RunError(f"the back-up {command[0]} cannot be run: {error.strerror or error}") from error
    one.facts["status"] = ended.returncode
    if ended.returncode:
        raise RunError(f"the back-up {' '.join(command)} ended with status {ended.returncode}")


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the lock of nights; the system takes it from a holder that dies.

    Raises:
        RunError: another night is under way, with its process and since when
    """
    holder = out / "night.json"
    try:
        stack = contextlib.ExitStack()
        stack.enter_context(locked(out / ".night.lock", 0.0))
    except RunError as error:
        raise RunError(
            f"another night is under way in {out}{_who(holder)}; wait for it, or end it"
        ) from error
    with stack:
        process = psutil.Process()
        since = pd.Timestamp(process.create_time(), unit="s", tz="UTC").isoformat(timespec="seconds")
        write_text(holder, json.dumps({"pid": os.getpid(), "started": since}) + "\n")
        yield
        holder.unlink(missing_ok=True)


def _who(holder: Path) -> str:
    try:
        told = json.loads(holder.read_bytes())
        return f" (process {told['pid']}, started {told['started']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
