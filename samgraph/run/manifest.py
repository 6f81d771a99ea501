"""What a run was made of: versions, machine, hashes, and the time of each stage."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import samgraph

PACKAGES = ("torch", "torch-geometric", "numpy", "pandas", "scipy", "arch", "neo4j", "pyarrow")


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the packages that numbers depend on."""
    found = {"samgraph": samgraph.__version__, "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a package that is vendored or absent is said to be so
            found[name] = "unknown"
    return found


def machine() -> str:
    """System, processor, cores and memory in one line; no name of the machine or of its user."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def kernels() -> dict[str, str]:
    """What decides the last digits of sums: the processor, and the kernels and threads of the numeric libraries."""
    import threadpoolctl
    import torch

    pools = {
        f"{pool['internal_api']} {Path(pool['filepath']).name.split('-')[0].split('.')[0]}": (
            f"{pool.get('version') or 'unknown version'}, {pool.get('architecture', 'no kernels of its own')}, "
            f"{pool['num_threads']} thread(s)"
        )
        for pool in threadpoolctl.threadpool_info()
    }
    aten = f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} thread(s)"
    return {"processor": processor(), "torch": aten, **dict(sorted(pools.items()))}


def processor() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def peak_memory() -> float:
    """Largest resident memory so far of this process and of its largest finished child, in GiB."""
    try:
        import resource
    except ImportError:  # no such accounting on Windows: say what is held now
        return float(psutil.Process().memory_info().rss) / 2**30
    unit = 2**20 if sys.platform.startswith("linux") else 2**30
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return float(own + child) / unit
