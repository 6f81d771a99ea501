"""Two programs at once in one place: one works, the other says so, and a killed one holds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from samgraph.config import load_config
from samgraph.errors import RunError
from samgraph.files import folder_alone
from samgraph.run import backtest as run

HOLDS = """
import sys, time
from pathlib import Path
from samgraph.files import folder_alone
with folder_alone(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(120)
"""


def test_two_backtests_do_not_work_in_one_folder_and_a_killed_one_holds_it_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would pass for a run that neither is: settings of the one, pieces and moment of knowledge of the other."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "companies.csv").write_text("company_id,name\nA,A\n", encoding="utf-8")
    period = {"universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    config, out = load_config(None, period | {"data": tmp_path / "data"}), tmp_path / "run"
    monkeypatch.setattr(run, "_run", lambda *_, **__: {"ran": True})
    monkeypatch.setattr(run, "write_report", lambda out: None)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDS, str(out)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == "holds\n"
            with pytest.raises(RunError, match=r"another process works in .*run; wait for it"):
                run.backtest(config, out)
        finally:
            other.kill()
    assert run.backtest(config, out) == {"ran": True}
    assert run.backtest(config, tmp_path / "new" / "run") == {"ran": True}
    assert not (tmp_path / "new").exists(), "folders in which nothing was written go again"


def test_a_folder_is_held_under_its_new_name_and_is_there_for_others_afterwards(tmp_path: Path) -> None:
    old, new = tmp_path / "a" / "old", tmp_path / "a" / "new"
    with folder_alone(old):
        (old / "file").touch()
        old.rename(new)
        with pytest.raises(RunError, match="another process works in"), folder_alone(new):
            pass
        assert (new / "file").exists()
    with folder_alone(new):
        pass
    assert (new / "file").exists() and not old.exists()


def test_a_folder_that_cannot_be_made_is_left_to_who_writes_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with folder_alone(tmp_path / "file" / "below"), folder_alone(tmp_path / "file"):
        pass
    assert (tmp_path / "file").is_file()
