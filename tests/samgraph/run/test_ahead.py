"""Processes that a run starts while it reads its inputs: as many as help, and none is left."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from oracles.outcome_inputs import settings

from samgraph.config import RunConfig
from samgraph.errors import ModelError, SnapshotError
from samgraph.graph.db.driver import Graph
from samgraph.run import backtest as running
from samgraph.run.backtest import backtest
from samgraph.training.executor import open_executor, processes_ahead


def workers() -> list[psutil.Process]:
    """The processes that fit; multiprocessing keeps another one, which tracks its semaphores."""
    found = psutil.Process().children()
    return [one for one in found if any("spawn_main" in word for word in one.cmdline())]


def asked(folder: Path, **changes: Any) -> RunConfig:
    return settings().model_copy(
        update={"data": folder, "variants": ("product", "gru"), "seeds": 2, **changes}
    )


@pytest.mark.parametrize(
    ("cores", "seeds", "expected"), [(1, 2, 1), (2, 2, 1), (4, 2, 3), (64, 2, 4), (64, 1, 2)]
)
def test_no_more_than_there_are_pieces_and_one_core_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, seeds: int, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert processes_ahead(2 * seeds, tmp_path / "run") == expected


def test_none_for_a_run_that_has_begun_which_may_have_nothing_left_to_fit(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    assert processes_ahead(4, tmp_path) == 0
    with open_executor("local", None, 2, 0):
        assert workers() == []


def test_no_more_than_the_jobs_and_they_end_with_the_block() -> None:
    with contextlib.suppress(KeyError), open_executor("local", None, 1, 3):
        begun = workers()
        assert len(begun) == 1
        raise KeyError("something fails while the inputs are read")
    assert not any(one.is_running() for one in begun)


def test_a_run_whose_inputs_cannot_be_read_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMGRAPH_TRIALS", str(tmp_path / "trials.jsonl"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "companies.csv").write_text("company_id,name\nA,One\n", encoding="utf-8")
    begun: list[psutil.Process] = []

    def refuse(*_: object) -> Iterator[None]:
        begun.extend(workers())
        raise SnapshotError("the universe is unknown")

    monkeypatch.setattr(running, "inputs_of", refuse)
    with pytest.raises(SnapshotError, match="unknown"):
        backtest(asked(tmp_path / "data"), tmp_path / "run", graph=cast("Graph", object()))
    assert begun, "they start before the inputs are read"
    assert not any(one.is_running() for one in begun)
    assert not (tmp_path / "run").exists(), "what was begun with wrong settings leaves no run"


def test_a_card_that_is_not_here_is_refused_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError, match="no graphics card here; set device to cpu"):
        backtest(asked(tmp_path, device="cuda"), tmp_path / "run", graph=cast("Graph", object()))
    assert not (tmp_path / "run").exists() and workers() == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back")
def test_ctrl_c_while_a_process_loads_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """In its first second it has imported nothing, not even that Ctrl-C is its parent's."""
    with open_executor("local", None, 1, 1):
        (process,) = workers()
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        assert process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert "Traceback" not in capfd.readouterr().err
