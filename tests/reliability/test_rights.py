"""A user without rights: what may not be read or written is said by its name, and a read-only run serves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_run import made_run
from oracles import small

# Permission bits bind everybody but who holds these capabilities, as root does.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
CODE = """
import sys
from samgraph.cli import main
for line in sys.stdin.read().splitlines():
    print("status", main(line.split("|")), flush=True)
    print("end of", line, file=sys.stderr, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if BOUND and shutil.which(BOUND[0]) is None:
        pytest.skip("root may read everything here (no setpriv)")
    small.write(tmp_path / "data", small.tables())
    return tmp_path


def asked(folder: Path, *commands: str) -> list[tuple[int, str]]:
    """Status and standard error of commands, by a process whose rights are those of the permission bits."""
    done = subprocess.run(
        [*BOUND, sys.executable, "-P", "-c", CODE],
        input="\n".join(commands),
        env={**os.environ, "SAMGRAPH_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    status = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("status ")]
    said, rest = [], done.stderr
    for command in commands:
        words, _, rest = rest.partition(f"end of {command}\n")
        said.append(words)
    assert len(status) == len(commands) and "Traceback" not in done.stderr, done.stderr
    return list(zip(status, said, strict=True))


@pytest.mark.slow
def test_what_may_not_be_read_or_written_is_said_by_its_name_and_a_read_only_run_serves(folder: Path) -> None:
    shut, blind, locked = folder / "shut", folder / "blind", folder / "locked"
    for copy in (shut, blind):
        shutil.copytree(folder / "data", copy)
    run = made_run(folder / "run", days=46)
    for place in (locked, folder / "out"):
        place.mkdir()
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (shut / "companies.csv").chmod(0o000)
    blind.chmod(0o444)  # its names can be listed, and no file in it opened
    locked.chmod(0o555)
    words = f"--universe|U|--start|2021-03-29|--end|2021-04-06|--out|{folder / 'new'}"
    try:
        (out, _), *rest = asked(
            folder,
            f"export|{run}|{folder / 'out'}|--to|excel",
            f"report|{run}",
            f"export|{run}|{locked}|--to|excel",
            f"backtest|--data|{shut}|{words}",
            f"backtest|--data|{blind}|{words}",
        )
    finally:
        for path in (run, locked, blind, *(one for one in run.rglob("*") if one.is_dir())):
            path.chmod(0o755)
    assert out == 0 and (folder / "out" / "run.xlsx").exists()
    assert list(locked.iterdir()) == [] and not (folder / "new").exists()
    named = (run / "report.html", locked, f"table companies: {shut / 'companies.csv'}", f"the folder {blind}")
    for (status, said), name in zip(rest, named, strict=True):
        told = [line for line in said.splitlines() if line.startswith("samgraph: ")]
        assert status == 1 and len(told) == 1 and "ValueError" not in said
        assert str(name) in told[0] and "Permission denied" in told[0]
