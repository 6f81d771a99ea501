"""The fuzzer at a small size; docs/reliability.md has the numbers of a long run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import fuzz  # noqa: E402
from fuzz_targets import TARGETS  # noqa: E402

HAVE_ATHERIS = __import__("importlib.util").util.find_spec("atheris") is not None
QUICK = {"settings": 200, "concept cuts": 200, "dates and moments": 300}
OFFLINE = [name for name, target in TARGETS.items() if not target.needs_server]


def told(tally: fuzz.Tally) -> str:
    return "\n".join(f"{what}\n    {smallest}" for what, smallest in tally.failures.items())


@pytest.mark.parametrize("name", list(QUICK))
def test_whatever_comes_is_taken_or_refused_in_a_sentence(name: str) -> None:
    tally = fuzz.fuzz(name, QUICK[name], 5, TARGETS[name].engine, seconds=120)
    assert tally.failed == 0, told(tally)
    assert tally.inputs == QUICK[name] and tally.refused and tally.taken


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OFFLINE)
def test_whatever_comes_is_taken_or_refused_in_a_sentence_at_length(name: str) -> None:
    if TARGETS[name].engine == "atheris" and not HAVE_ATHERIS:
        pytest.skip("atheris is not installed (group audit)")
    count = max(20, int(40 * TARGETS[name].share))
    tally = fuzz.fuzz(name, count, 6, TARGETS[name].engine, seconds=300)
    assert tally.failed == 0, told(tally)
    assert tally.inputs == count


def test_the_fuzzer_sees_a_traceback_a_hang_and_a_write(tmp_path: Path) -> None:
    """In a process of its own: its watch cannot be taken off again."""
    import subprocess

    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools")!r})
from pathlib import Path
import fuzz
fuzz.SECONDS_AN_INPUT = 0.3
from samgraph.errors import DatasetError
def refuse(): raise DatasetError("no")
def fail(): return {{}}["absent"]
def hang():
    while True: pass
def write(): Path({str(tmp_path / "x")!r}).write_text("x")
def fill(): return bytearray(3 << 30)
folder = Path({str(tmp_path)!r})
harness = fuzz.Harness("it", "by hand", folder, lambda value, folder: value)
for one in (refuse, lambda: 1, fail, hang, write, fill):
    harness(one)
tally = harness.finished()
print(tally.inputs, tally.taken, tally.refused, tally.failed)
print(sorted(key.split(" ")[0] for key in tally.failures))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    counts, kinds = done.stdout.splitlines()
    assert counts == "6 1 1 4", done.stderr
    assert kinds == "['KeyError', 'MemoryError', 'TooSlow', 'Wrote']"
    assert list(tmp_path.iterdir()) == []
