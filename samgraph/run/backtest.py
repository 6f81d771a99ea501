"""The main job: inputs -> HIST walk-forward -> factors -> regressions -> portfolios -> comparison -> report.

A run is a folder. It belongs to one configuration, one state of the dataset and one moment of recorded knowledge, all
kept in `manifest.json` when it begins, so that an interrupted run continues as what it was. Fitted pieces are
kept; everything after them takes seconds to minutes and is computed anew.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig, to_toml
from samgraph.errors import RunError, SamgraphError
from samgraph.exchange.tables import exchange
from samgraph.explain.scores import explained_table
from samgraph.files import is_unfinished, write_frame, write_json, write_text
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.market import Market
from samgraph.outcome.assess import STEPS, Outcome, assess
from samgraph.progress import stage
from samgraph.report.page import write_report
from samgraph.run import manifest
from samgraph.run.inputs import Inputs, read_inputs
from samgraph.run.pieces import run_pieces, run_work, write_model_inputs
from samgraph.run.tables import Schedule, with_return_dates
from samgraph.run.trials import Question, Trial, TrialLedger, overfitting
from samgraph.seals import digests
from samgraph.training.executor import open_executor
from samgraph.training.pieces import fit_pieces, gather
from samgraph.training.task import CURVES, PREDICTIONS, Task

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

NOT_DECIDING = ("jobs", "engine", "address", "neo4j")  # settings that change no number


@dataclass
class StageClock:
    """Seconds of each stage, for the manifest."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


def backtest(
    config: RunConfig,
    out: Path,
    *,
    known: dt.datetime | None = None,
    graph: Graph | None = None,
    counts: bool = True,
) -> dict[str, Any]:
    """Run, or continue, the backtest in folder `out`; the run's summary, as in `out`/summary.json.

    Args:
        config: the settings
        out: folder of the run; made if absent
        known: the moment of recorded knowledge to read the graph at; the newest load by default
        graph: an open connection; the configured server by default
        counts: as a trial; a run that only tries the plumbing (`--quick`) does not

    Raises:
        SamgraphError: what was wrong and what to do; finished pieces are kept
    """
    dataset = Dataset(config.data)
    clock = StageClock()
    ledger, question = TrialLedger(), Question.of(config, dataset.fingerprint())
    ledger.ready()
    started = begin(config, out, dataset, known)
    with contextlib.ExitStack() as stack:
        server = graph or stack.enter_context(connect(server_settings(config)))
        with clock("inputs"):
            with started.or_nothing():
                inputs = read_inputs(config, server, dataset, started.known)
            started.keep_known(inputs.known)
    pieces, work = run_pieces(config, inputs), run_work(config, out)
    with clock("training"), stage("train") as progress:
        write_model_inputs(pieces, inputs, work.folder)
        with open_executor(config.engine, config.address, config.jobs) as executor:
            fit_pieces([Task(piece, work) for piece in pieces], executor, progress)
    predictions = _of_members(gather(pieces, work, PREDICTIONS), inputs.market)
    with clock("evaluation"), stage("evaluate", STEPS) as progress:
        outcome = assess(config, inputs, predictions, progress.advance)
        year = outcome.summary["days_a_year"]
        trial = Trial.of(config, question, outcome.tables["portfolio"], out, year)
        outcome.summary["overfitting"] = overfitting(ledger.trials(question), trial) | {"counted": counts}
        curves = gather(pieces, work, CURVES)
        outcome.summary["starts"] = _starts(curves)
    schedule = Schedule(inputs.market.dates, config.trading.lag)
    with clock("files"):
        tables = outcome.tables | {
            "predictions": predictions,
            "curves": curves,
            "windows": _window_table(inputs),
        }
        tables["names"] = _company_names(dataset, inputs)
        tables = with_return_dates(tables, schedule)
        for name, table in tables.items():
            write_frame(out / f"{name}.parquet", table)
        write_json(out / "summary.json", outcome.summary)
    if counts:
        ledger.append(trial)
    read = {f"checkpoints/{name}" for piece in pieces for name in piece.inputs}
    sealed = (*(f"{name}.parquet" for name in tables), "summary.json", *sorted(read))
    started.finish(outcome, clock.seconds, digests(out, sealed))
    with stage("explain"):
        explained = with_return_dates({"explained": explained_table(out)}, schedule)["explained"]
        write_frame(out / "explained.parquet", explained)
    started.seal(digests(out, ("explained.parquet",)))
    with stage("report"):
        write_report(out)
    return outcome.summary


def summary_frame(summary: dict[str, Any]) -> pd.DataFrame:
    """The variants' main figures as a small table, under short names: cagr is compounded growth a year."""
    names = {
        "return": "cagr",
        "benchmark_return": "benchmark_cagr",
        "excess_return": "excess_arithmetic",
        "information_ratio": "ir",
        "max_drawdown": "drawdown",
        "turnover": "turnover",
        "rank_ic": "rank_ic",
        "rank_ic_tstat_nw": "t",
    }
    rows = [
        {"variant": variant} | {short: figures[name] for name, short in names.items()}
        for variant, figures in summary["variants"].items()
    ]
    return pd.DataFrame(rows)


