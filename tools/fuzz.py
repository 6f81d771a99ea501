"""A fuzzer of everything that reads what users bring: tables, settings, holdings, dates, cuts, answers, Cypher.

Two engines make the inputs: Hypothesis, which composes them from rules, and atheris, which mutates bytes and keeps
what reaches new code. Each target (tools/fuzz_targets.py) runs in a process of its own, with a bound on its memory,
a limit of time for each input, and a watch on what it writes. An input may be taken, or refused by a SamgraphError
or a click usage error. Anything else is a failure: it is told with its place and its smallest input.

    tools/fuzz.py [--inputs 100000] [--seed 0] [--target NAME ...] [--table FILE]

Needs the groups dev and audit. Hypothesis's inputs are decided by the seed; atheris's also follow the code's coverage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS_AN_INPUT = 10.0
GIB_ABOVE_START = 1.0
WRITES = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
}
STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}


class TooSlow(BaseException):
    """An input that took longer than it may."""


class Wrote(BaseException):
    """An input that made the program write, start a process, or speak to the network."""


@dataclass
class Tally:
    """What became of a target's inputs; `failures` has the smallest input of each by type and place."""

    target: str
    engine: str
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)


class Harness:
    """Runs inputs one by one and keeps the tally."""

    def __init__(self, name: str, engine: str, folder: Path, use: Callable[[Any, Path], Callable[[], Any]]):
        from click import ClickException

        from samgraph.errors import SamgraphError

        self.tally = Tally(name, engine)
        self.refusals = (SamgraphError, ClickException)
        self.folder, self.use = folder, use
        self.watching = False
        sys.addaudithook(self._watch)
        signal.signal(signal.SIGALRM, self._alarm)
        limit = int(_address_space() + GIB_ABOVE_START * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        self.began = time.monotonic()

    def __call__(self, value: Any) -> None:
        """Use one input; what goes wrong is kept, not raised."""
        read = self.use(value, self.folder)  # puts the input into its place, which is no part of the test
        before = _listing(self.folder)
        began = time.perf_counter()
        outcome = "taken"
        try:
            with self._watched(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
        except self.refusals:
            outcome = "refused"
        except (Exception, TooSlow, Wrote) as error:
            outcome = "failed"
            self._keep(error, value)
        if _listing(self.folder) != before:
            outcome = "failed"
            self._keep(Wrote("a file in the folder of the input"), value)
        tally = self.tally
        tally.inputs += 1
        setattr(tally, outcome, getattr(tally, outcome) + 1)
        tally.slowest = max(tally.slowest, time.perf_counter() - began)

    def finished(self) -> Tally:
        """The tally, with its time."""
        self.tally.seconds = time.monotonic() - self.began
        return self.tally

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_AN_INPUT)
        self.watching = True
        try:
            yield
        finally:
            self.watching = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _alarm(self, _number: int, _frame: types.FrameType | None) -> None:
        raise TooSlow(f"more than {SECONDS_AN_INPUT:g} s")

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching:
            return
        writes = event == "open" and bool(int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        abroad = event == "socket.connect" and str(arguments[1][0]) not in ("127.0.0.1", "::1")
        if writes or abroad or event in WRITES or event in STARTS:
            raise Wrote(f"{event} {arguments[:2]!r}")

    def _keep(self, error: BaseException, value: Any) -> None:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "samgraph" in f.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
        key = f"{type(error).__name__} at {where}: {str(error).strip()[:200]}"
        shown = repr(value)
        key = next((k for k in self.tally.failures if k.partition(": ")[0] == key.partition(": ")[0]), key)
        if key not in self.tally.failures or len(shown) < len(self.tally.failures[key]):
            self.tally.failures[key] = shown[:4000]


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted(
        (str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*") if not p.is_dir()
    )


def run_hypothesis(harness: Harness, strategy: Any, count: int, seed: int) -> None:
    """Draw `count` inputs; a strategy that has no more to give is started again from another seed."""
    import hypothesis

    while (left := count - harness.tally.inputs) > 0:
        before = harness.tally.inputs

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=left,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(strategy)
        def one(value: Any) -> None:
            if harness.tally.inputs < count:
                harness(value)

        one()
        seed += 1_000_003
        if harness.tally.inputs == before:
            break


def run_atheris(
    harness: Harness, seeds: list[bytes], count: int, seed: int, finish: Callable[[], None]
) -> None:
    """Mutate `seeds` until `count` inputs are used, then `finish`; does not return (libFuzzer ends the process)."""
    import atheris

    corpus = harness.folder.parent / "corpus"
    corpus.mkdir()
    for number, content in enumerate(seeds):
        (corpus / f"{number:03d}").write_bytes(content)

    def one(data: bytes) -> None:
        if harness.tally.inputs < count:
            harness(data)
        if harness.tally.inputs >= count:
            finish()
            sys.stdout.flush()
            os._exit(0)

    longest = max(4096, 2 * max(map(len, seeds)))
    options = [f"-seed={seed + 1}", f"-max_len={longest}", "-rss_limit_mb=0", "-timeout=60", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def child(name: str, count: int, seed: int, out: Path) -> None:
    """Fuzz one target in this process and write its tally to `out`."""
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
    if os.environ.get("SAMGRAPH_FUZZ_ATHERIS"):
        import atheris

        with atheris.instrument_imports(include=["samgraph"]):
            import fuzz_targets

            target = fuzz_targets.TARGETS[name]
            use, source = target.make()
    else:
        import fuzz_targets

        target = fuzz_targets.TARGETS[name]
        use, source = target.make()
    with tempfile.TemporaryDirectory(prefix="samgraph-fuzz-") as folder:
        work = Path(folder) / "input"
        work.mkdir()
        os.chdir(work)
        if target.engine == "atheris":  # what is imported at the first use is not the input's doing
            with contextlib.suppress(Exception):
                use(source[0], work)()
        harness = Harness(name, target.engine, work, use)

        def finish() -> None:
            out.write_text(json.dumps(asdict(harness.finished())))

        if target.engine == "atheris":
            run_atheris(harness, source, count, seed, finish)
        run_hypothesis(harness, source, count, seed)
        finish()


def fuzz(name: str, count: int, seed: int, engine: str, *, seconds: float = 3000.0) -> Tally:
    """Fuzz one target in a process of its own; one that dies or hangs is a failure of its last input."""
    with tempfile.TemporaryDirectory(prefix="samgraph-fuzz-") as folder:
        out = Path(folder) / "tally.json"
        command = [
            sys.executable,
            "-P",
            str(Path(__file__).resolve()),
            "--child",
            name,
            str(count),
            str(seed),
        ]
        quiet = {
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": folder,
        }
        quiet |= {
            "OPENBLAS_NUM_THREADS": "1",
            "ARROW_IO_THREADS": "2",
            "MALLOC_ARENA_MAX": "2",
            "MPLCONFIGDIR": folder,
        }
        if engine == "atheris":
            quiet["SAMGRAPH_FUZZ_ATHERIS"] = "1"
        try:
            done = subprocess.run(
                [*command, str(out)],
                env=os.environ | quiet,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
            ended, said = f"exit status {done.returncode}", done.stderr[-1500:]
        except subprocess.TimeoutExpired:
            ended, said = f"more than {seconds:g} s", ""
        if out.exists():
            return Tally(**json.loads(out.read_text()))
        return Tally(name, engine, failed=1, failures={f"the process ended ({ended})": said})


def table(tallies: list[Tally], seed: int) -> str:
    """The tallies as a Markdown table."""
    lines = [
        "| target | engine | inputs | taken | refused | failures | slowest, s |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for t in tallies:
        counts = " | ".join(f"{n:,}" for n in (t.inputs, t.taken, t.refused, t.failed))
        lines.append(f"| {t.target} | {t.engine} | {counts} | {t.slowest:.2f} |")
    total = " | ".join(
        f"{sum(getattr(t, n) for t in tallies):,}" for n in ("inputs", "taken", "refused", "failed")
    )
    lines.append(f"| all, seed {seed} | | {total} | {max(t.slowest for t in tallies):.2f} |")
    return "\n".join(lines)


def main() -> int:
    """The command line; exit status 1 where an input failed."""
    if sys.argv[1:2] == ["--child"]:
        name, count, seed, out = sys.argv[2:]
        child(name, int(count), int(seed), Path(out))
        return 0
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
    from fuzz_targets import TARGETS, server

    parser = argparse.ArgumentParser(description="Fuzz samgraph's readers.")
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, shared among the targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this one (repeatable)")
    parser.add_argument("--table", type=Path, help="write the table there too")
    asked = parser.parse_args()
    chosen = {name: TARGETS[name] for name in asked.target or TARGETS}
    shares = sum(target.share for target in chosen.values())
    tallies = []
    with contextlib.ExitStack() as stack:
        if any(target.needs_server for target in chosen.values()):
            stack.enter_context(server())
        for name, target in chosen.items():
            count = max(1, round(asked.inputs * target.share / shares))
            tally = fuzz(name, count, asked.seed, target.engine)
            tallies.append(tally)
            print(
                f"{name}: {tally.inputs:,} inputs, {tally.failed} failures, {tally.seconds:.0f} s", flush=True
            )
            for failure, smallest in tally.failures.items():
                print(f"  {failure}\n    {smallest}", flush=True)
    print(table(tallies, asked.seed))
    if asked.table:
        asked.table.write_text(table(tallies, asked.seed) + "\n", encoding="utf-8")
    return int(any(tally.failed for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
