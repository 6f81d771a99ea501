"""A disk that is full, and rights that a user takes away from new files."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from samgraph.errors import RunError
from samgraph.files import write_text
from samgraph.graph.load.report import COUNTS, LoadReport

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")


@needs_full
@pytest.mark.parametrize("arguments", [["--help"], ["trials"], ["config", "--help"]])
def test_a_full_disk_behind_standard_output_is_one_sentence(arguments: list[str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from samgraph.cli import main; sys.exit(main())", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"SAMGRAPH_HOME": str(tmp_path)},
        )
    assert done.returncode == 1
    assert done.stderr.startswith("samgraph: standard output: No space left on device; free the disk")
    assert done.stderr.count("\n") == 1


def test_new_files_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    for mask, rights in ((0o077, 0o600), (0o022, 0o644), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            write_text(tmp_path / "a.txt", "words")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == rights


def report() -> LoadReport:
    counts = dict.fromkeys(COUNTS, 1)
    tables = pd.DataFrame([counts], index=pd.Index(["companies"], name="table"))
    rejected = pd.DataFrame(
        [("companies", 1, "=cmd|'/c calc'!A0", True, '["@SUM(1)"]')],
        columns=["table", "row", "reason", "fatal", "values"],
    )
    return LoadReport("d", dry_run=False, moment=None, tables=tables, rejected=rejected, edges=pd.DataFrame())


def test_the_report_of_a_load_is_whole_or_absent_and_no_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report().write(tmp_path / "load.csv")
    cells = pd.read_csv(tmp_path / "load.csv")
    assert cells["reason"].iloc[-1] == "'=cmd|'/c calc'!A0"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match="No space left on device"):
        report().write(tmp_path / "load.json")
    assert not (tmp_path / "load.json").exists()
