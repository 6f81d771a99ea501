"""A night: check and load the tables, grow the run where its models are due, score the newest day, write the orders of
an account, say how all is.

Each stage either happened or did not, and doing it again changes nothing, so that a night that was killed anywhere is
finished by the next one, to the same files. Scores and orders that were written once are never written over. Models are
fitted before the day is scored where a backtest up to the day would have fitted them: on the day after their last one,
and when something has changed on days that they were fitted on.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.desk.account import read_account
from samgraph.desk.trade import MARK, trade_of
from samgraph.errors import RunError, SamgraphError
from samgraph.files import locked, write_json, write_text
from samgraph.graph.check.dataset import check
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load, refusal
from samgraph.night.settings import Nightly, NightlyTrade
from samgraph.night.status import status_of
from samgraph.run.backtest import backtest
from samgraph.run.begin import discard_begun
from samgraph.run.changes import MarketChanges, SeriesChanges
from samgraph.run.folder import RunFolder
from samgraph.run.grow import is_finished, settle
from samgraph.run.inputs import series_of
from samgraph.run.latest import Latest
from samgraph.run.score import scores_of, write_scored

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph


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
        config = settings.config()
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
            latest = _grow(settings, config, dataset, server, one)
        with stage("score") as one:
            _score(settings, config, dataset, latest, one)
        if settings.trade is not None:
            with stage("trade") as one:
                _trade(settings.trade, settings.out / "orders", config, dataset, latest, one)
        with stage("report") as one:
            health = status_of(latest, dataset, variant=settings.variant, scores=settings.out / "scores")
            one.warnings += health.warnings
            content = health.facts | {"warnings": list(health.warnings)}
            write_json(settings.out / "status" / f"{config.end}.json", content)
        if settings.backup:
            with stage("backup") as one:
                _back_up(settings, config, one)
    return found


def _grow(settings: Nightly, config: RunConfig, dataset: Dataset, graph: Graph, one: _Stage) -> Latest:
    """Begin, continue or grow the run where a backtest up to the day would have other models.

    Returns:
        The run as it is now, with the bars up to the newest day.
    """
    why, latest = "the run is not finished", None
    if is_finished(settings.run):
        run = RunFolder.open(settings.run)
        latest = Latest.read(run, graph, dataset)
        at_end = run.config.end == config.end and run.manifest["inputs"] == dataset.fingerprint()
        reason = None if at_end else _due(settings, latest)
        if reason is None:
            one.kept = True
            return latest
        why = reason
    elif discard_begun(config, settings.run, dataset):
        why = "a run begun with other tables was never finished; it is removed and begun anew"
        one.warnings.append(f"{settings.run}: {why}")
    one.facts["why"] = why
    backtest(config, settings.run, graph=graph, latest=True)
    run = RunFolder.open(settings.run)
    grown = run.manifest.get("grown")
    if grown:
        one.facts |= {name: grown[-1][name] for name in ("kept", "scored", "fitted")}
        one.warnings += grown[-1]["changes"]
    return Latest.read(run, graph, dataset) if latest is None else replace(latest, run=run)


def _due(settings: Nightly, latest: Latest) -> str | None:
    """Why the run has to grow before the newest day is scored; None where it need not."""
    run = latest.run
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
        found = series_of(run.config, latest.graph, latest.market, now, relation, latest.known)
        last = latest.market.dates[window.fit_day]
        if before is not None and SeriesChanges(before, found).first(last) is not None:
            return f"what was known of {relation} has changed"
    return None


def _score(settings: Nightly, config: RunConfig, dataset: Dataset, latest: Latest, one: _Stage) -> None:
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
    found = scores_of(latest, dataset, settings.variant)
    write_scored(file, found)
    one.facts |= {"stocks": len(found.frame), "fitted_by": found.source.get("fitted_by")}
    one.warnings += found.warnings


def _trade(
    account: NightlyTrade, out: Path, config: RunConfig, dataset: Dataset, latest: Latest, one: _Stage
) -> None:
    """Write the orders that the newest day's close decides, once."""
    folder, owned = out / f"{config.end}", read_account(account.holdings, account.money())
    one.facts["folder"] = str(folder)
    if (folder / MARK).exists():
        one.kept = True
        if _summary(folder)["account"] != owned.fingerprint:
            one.warnings.append(
                f"holdings or cash have changed since the orders of {config.end} were written: they stand as they are; "
                f"remove {folder} to make them anew"
            )
        return
    found = trade_of(latest, dataset, owned, account.portfolio)
    before = max((one for one in out.glob("*-*-*") if one.name < folder.name), default=None)
    one.facts |= {side: orders["count"] for side, orders in found.summary["orders"].items()}
    one.warnings += found.warnings
    if before is not None and _waits(_summary(before), owned.fingerprint):
        one.warnings.append(
            f"holdings and cash are those that the orders of {before.name} were made for; if these were filled, give "
            f"what is held now and remove {folder}"
        )
    found.write(folder)


def _summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    return found


def _waits(before: dict[str, Any], account: str) -> bool:
    """Whether an account had orders on an evening before and is still what it was then."""
    return before["account"] == account and any(side["count"] for side in before["orders"].values())


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