@dataclass
class Started:
    """The manifest of a run under way."""

    path: Path
    content: dict[str, Any]
    fresh: bool = False

    @contextlib.contextmanager
    def or_nothing(self) -> Iterator[None]:
        """What fails here leaves no run: one just begun with wrong settings could not go on with right ones."""
        try:
            yield
        except SamgraphError:
            if self.fresh:
                for name in (self.path.name, "config.toml"):
                    (self.path.parent / name).unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.path.parent.rmdir()
            raise

    @property
    def known(self) -> dt.datetime | None:
        text = self.content["known"]
        return dt.datetime.fromisoformat(text) if text else None

    def keep_known(self, known: dt.datetime) -> None:
        """From now on the run reads the graph at this moment, also when it is continued after another load."""
        self.content["known"] = known.isoformat()
        write_json(self.path, self.content)

    def seal(self, files: dict[str, str]) -> None:
        """Add checksums of finished files."""
        self.content["files"] = self.content.get("files", {}) | files
        write_json(self.path, self.content)

    def finish(self, outcome: Outcome, seconds: dict[str, float], files: dict[str, str]) -> None:
        earlier = self.content.get("seconds", {})  # of finishing this run before: its pieces took time then
        seconds = seconds | {"training": round(seconds["training"] + earlier.get("training", 0.0), 3)}
        self.content |= {
            "timeline": outcome.timeline,
            "seconds": seconds,
            "peak_memory_gib": max(
                round(manifest.peak_memory(), 3), self.content.get("peak_memory_gib", 0.0)
            ),
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        self.seal(files)


def begin(
    config: RunConfig,
    out: Path,
    dataset: Dataset,
    known: dt.datetime | None,
    *,
    free: Collection[str] = NOT_DECIDING,
) -> Started:
    """Begin a run in `out`, or take up the one that is there if it is the same but for the settings in `free`."""
    decides = config.model_dump(mode="json", exclude=set(free))
    content: dict[str, Any] = {
        "config": decides,
        "inputs": dataset.fingerprint(),
        "exchange": {
            "name": config.trading.exchange,
            "sha256": exchange(config.trading.exchange).fingerprint,
        },
        "known": known.isoformat() if known else None,
        "known_at": known.isoformat() if known else None,  # as asked; `known` becomes what was answered for
        "versions": manifest.versions(),
        "machine": manifest.machine(),
        "kernels": manifest.kernels(),
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    path = out / "manifest.json"
    fresh = not path.exists()
    if not fresh:
        content = _same_run(path, content)
    elif out.exists() and not all(map(is_unfinished, out.iterdir())):
        raise RunError(
            f"{out} holds files that do not belong to a run; choose an empty or new folder for --out"
        )
    write_json(path, content)
    write_text(out / "config.toml", to_toml(config))
    return Started(path, content, fresh)


def _same_moment(one: str, other: str | None) -> bool:
    """Whether two ISO texts are one instant, be it in two time zones."""
    return other is not None and dt.datetime.fromisoformat(one) == dt.datetime.fromisoformat(other)


def _same_run(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kept, inputs, moment = dict(before["config"]), dict(before["inputs"]), before["known"]
        rules = dict(before.get("exchange", content["exchange"]))
        for told in (moment, before.get("known_at")):
            if told is not None:
                dt.datetime.fromisoformat(told)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read as a run's manifest ({error}); choose another --out"
        ) from error
    compared = (
        ("setting", kept, content["config"]),
        ("table", inputs, content["inputs"]),
        ("state of the exchange tables:", rules, content["exchange"]),
    )
    for where, old, new in compared:
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                raise RunError(
                    f"{path.parent} was begun with another {where} {name}; choose another --out, or delete that run"
                )
    asked = before.get("known_at")
    if content["known_at"] is not None and not any(
        _same_moment(content["known_at"], m) for m in (moment, asked)
    ):
        raise RunError(f"{path.parent} was begun with --known-at {moment}; choose another --out")
    names = ("started", "seconds", "peak_memory_gib", "known_at")
    kept_too = {name: before[name] for name in names if name in before}
    return content | {"known": moment} | kept_too


def server_settings(config: RunConfig) -> dict[str, str]:
    """What the settings say of the Neo4j server."""
    settings = {name: getattr(config.neo4j, name) for name in ("uri", "user", "database")}
    if config.neo4j.password is not None:
        settings["password"] = config.neo4j.password.get_secret_value()
    return {name: value for name, value in settings.items() if value is not None}


def _of_members(predictions: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Without those of stocks that are no members of the universe that day, whom models see all the same."""
    if market.fit_member is None:
        return predictions
    day = market.dates.get_indexer(pd.DatetimeIndex(predictions["date"]).as_unit("s"))
    stock = pd.Index(market.stocks).get_indexer(pd.Index(predictions["company_id"]))
    return predictions[market.member[day, stock]].reset_index(drop=True)


def _starts(curves: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Of the arms with concepts, how many models were kept as trained from their encoder and from nothing."""
    chosen = curves[curves["best"]]
    return {
        str(name): {str(start): int(count) for start, count in rows["start"].value_counts(sort=False).items()}
        for name, rows in chosen.groupby("variant", sort=False)
        if ARMS[str(name)].concepts is not None
    }


def _company_names(dataset: Dataset, inputs: Inputs) -> pd.DataFrame:
    """company_id, name: of the stocks that are ever members, so that a run can speak of them without its dataset."""
    table = dataset.read("companies", ["company_id", "name"])
    return table[table["company_id"].isin(inputs.market.stocks)].reset_index(drop=True)


def _window_table(inputs: Inputs) -> pd.DataFrame:
    rows = []
    for number, window in enumerate(inputs.windows):
        for part, days in (("train", window.train), ("validate", window.valid), ("test", window.test)):
            dates = inputs.market.dates[days]
            rows.append((number, part, dates[0], dates[-1], len(dates)))
    return pd.DataFrame(rows, columns=["window", "part", "first", "last", "days"])
