"""Run the numeric tests under other processors' kernels: what holds on one processor alone is seen here.

python tools/kernels.py [--quick] [PYTEST ARGUMENT ...]

OpenBLAS takes another processor's kernels by OPENBLAS_CORETYPE, PyTorch by ATEN_CPU_CAPABILITY. Kernels that this
processor cannot run are left out and named. `--quick` takes few kernels and few tests, for CI.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDS = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512f", "Nehalem": "sse4_2", "default": "", "avx2": "avx2",
         "avx512": "avx512f"}  # fmt: skip
FULL = [
    (blas, aten, threads)
    for blas, aten in (
        ("Nehalem", "default"), ("Haswell", "avx2"), ("Zen", "avx2"), ("SkylakeX", "avx2"), ("SkylakeX", "avx512"),
    )
    for threads in (1, 2)
]  # fmt: skip
QUICK = [("Nehalem", "default", 1), ("Haswell", "avx2", 2), ("SkylakeX", "avx512", 1)]
TESTS = ["tests/factors", "tests/hist", "tests/samgraph/explain", "tests/samgraph/test_rounding.py"]
QUICK_TESTS = [
    "tests/factors/regression", "tests/factors/risk", "tests/hist/test_model_equals_dense.py",
    "tests/hist/test_metrics.py", "tests/samgraph/test_rounding.py",
]  # fmt: skip
SECONDS = 1200


def flags() -> set[str]:
    """The instructions that this processor has, as Linux names them; empty where that is not known."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def main() -> int:
    """0 if the tests pass under every set of kernels that can run here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="three sets of kernels, the tests nearest to them"
    )
    options, words = parser.parse_known_args()
    if platform.machine() not in ("x86_64", "AMD64"):
        print(f"kernels: {platform.machine()} has none of these to choose from; nothing to try")
        return 0
    here, failed = flags(), []
    for blas, aten, threads in QUICK if options.quick else FULL:
        name = f"OpenBLAS {blas}, ATen {aten}, {threads} thread(s)"
        if missing := {NEEDS[blas], NEEDS[aten]} - here - {""}:
            print(f"kernels: {name} left out: this processor has no {', '.join(sorted(missing))}", flush=True)
            continue
        settings = {"OPENBLAS_CORETYPE": blas, "ATEN_CPU_CAPABILITY": aten, "SAMGRAPH_TEST_KERNELS": "1"}
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        tests = words or (QUICK_TESTS if options.quick else TESTS)
        print(f"kernels: {name}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *tests],
            cwd=ROOT,
            env=os.environ | settings | counts,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            failed.append(name)
    for name in failed:
        print(f"kernels: failed with {name}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
