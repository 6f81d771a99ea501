"""Long stages on a terminal: a bar with the remaining time; elsewhere one line; Ctrl-C ends in a sentence."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from samgraph import progress
from samgraph.economy.simulate import simulate
from samgraph.graph.db.driver import Address, Graph

# the bar, its share, time so far, time that remains once it can be told
BAR = re.compile(r"━ +\d+% \d:\d\d:\d\d (-:--:--|\d:\d\d:\d\d)")
TOLD = re.compile(r"━ +\d+% \d:\d\d:\d\d \d:\d\d:\d\d")
STYLE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


def on_a_terminal(arguments: list[str], interrupt_at: str = "") -> tuple[int, str]:
    """Exit status and standard error of a command whose standard error is a terminal of 80 columns; 120 s at most."""
    leader, follower = pty.openpty()
    command = [str(Path(sys.executable).with_name("samgraph")), *arguments]
    env = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=follower, start_new_session=True
    )
    os.close(follower)
    said, end = "", time.monotonic() + 120
    try:
        while time.monotonic() < end:
            if select.select([leader], [], [], 0.2)[0]:
                try:
                    piece = os.read(leader, 65536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                said += piece.decode(errors="replace")
                if interrupt_at and interrupt_at in said:
                    interrupt_at = ""
                    process.send_signal(signal.SIGINT)
        return process.wait(30), STYLE.sub("", said)
    finally:
        process.kill()
        os.close(leader)


@pytest.mark.slow
def test_load_and_backtest_show_bars_and_an_interrupted_backtest_goes_on(
    graph: Graph, graph_env: Address, tmp_path: Path
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    simulate(data, seed=3, companies=30, products=40, years=2, signal=1.0)
    status, said = on_a_terminal(["load", str(data)])
    assert status == 0 and BAR.search(said) and re.search(r"load: \d+\.\d s", said), said
    assert " 100% " in said  # the edges written are all that the bar was told to expect
    (tmp_path / "run.toml").write_text(
        f"data = '{data}'\nuniverse = 'SIM'\nstart = 2019-07-01\nend = 2020-12-31\nseeds = 1\n"
        "[windows]\ntrain_days = 120\nvalid_days = 40\ntest_days = 90\n[model]\nepochs = 6\ntuning_epochs = 1\n"
        "[concepts]\nregression_cut = 'adaptive:min=5,max=0.9'\n",
        encoding="utf-8",
    )
    command = ["backtest", "--config", str(tmp_path / "run.toml"), "--out", str(run), "--quick"]
    status, said = on_a_terminal(command, interrupt_at="train")
    assert status == 130 and "Traceback" not in said
    assert said.rstrip().endswith("samgraph: interrupted; run the same command again to continue.")
    status, said = on_a_terminal(command)
    assert status == 0 and (run / "report.html").exists(), said
    for name in ("read as-of snapshots", "train", "evaluate"):
        shown = [line for line in re.split(r"[\r\n]", said) if name in line]
        assert any(BAR.search(line) for line in shown), (name, said)
        assert name != "train" or any(TOLD.search(line) for line in shown), said
        assert any(re.search(rf"{name}: \d+\.\d s", line) for line in shown), (name, said)


def test_in_a_log_a_long_stage_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, a second a step: 40 steps of which the total becomes known at the tenth, then 50 without any."""
    clock = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.stage("train", 7) as bar:
        for _ in range(7):
            bar.advance()
        bar.set_total(100)
        for _ in range(40):
            bar.advance()
    with progress.stage("count") as bar:
        for _ in range(35):
            bar.advance(1000)
    assert capsys.readouterr().err.splitlines() == [
        "train: 22% (22 of 100), 30 s so far, about 78 s left",
        "train: 50.0 s",
        "count: 30,000 done, 30 s so far",
        "count: 37.0 s",
    ]


def test_elsewhere_a_stage_is_one_line_and_quiet_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.stage("count", 3) as bar:
        bar.set_total(2)
        bar.advance(2)
    assert re.fullmatch(r"count: 0\.\d s\n", capsys.readouterr().err)
    progress.be_quiet(True)
    try:
        with progress.stage("count"):
            pass
    finally:
        progress.be_quiet(False)
    assert capsys.readouterr().err == ""
