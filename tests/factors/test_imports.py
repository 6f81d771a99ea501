"""The statistics need neither a database nor torch."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import samgraph.factors


def test_factors_import_neither_torch_nor_neo4j():
    names = [m.name for m in pkgutil.iter_modules(samgraph.factors.__path__, "samgraph.factors.")]
    assert len(names) > 5
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "print([m for m in ('torch', 'torch_geometric', 'neo4j') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
