"""Execute docs/research.ipynb from top to bottom: in place, or into --out to see that it still runs.

It works in an empty temporary folder with a local Neo4j of its own, stopped with it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "research.ipynb"


def main() -> None:
    """Run the notebook; an error of a cell ends this program with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=NOTEBOOK)
    out = parser.parse_args().out
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("SAMGRAPH_NEO4J_U")]:
            del os.environ[name]  # never a user's own server
        os.environ["SAMGRAPH_HOME"] = str(Path(folder) / "home")
        os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # of a bar that a page could not show
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}})
        client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day are no content
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, out)


if __name__ == "__main__":
    main()
