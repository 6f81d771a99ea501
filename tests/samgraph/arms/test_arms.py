"""An arm scores other days as its fit did, may start from other arms' fits, and is named in one place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles.blend import Blend
from oracles.hist_making import make_market, make_series

from samgraph.arms.hist import PARTS
from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.config import load_config
from samgraph.errors import ConfigError, ModelError
from samgraph.hist.config import variant
from samgraph.hist.windows import Window
from samgraph.progress import Stage
from samgraph.run.concepts import concept_file
from samgraph.training.executor import open_executor
from samgraph.training.fit import fit_piece, open_job
from samgraph.training.pieces import fit_pieces
from samgraph.training.stored import write_market, write_series
from samgraph.training.task import CURVES, PREDICTIONS, Engine, Event, Piece, Task, Work

WINDOW = Window(slice(30, 90), slice(100, 130), slice(140, 165))


def work_in(folder: Path, days: int = 170) -> Work:
    """Model inputs of a simulated market; the first days are the same however many there are."""
    market = make_market(1, 190, 12, missing=0.03)
    series = make_series(market)
    shorter = market.until(days)
    write_market(folder, shorter)
    write_series(folder, concept_file("products", 0, 0), series.between(slice(0, days)))
    settings = {"hidden_size": 8, "horizon": 3, "burn_in": 20, "min_history": 10, "start": "nothing"}
    return Work(folder, variant("samgraph", epochs=2, **settings), "cpu")


def piece(name: str) -> Piece:
    arm = ARMS[name]
    concepts = None if arm.concepts is None else concept_file(arm.concepts, 0, 0)
    return Piece(arm, 0, 0, WINDOW, concepts, tuple(piece(needed) for needed in arm.needs))


def blend() -> Piece:
    arm = Blend()
    return Piece(arm, 0, 0, WINDOW, None, tuple(piece(name) for name in arm.needs))


def read(task: Task) -> pd.DataFrame:
    frame = pd.read_parquet(task.folder / PREDICTIONS)
    return frame.assign(date=pd.DatetimeIndex(frame["date"]).as_unit("s"))


def digests(tasks: list[Task]) -> dict[str, str]:
    found = {}
    for task in tasks:
        for name in (CURVES, PREDICTIONS, *(["weights.json"] if task.piece.variant == "blend" else [])):
            found[f"{task.piece.name}/{name}"] = hashlib.sha256((task.folder / name).read_bytes()).hexdigest()
    return found


@pytest.mark.parametrize("name", [BASE, *(name for name, arm in ARMS.items() if arm.concepts is None)])
def test_a_fit_scores_its_test_days_again_bit_for_bit_also_when_the_market_has_grown(
    name: str, tmp_path: Path
) -> None:
    task = Task(piece(name), work_in(tmp_path))
    for one in (*task.below, task):
        fit_piece(one, lambda _: None)
    fitted = read(task)
    arm, job = ARMS[name], open_job(task)
    pd.testing.assert_frame_equal(arm.score(job, WINDOW.test), fitted, check_exact=True)
    dates = job.market.dates
    some = arm.score(job, slice(150, 153))
    expected = fitted[fitted["date"].isin(dates[150:153])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected, check_exact=True)
    valid = arm.score(job, WINDOW.valid)
    assert set(valid["date"]) == set(dates[WINDOW.valid]) and np.isfinite(valid["score"]).all()
    work_in(tmp_path, days=190)
    grown = arm.score(open_job(task), slice(WINDOW.test.start, 190))
    early = grown[grown["date"].isin(dates[WINDOW.test])].reset_index(drop=True)
    pd.testing.assert_frame_equal(early, fitted, check_exact=True)
    assert grown["date"].nunique() == 50


def test_parameters_fitted_with_other_settings_are_refused(tmp_path: Path) -> None:
    task = Task(piece("gru"), work_in(tmp_path))
    fit_piece(task, lambda _: None)
    job = open_job(replace(task, work=replace(task.work, config=replace(task.work.config, scaling="day"))))
    with pytest.raises(ModelError, match="made with another config"):
        ARMS["gru"].score(job, WINDOW.test)


class InOrder:
    """An executor that fits at once and notes the order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.events: list[Event] = []

    def submit(self, task: Task) -> None:
        self.order.append(task.piece.variant)
        fit_piece(task, lambda _: None)
        self.events.append(Event(task, done=True))

    def poll(self, seconds: float) -> list[Event]:
        events, self.events = self.events[:1], self.events[1:]
        return events

    def close(self) -> None: ...


class Counter(Stage):
    total, done = 0, 0

    def set_total(self, total: int) -> None:
        self.total = total

    def advance(self, amount: int = 1) -> None:
        self.done += amount


def test_an_arm_that_needs_others_waits_for_them_and_finds_their_fits(tmp_path: Path) -> None:
    """Only the blend is asked for: what it needs is fitted before it, counted, and read by it."""
    work = work_in(tmp_path)
    task, executor, counter = Task(blend(), work), InOrder(), Counter()
    fit_pieces([task], executor, counter)
    assert executor.order == ["product", "gru", "blend"]
    assert counter.done == counter.total == 2 + 2 + 1
    found = read(task)
    pd.testing.assert_frame_equal(Blend().score(open_job(task), WINDOW.test), found)
    (task.folder / "weights.json").write_text("{}")  # a file of the arm's own is sealed like the tables
    again = InOrder()
    fit_pieces([task], again, Counter())
    assert again.order == ["blend"]
    pd.testing.assert_frame_equal(read(task), found)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_processes_and_ray_fit_what_is_needed_first_and_give_the_same_files(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # Ray's workers find the blend there
    here = Task(blend(), work_in(tmp_path / "here"))
    fit_pieces([here], InOrder(), Counter())
    there = Task(blend(), work_in(tmp_path / "there"))
    with open_executor(engine, None, 2) as executor:
        fit_pieces([there], executor, Counter())
    assert digests([*there.below, there]) == digests([*here.below, here])


def test_every_arm_keeps_the_protocol_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    for name, arm in ARMS.items():
        assert arm.name == name and arm.words and arm.colour.startswith("#") and len(arm.colour) == 7
        assert arm.parts[-1] == "score" and set(arm.parts) <= set(PARTS)
        assert set(arm.needs) <= set(ARMS) - {name}
    assert {BASE, CONTROL} <= set(ARMS)
    needed = {"data": tmp_path, "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    with pytest.raises(ConfigError, match=r"variants names 'grue', which is unknown; choose among product, "):
        load_config(None, needed | {"variants": [BASE, "grue"]})
